// The agent of this machine, in this process: it follows its device's config as a poller follows
// the others', so that editing, pausing and deleting "this machine" work like for any device.

import { type Agent, type AgentTopics, createAgent } from '../agent/agent.ts'
import type { Sender } from './bus/contract.ts'
import type { Directory } from './devices/directory.ts'
import { THIS_MACHINE } from './first-start.ts'
import type { Logger } from './log.ts'
import type { Receipt } from './model/collection.ts'
import { parseDuration } from './model/duration.ts'

export interface LocalAgentOptions {
  directory: Directory
  sender: Sender
  topics: AgentTopics
  onReceipt: (device: string, receipt: Receipt) => void
  log: Logger
}

/** Starts the agent when its device is there and enabled. Returns how to stop. */
export function superviseLocalAgent(options: LocalAgentOptions): () => Promise<void> {
  const { directory, sender, topics, onReceipt, log } = options
  let running: { agent: Agent; everyMs: number; version: number } | null = null
  let last = Promise.resolve()

  const follow = async () => {
    const device = directory.get(THIS_MACHINE)
    const everyMs = device?.config.enabled ? parseDuration(device.config.every) : null
    const version = device?.version ?? 0
    if (running && running.everyMs === everyMs && running.version === version) return
    const kept = running !== null && running.everyMs === everyMs
    if (!kept) {
      await running?.agent.close()
      running = null
    }
    if (everyMs === null) return
    const agent =
      running?.agent ?? createAgent({ sender, topics, deviceId: THIS_MACHINE, everyMs, log })
    agent.start()
    running = { agent, everyMs, version }
    onReceipt(THIS_MACHINE, { stage: 'loaded', at: Date.now(), version, nextPollAt: Date.now() })
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
