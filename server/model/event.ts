// What happened to a device at a moment: the schema of messages on `…/devices/<device>/events`.
// The schema is the contract, the types come from it; receivers ignore keys that they do not know.

import Type, { type Static } from 'typebox'

/** Where an event comes from. A closed list: pages filter by it. */
export const EVENT_KINDS = [
  /** The device's state changed, with the reason. */
  'status',
  /** It came up anew (sysUpTime, an engine, an agent). */
  'reboot',
  /** A row of a table: an interface up or down, a container, a disk; appeared, vanished, changed. */
  'row',
  /** A container or engine told by Docker's own event stream. */
  'docker',
  /** The device's config was changed by somebody. */
  'config',
  'alarm',
  'trap',
  'syslog',
  /** Written by a person. */
  'comment',
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** RFC 3877's words, as alarms have them. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

export const EVENT_TEXT_MAX = 1024
/** Names and texts of one event's `fields` together, bytes of UTF-8. */
export const EVENT_FIELDS_BYTES_MAX = 4096

/** One event. Numbered like a collection where its sender spools (`src`, `boot`, `seq`). */
export const DeviceEvent = Type.Object({
  v: Type.Literal(1),
  src: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' })),
  boot: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9]{1,32}$' })),
  seq: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  /** Unix ms at which it happened. */
  at: Type.Integer({ minimum: 0 }),
  kind: Type.Enum(EVENT_KINDS),
  severity: Type.Enum(SEVERITIES),
  /** A short word for machines within the kind: `die`, `linkDown`, `recreated`. */
  name: Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$' }),
  /** A sentence for people. Never trusted as markup. */
  text: Type.String({ minLength: 1, maxLength: EVENT_TEXT_MAX }),
  /** The group and the row key that it is about, where it is about a row. */
  group: Type.Optional(Type.String({ maxLength: 64 })),
  row: Type.Optional(Type.String({ maxLength: 512 })),
  /** What else is known: exit code, image digest, varbinds; `EVENT_FIELDS_BYTES_MAX` together. */
  fields: Type.Optional(
    Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 1024 }), {
      maxProperties: 64,
      description: `names and texts together at most ${EVENT_FIELDS_BYTES_MAX} bytes in UTF-8`,
    }),
  ),
})
export type DeviceEvent = Static<typeof DeviceEvent>
/** As a sender makes it: the bus adds version and numbers. */
export type EventBody = Omit<DeviceEvent, 'v' | 'src' | 'boot' | 'seq'>
