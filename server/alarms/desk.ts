// Alarms for the pages: how many are open, who wants to hear of changes, and acknowledgements. Changes
// come by MQTT, so it serves beside any judge.

import type { Audit } from '../audit.ts'
import type { Bus } from '../bus/contract.ts'
import { alarmsFilter, parseDeviceTopic } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import { ACK_NOTE_MAX, type Alarm } from '../model/alarm.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { cleanText } from '../model/text.ts'
import type { Actor } from '../model/user.ts'
import type { AlarmCounts, AlarmStore } from '../store/contract.ts'
import type { Announcer } from './announce.ts'

/** Alarms acknowledged at once. */
export const ackMax = 500
/** Many change at once: they are counted once. */
const countAfterMs = 300
/** What another process did and did not tell is seen after this, ms. */
const recountMs = 60_000

export interface Desk {
  /** As of a moment ago. */
  counts(): AlarmCounts
  /** Called soon after alarms changed; with the device where it is one alone. Returns how to stop. */
  onChange(listener: () => void): () => void
  /**
   * Of these, those that are active are taken on; an acknowledgement stays until the alarm is clear.
   * @returns those that were
   * @throws AppError E_ACK
   */
  acknowledge(ids: readonly string[], note: string, by: Actor): Promise<Alarm[]>
  close(): Promise<void>
}

export async function createDesk(parts: {
  bus: Bus
  site: string
  store: AlarmStore
  audit: Audit
  announcer: Announcer
  log: Logger
}): Promise<Desk> {
  const { bus, site, store, audit, announcer, log } = parts
  const listeners = new Set<() => void>()
  let counts: AlarmCounts = { critical: 0, warning: 0, info: 0, acknowledged: 0, suppressed: 0 }
  let timer: NodeJS.Timeout | null = null
  let isClosed = false

  const count = async () => {
    timer = null
    try {
      counts = await store.counts()
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'alarms are counted later')
    }
    for (const listener of listeners) listener()
  }
  const soon = () => {
    if (!isClosed) timer ??= setTimeout(() => void count(), countAfterMs)
  }
  await count()
  const stop = await bus.subscribe(alarmsFilter(site), ({ topic }) => {
    if (parseDeviceTopic(topic)) soon()
  })
  const slow = setInterval(soon, recountMs).unref()
  return {
    counts: () => counts,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async acknowledge(ids, note, by) {
      const text = cleanText(note, ACK_NOTE_MAX + 1)
      if (text.length > ACK_NOTE_MAX || ids.length > ackMax) {
        const message =
          ids.length > ackMax
            ? `at most ${ackMax} at once`
            : `has at most ${ACK_NOTE_MAX} characters`
        const path = ids.length > ackMax ? 'id' : 'note'
        throw new AppError('E_ACK', `the acknowledgement is not valid: ${message}`, {
          errors: [{ path, message }],
        })
      }
      const stored = await store.acknowledge(ids, { by: by.name, note: text, at: Date.now() })
      announcer.announce(stored)
      for (const { alarm } of stored) {
        const after = { device: alarm.device, text: alarm.text, note: text }
        await audit.record(by, 'alarm.acknowledge', `alarm:${alarm.id}`, { after })
      }
      soon()
      return stored.map(({ alarm }) => alarm)
    },
    async close() {
      isClosed = true
      clearInterval(slow)
      if (timer) clearTimeout(timer)
      await stop()
    },
  }
}
