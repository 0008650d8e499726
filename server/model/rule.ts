// A rule about alarms: which series it looks at, when it raises, when it clears. Rules of profiles, of
// devices' configs and of people all have this shape; people's are stored as this document.

import Type, { type Static } from 'typebox'
import { DEVICE_ID_PATTERN, DEVICE_KINDS } from './device.ts'
import { SEVERITIES } from './event.ts'
import { GAP_REASONS } from './gap.ts'
import { ROLES } from './profile.ts'

/**
 * What is compared. `threshold`: the value. `rate`: its change a second over the time `over`. `week`: its
 * difference to the same hour of last week, in percent. `state`: the states' own severities, or those of
 * `states`. `text`: any change, for the time `for` (default 1 h). `missing`: nothing good came for the
 * time `for`. `anomaly`, `days-to-full`: series that models give.
 */
export const CONDITIONS = [
  'threshold',
  'missing',
  'rate',
  'state',
  'text',
  'week',
  'anomaly',
  'days-to-full',
] as const
export type ConditionType = (typeof CONDITIONS)[number]
/** What a form offers: nothing gives the others yet, and a rule of them would never raise. */
export const OFFERED_CONDITIONS = CONDITIONS.filter(
  condition => condition !== 'anomaly' && condition !== 'days-to-full',
)

const closed = { additionalProperties: false }
const Expression = Type.String({ minLength: 1, maxLength: 500 })
/** `0s` too: at once. */
const Time = Type.String({ pattern: '^[0-9]{1,7}(s|m|h|d)$', description: 'a time, as 10m or 0s' })
const texts = (pattern: string, max = 100) =>
  Type.Array(Type.String({ pattern }), { minItems: 1, maxItems: max, uniqueItems: true })

/** Of the filters that are there, a device must fit each one. */
export const RuleDevices = Type.Object(
  {
    tags: Type.Optional(texts('^[^\\s,]{1,40}$')),
    kinds: Type.Optional(Type.Array(Type.Enum(DEVICE_KINDS), { minItems: 1, maxItems: 5 })),
    locations: Type.Optional(texts('^[\\s\\S]{1,100}$')),
    ids: Type.Optional(texts(DEVICE_ID_PATTERN, 1000)),
    /** Every device there is; must be said. */
    all: Type.Optional(Type.Literal(true)),
  },
  { ...closed, minProperties: 1 },
)
export type RuleDevices = Static<typeof RuleDevices>

export const RuleDocument = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 80, pattern: '\\S' }),
    /** One of these two: a role that holds for every vendor, or `group.metric`. */
    role: Type.Optional(Type.Enum(ROLES)),
    metric: Type.Optional(
      Type.String({ pattern: '^[a-z][a-z0-9_]{0,47}\\.[a-z][a-z0-9_]{0,47}$' }),
    ),
    /** Row keys, with `*` for any letters; absent: all rows. */
    row: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    devices: RuleDevices,
    condition: Type.Enum(CONDITIONS),
    info: Type.Optional(Expression),
    warning: Type.Optional(Expression),
    critical: Type.Optional(Expression),
    clear: Type.Optional(Expression),
    when: Type.Optional(Expression),
    for: Type.Optional(Time),
    over: Type.Optional(Time),
    /** Of `missing`, `text` and named `states`. */
    severity: Type.Optional(Type.Enum(SEVERITIES)),
    states: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 60 }), { minItems: 1, maxItems: 50 }),
    ),
    reasons: Type.Optional(Type.Array(Type.Enum(GAP_REASONS), { minItems: 1, maxItems: 16 })),
    text: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    runbook: Type.Optional(Type.String({ minLength: 1, maxLength: 1000 })),
    enabled: Type.Boolean(),
  },
  closed,
)
export type RuleDocument = Static<typeof RuleDocument>

export const RULE_SOURCES = ['built-in', 'profile', 'device', 'person'] as const
export type RuleSource = (typeof RULE_SOURCES)[number]

/** A rule as all lists show it, wherever it comes from. */
export interface Rule extends Omit<RuleDocument, 'devices'> {
  id: string
  version: number
  source: RuleSource
  /** The profile, the device or the person that it comes from. */
  from: string
  /** null: every device that uses the profile. */
  devices: RuleDevices | null
  /** Only where the row was once in a good state (PROFILES: `changed`). */
  changed: boolean
}

export interface RuleDevice {
  id: string
  kind: string
  tags?: readonly string[] | undefined
  location?: string | undefined
}

/** Does a device fit every filter that there is? */
export function isAbout({ ids, kinds, tags, locations }: RuleDevices, device: RuleDevice): boolean {
  if (ids && !ids.includes(device.id)) return false
  if (kinds && !kinds.some(kind => kind === device.kind)) return false
  if (tags && !tags.some(tag => device.tags?.includes(tag))) return false
  return !locations || locations.includes(device.location ?? '')
}

/** `Gi1/*` as a check of row keys; only `*` means something. Linear: no expression is compiled. */
export function rowMatcher(pattern: string): (row: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return row => row === first
  return row => {
    if (!row.startsWith(first)) return false
    let place = first.length
    for (const part of rest) {
      const found = row.indexOf(part, place)
      if (found < 0) return false
      place = found + part.length
    }
    return row.length - last.length >= place && row.endsWith(last)
  }
}
