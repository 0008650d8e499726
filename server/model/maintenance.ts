// Maintenance windows: times in which new alarms of some devices are kept back. Polling goes on. Pure.

import Type, { type Static } from 'typebox'
import { isAbout, type RuleDevice, RuleDevices } from './rule.ts'

const DAY_MS = 86_400_000
/** A window that comes again lasts at most so long. */
export const windowMinutesMax = 7 * 24 * 60

/** Monday first, as ISO 8601 counts. */
export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const Once = Type.Object(
  { from: Type.Integer({ minimum: 0 }), to: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)
const Weekly = Type.Object(
  {
    days: Type.Array(Type.Enum(WEEKDAYS), { minItems: 1, maxItems: 7, uniqueItems: true }),
    /** UTC. */
    at: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
    minutes: Type.Integer({ minimum: 1, maximum: windowMinutesMax }),
  },
  { additionalProperties: false },
)

export const MaintenanceWindow = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 80, pattern: '\\S' }),
    devices: RuleDevices,
    /** Exactly one of these two. */
    once: Type.Optional(Once),
    weekly: Type.Optional(Weekly),
  },
  { additionalProperties: false },
)
export type MaintenanceWindow = Static<typeof MaintenanceWindow>

/** When it is in force around this moment (Unix ms); null: it is not. */
export function spanAt(
  { once, weekly }: Pick<MaintenanceWindow, 'once' | 'weekly'>,
  now: number,
): { from: number; to: number } | null {
  if (once) return now >= once.from && now < once.to ? once : null
  if (!weekly) return null
  const [hours = 0, minutes = 0] = weekly.at.split(':').map(Number)
  const midnight = Math.floor(now / DAY_MS) * DAY_MS
  const lastMs = weekly.minutes * 60_000
  for (let back = 0; back <= Math.ceil(lastMs / DAY_MS); back++) {
    const day = midnight - back * DAY_MS
    const name = WEEKDAYS[(new Date(day).getUTCDay() + 6) % 7]
    const from = day + hours * 3_600_000 + minutes * 60_000
    const isDay = weekly.days.some(one => one === name)
    if (isDay && now >= from && now < from + lastMs) return { from, to: from + lastMs }
  }
  return null
}

/** The first window that is in force for a device now. */
export function maintenanceOf<W extends MaintenanceWindow>(
  windows: readonly W[],
  device: RuleDevice,
  now: number,
): { window: W; from: number; to: number } | null {
  for (const window of windows) {
    if (!isAbout(window.devices, device)) continue
    const span = spanAt(window, now)
    if (span) return { window, ...span }
  }
  return null
}
