// Clocks of SNMPv3 engines that outlive a start of Pollux: without them a recorded trap would be believed
// until its device sends a newer one (RFC 3414, section 2.2.3). Pure.

import Type from 'typebox'
import type { NotificationUser } from '../snmp/notification-usm.ts'
import type { Clock } from '../snmp/usm-engine.ts'
import { checker } from '../validate.ts'

/** Of all devices together; the newest stay. */
export const clocksMax = 5000
/** A clock that nobody moved for so long is forgotten, ms. */
const keptMs = 90 * 86_400_000

const KeptClock = Type.Object({
  device: Type.String({ maxLength: 200 }),
  /** snmpEngineID in hexadecimal. */
  engine: Type.String({ pattern: '^([0-9a-f]{2}){5,32}$' }),
  boots: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
  time: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
  /** When it was heard, Unix ms. */
  at: Type.Integer({ minimum: 0 }),
})
export type KeptClock = Type.Static<typeof KeptClock>

const check = checker(Type.Array(KeptClock))

/** The clocks of a stored text; none where it is none. */
export function readClocks(text: string | null): KeptClock[] {
  try {
    const checked = check(JSON.parse(text ?? '[]'))
    return checked.ok ? checked.value.slice(0, clocksMax) : []
  } catch {
    return []
  }
}

/** @param now two clocks of one moment, ms */
export interface Moment {
  /** The one that never goes back, by which engines are heard. */
  steady: number
  unix: number
}

export interface EngineClocks {
  /** What was kept of a device's engines, as the rest knows clocks. */
  of(device: string, now: Moment): Map<string, Clock>
  /** What the engines of its user show. */
  learn(device: string, user: NotificationUser, now: Moment): void
  /** New credentials: whoever gave them says with that that all may begin anew. */
  forget(device: string): void
  /** All that is worth keeping; null: nothing changed since the last call. */
  take(now: Moment): KeptClock[] | null
}

export function createEngineClocks(known: readonly KeptClock[]): EngineClocks {
  const devices = new Map<string, Map<string, KeptClock>>()
  let isChanged = false
  const place = (device: string) => {
    const there = devices.get(device) ?? new Map<string, KeptClock>()
    devices.set(device, there)
    return there
  }
  for (const one of known) place(one.device).set(one.engine, one)
  return {
    of(device, { steady, unix }) {
      const all = [...(devices.get(device)?.values() ?? [])]
      return new Map(
        all.map(({ engine, boots, time, at }) => {
          // Where our clock was set back meanwhile, no time is known to have gone by.
          return [engine, { boots, time, heardAt: steady - Math.max(0, unix - at) }]
        }),
      )
    },
    learn(device, { engines }, { steady, unix }) {
      for (const { id, auth, clock } of engines) {
        if (auth === null || clock === null) continue
        const engine = Buffer.from(id).toString('hex')
        const { boots, time, heardAt } = clock
        const before = devices.get(device)?.get(engine)
        if (before?.boots === boots && before.time === time) continue
        place(device).set(engine, {
          device,
          engine,
          boots,
          time,
          at: Math.round(unix - (steady - heardAt)),
        })
        isChanged = true
      }
    },
    forget(device) {
      isChanged = devices.delete(device) || isChanged
    },
    take({ unix }) {
      if (!isChanged) return null
      isChanged = false
      const kept = [...devices.values()]
        .flatMap(engines => [...engines.values()])
        .filter(({ at }) => at > unix - keptMs)
        .sort((a, b) => b.at - a.at)
        .slice(0, clocksMax)
      devices.clear()
      for (const one of kept) place(one.device).set(one.engine, one)
      return kept
    },
  }
}
