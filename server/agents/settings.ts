// Tells each enrolled agent what the config of its device asks of it: a retained message on a topic that
// this agent alone may hear. Nothing in it is secret.

import type { Bus } from '../bus/contract.ts'
import { agentSettingsTopic } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import type { AgentSettings } from '../model/agent.ts'
import type { Device } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { Agent } from '../store/enrolment.ts'

export interface AgentSettingsOptions {
  bus: Bus
  site: string
  agents(): Promise<Agent[]>
  device(id: string): Device | undefined
  log: Logger
}

export interface SettingsTeller {
  /** Something changed: what is new is told soon. */
  changed(): void
  close(): Promise<void>
}

export function tellSettings(options: AgentSettingsOptions): SettingsTeller {
  const { bus, site, log } = options
  /** By src, what the broker keeps. */
  const told = new Map<string, string>()
  let running: Promise<void> | null = null
  let again = false
  let isClosed = false

  async function wanted(): Promise<Map<string, string>> {
    const texts = new Map<string, string>()
    for (const { deviceId, deviceUid, src, revokedAt } of await options.agents()) {
      const device = options.device(deviceId)
      if (revokedAt !== null || device?.uid !== deviceUid) continue
      const { every, enabled } = device.config
      texts.set(src, JSON.stringify({ v: 1, every, enabled } satisfies AgentSettings))
    }
    return texts
  }

  async function tellAll(): Promise<void> {
    if (!bus.connected) return
    const texts = await wanted()
    for (const src of told.keys()) if (!texts.has(src)) await tell(src, '')
    for (const [src, text] of texts) if (told.get(src) !== text) await tell(src, text)
  }

  async function tell(src: string, text: string): Promise<void> {
    if (isClosed) return
    // An empty retained message takes back the one before (MQTT 3.1.1, 3.3.1.3).
    await bus.publish(agentSettingsTopic(site, src), text, { retain: true })
    if (text === '') told.delete(src)
    else told.set(src, text)
  }

  async function run(): Promise<void> {
    do {
      again = false
      await tellAll().catch(error =>
        log.warn({ cause: messageOf(error) }, 'agents were not told their settings'),
      )
    } while (again && !isClosed)
  }

  function changed(): void {
    again = true
    if (isClosed) return
    running ??= run().finally(() => {
      running = null
    })
  }

  const stopState = bus.onState(connected => {
    if (!connected) return
    // It may be another broker, or one that forgot what it kept.
    told.clear()
    changed()
  })
  return {
    changed,
    async close() {
      isClosed = true
      stopState()
      await running
    },
  }
}
