// What the world hears of a stored transition: the alarm's state on MQTT, retained while it is open,
// and an event of the device. What the broker does not take waits, the newest of each alarm.

import type { Bus } from '../bus/contract.ts'
import { alarmsFilter, alarmTopic, parseDeviceTopic } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import type { Alarm, Transition } from '../model/alarm.ts'
import { messageOf } from '../model/errors.ts'
import type { EventBody } from '../model/event.ts'

/** Alarms whose newest state waits for the broker. */
const waitingMax = 20_000

export interface Announcer {
  announce(transitions: readonly Transition[]): void
  /** Says again what is open; what the broker retains of others is taken away. */
  correct(open: readonly Alarm[]): Promise<void>
  flush(): Promise<void>
  readonly waiting: number
  readonly dropped: number
}

export function createAnnouncer(parts: {
  bus: Bus
  site: string
  tell(device: string, event: EventBody): void
  log: Logger
}): Announcer {
  const { bus, site, tell, log } = parts
  const pending = new Map<string, Alarm>()
  /** What is open as far as was said: the broker may retain it. */
  const open = new Set<string>()
  let dropped = 0
  let running: Promise<void> | null = null

  const send = async (alarm: Alarm) => {
    const topic = alarmTopic(site, alarm.device, alarm.id)
    await bus.publish(topic, JSON.stringify(alarm), { retain: alarm.state !== 'clear' })
    // Who subscribes later must not take it for open: an empty message takes it away (MQTT 3.3.1.3).
    if (alarm.state === 'clear') await bus.publish(topic, '', { retain: true })
  }
  const flushAll = async () => {
    for (const [id, alarm] of pending) {
      if (!bus.connected) return
      try {
        await send(alarm)
      } catch (error) {
        log.debug({ alarm: id, error: messageOf(error) }, 'an alarm waits for the broker')
        return
      }
      if (pending.get(id) === alarm) pending.delete(id)
    }
  }
  const flush = (): Promise<void> => {
    running ??= flushAll().finally(() => {
      running = null
    })
    return running
  }
  const put = (alarm: Alarm) => {
    if (alarm.state === 'clear') open.delete(alarm.id)
    else open.add(alarm.id)
    if (pending.size >= waitingMax && !pending.has(alarm.id)) dropped++
    else pending.set(alarm.id, alarm)
  }
  return {
    announce(transitions) {
      for (const transition of transitions) {
        put(transition.alarm)
        tell(transition.alarm.device, eventOf(transition))
      }
      void flush()
    },
    async correct(stored) {
      open.clear()
      for (const alarm of stored) put(alarm)
      const stop = await bus.subscribe(alarmsFilter(site), ({ topic, payload, retained }) => {
        const id = parseDeviceTopic(topic)?.group
        if (!retained || payload.length === 0 || !id || open.has(id)) return
        bus.publish(topic, '', { retain: true }).catch(() => undefined)
      })
      // Retained messages come with the subscription; later ones are our own.
      setTimeout(() => void stop().catch(() => undefined), 30_000).unref()
      void flush()
    },
    flush,
    get waiting() {
      return pending.size
    },
    get dropped() {
      return dropped
    },
  }
}

/** Built from the row alone, so that telling it twice is one event. */
function eventOf({ alarm, from, to, at, reason }: Transition): EventBody {
  const isBad = to !== 'clear' && reason !== 'acknowledged'
  const who = reason === 'acknowledged' && alarm.ack ? `, by ${alarm.ack.by}` : ''
  const note = reason === 'acknowledged' && alarm.ack?.note ? `: ${alarm.ack.note}` : ''
  return {
    ...{ at, kind: 'alarm', name: reason },
    severity: isBad && to !== 'suppressed' ? alarm.severity : 'info',
    text: `Alarm ${WORDS[reason] ?? reason}${who}: ${alarm.text}${note}`.slice(0, 1000),
    ...(alarm.row !== null && { group: alarm.group, row: alarm.row }),
    fields: { alarm: alarm.id, rule: alarm.ruleName, value: alarm.value, limit: alarm.limit, from },
  }
}

const WORDS: Partial<Record<Transition['reason'], string>> = {
  severity: 'changed its severity',
  parent: 'kept back, a parent is down',
  maintenance: 'kept back by maintenance',
  released: 'raised, nothing keeps it back any more',
  flapping: 'raised, it comes and goes',
  paused: 'ended, the device was paused',
  'row-gone': 'ended, its row is gone',
  'rule-gone': 'ended, its rule is gone',
  'device-gone': 'ended, its device is gone',
}
