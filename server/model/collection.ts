// The messages on MQTT: a collection and what surrounds it. The schema is the contract; the types
// come from it. Receivers ignore keys that they do not know (so nothing here forbids them).

import Type, { type Static } from 'typebox'
import { GAP_REASONS, type GapReason } from './gap.ts'
import { INVENTORIES } from './neighbour.ts'

/** Bytes of one collection message above which it is sent in parts. */
export const COLLECTION_BYTES_MAX = 128 * 1024

export const GapReasonSchema = Type.Enum(GAP_REASONS)

// Values and gaps come by the hundred in a message. As one schema of several types each is checked by a
// few comparisons; as a union (anyOf) each branch that does not fit makes an error object first.

/** A number, a text, or null; a null always has a gap of the same place. */
export type Value = number | string | null
const VALUE = { type: ['number', 'string', 'null'], maxLength: 4096 }
export const Value = Type.Unsafe<Value>(VALUE)

/** Rows of one collection. */
const rowsMax = 50_000

/** A value per row; of scalars the value itself. */
const Values = Type.Unsafe<Value | Value[]>({
  type: [...VALUE.type, 'array'],
  maxLength: 4096,
  maxItems: rowsMax,
  items: VALUE,
})

type Gap = GapReason | null
const GAP = { enum: [...GAP_REASONS, null] }
const Gaps = Type.Unsafe<Gap | Gap[]>({
  type: ['string', 'null', 'array'],
  maxItems: rowsMax,
  items: GAP,
  if: { type: 'string' },
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
  then: GAP,
})

/** Sender's numbers; senders that cannot spool (a sensor, Telegraf) leave them out. */
const Numbering = {
  src: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' })),
  boot: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9]{1,32}$' })),
  seq: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
}

const Head = {
  v: Type.Literal(1),
  ...Numbering,
  /** Unix ms at which the device answered. */
  at: Type.Integer({ minimum: 0 }),
  /** How long the read took, ms. */
  took: Type.Optional(Type.Number({ minimum: 0 })),
}

/** One read of one group that gave something: rows × metrics. Scalars leave out `rows`. */
export const GoodCollection = Type.Object({
  ...Head,
  ok: Type.Literal(true),
  part: Type.Optional(Type.Tuple([Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 1 })])),
  rows: Type.Optional(Type.Array(Type.String({ maxLength: 512 }), { maxItems: rowsMax })),
  /** Only some of the group's rows were heard of; the others are as they were. */
  some: Type.Optional(Type.Literal(true)),
  metrics: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{0,47}$' }), Values),
  gaps: Type.Optional(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{0,47}$' }), Gaps)),
})
export type GoodCollection = Static<typeof GoodCollection>

/** One read of one group that gave nothing, with the reason. */
export const FailedCollection = Type.Object({
  ...Head,
  ok: Type.Literal(false),
  reason: GapReasonSchema,
  error: Type.Optional(Type.String({ maxLength: 1024 })),
})
export type FailedCollection = Static<typeof FailedCollection>

export const Collection = Type.Union([GoodCollection, FailedCollection])
export type Collection = Static<typeof Collection>

/** Names, labels and units of a group's rows; retained. A sample never needs it to be stored. */
export const RowsMessage = Type.Object({
  v: Type.Literal(1),
  ...Numbering,
  at: Type.Integer({ minimum: 0 }),
  units: Type.Record(Type.String(), Type.String()),
  /** One whole read of neighbours or addresses: it is no group of series, and not retained. */
  inventory: Type.Optional(Type.Enum(INVENTORIES)),
  rows: Type.Array(
    Type.Object({
      key: Type.String({ maxLength: 512 }),
      index: Type.String({ maxLength: 512 }),
      name: Type.String({ maxLength: 512 }),
      subtitle: Type.Optional(Type.String({ maxLength: 512 })),
      labels: Type.Record(Type.String(), Type.String({ maxLength: 512 })),
    }),
    { maxItems: 50_000 },
  ),
})
export type RowsMessage = Static<typeof RowsMessage>
export type RowInfo = RowsMessage['rows'][number]

/** What ingest has committed (or refused) of one sender's numbers: inclusive ranges. */
export const Ack = Type.Object({
  boot: Type.String(),
  seq: Type.Array(Type.Tuple([Type.Integer(), Type.Integer()])),
  refused: Type.Array(Type.Tuple([Type.Integer(), Type.String()])),
  /** Unix ms of ingest's clock when it published this: senders measure theirs by it. */
  at: Type.Optional(Type.Integer()),
})
export type Ack = Static<typeof Ack>

export const DEVICE_STATES = ['up', 'degraded', 'down', 'unknown', 'paused'] as const
export type DeviceState = (typeof DEVICE_STATES)[number]

/** A device's state, retained, written by judge alone. */
export const DeviceStatus = Type.Object({
  state: Type.Enum(DEVICE_STATES),
  since: Type.Integer(),
  reason: Type.Union([GapReasonSchema, Type.Null()]),
  /** The error's own words, for the page. */
  error: Type.Optional(Type.String({ maxLength: 1024 })),
})
export type DeviceStatus = Static<typeof DeviceStatus>

/** What came of a config change or a poll-now, step by step. */
export const RECEIPT_STAGES = [
  'accepted',
  'loaded',
  'identified',
  'first-good',
  'failed',
  'removed',
] as const
export const Receipt = Type.Object({
  stage: Type.Enum(RECEIPT_STAGES),
  at: Type.Integer(),
  /** The config's version that this is about. */
  version: Type.Integer(),
  node: Type.Optional(Type.String()),
  thread: Type.Optional(Type.Integer()),
  nextPollAt: Type.Optional(Type.Integer()),
  error: Type.Optional(Type.String({ maxLength: 1024 })),
  /** At stage `identified`. */
  identity: Type.Optional(Type.Unknown()),
})
export type Receipt = Static<typeof Receipt>

/**
 * To poll nodes; never holds a secret. `device` absent: all of them. `watch` reads one device every
 * `everyMs` for the next `forMs`, and is sent again while somebody still looks.
 */
export const Command = Type.Object({
  do: Type.Enum(['config-changed', 'poll-now', 'watch'] as const),
  device: Type.Optional(Type.String()),
  everyMs: Type.Optional(Type.Integer({ minimum: 1000, maximum: 5000 })),
  forMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 30_000 })),
})
export type Command = Static<typeof Command>
