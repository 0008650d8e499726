// The agent of this machine, in this process: it follows its device's config as a poller follows
// the others', so that editing, pausing and deleting "this machine" work like for any device.

import os from 'node:os'
import { type Agent, type AgentTopics, createAgent } from '../../agent/agent.ts'
import { hostFacts } from '../../agent/facts.ts'
import type { Sender } from '../bus/contract.ts'
import type { Directory } from '../devices/directory.ts'
import type { Logger } from '../log.ts'
import type { Receipt } from '../model/collection.ts'
import { parseDuration } from '../model/duration.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { agentIdentity } from './agent-identity.ts'
import { THIS_MACHINE } from './first-start.ts'

export interface LocalAgentOptions {
  directory: Directory
  sender: Sender
  topics: AgentTopics
  catalogue: () => Catalogue
  onReceipt: (device: string, receipt: Receipt) => void
  log: Logger
}

/** Starts the agent when its device is there and enabled. Returns how to stop. */
export function superviseLocalAgent(options: LocalAgentOptions): () => Promise<void> {
  const { directory, sender, topics, catalogue, onReceipt, log } = options
  let running: { agent: Agent; everyMs: number; version: number } | null = null
  let last = Promise.resolve()

  const follow = async () => {
    const device = directory.get(THIS_MACHINE)
    const everyMs = device?.config.enabled ? parseDuration(device.config.every) : null
    const version = device?.version ?? 0
    if (running && running.everyMs === everyMs && running.version === version) return
    if (running && running.everyMs !== everyMs) {
      await running.agent.close()
      running = null
    }
    if (everyMs === null || !device) return
    const agent =
      running?.agent ?? createAgent({ sender, topics, deviceId: THIS_MACHINE, everyMs, log })
    agent.start()
    running = { agent, everyMs, version }
    const at = Date.now()
    onReceipt(THIS_MACHINE, { stage: 'loaded', at, version, nextPollAt: at })
    const facts = { name: os.hostname(), ...hostFacts() }
    const identity = await agentIdentity(device.config, catalogue(), facts)
    onReceipt(THIS_MACHINE, { stage: 'identified', at, version, identity })
  }
  const soon = () => {
    last = last
      .then(follow)
      .catch(error => log.error({ err: error }, 'the agent of this machine did not start'))
  }
  const unfollow = directory.onRefresh(soon)
  soon()
  return async () => {
    unfollow()
    await last
    await running?.agent.close()
  }
}
