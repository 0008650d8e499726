// The one gate: a message becomes an accepted collection, or is refused with a reason of a closed
// list. Pure; keeps no state, reads no clock, and never throws whatever the payload holds.

import { isUtf8 } from 'node:buffer'
import { parseDeviceTopic } from '../bus/topics.ts'
import type {
  Accept,
  AcceptContext,
  Accepted,
  AcceptedCollection,
  AcceptedEvent,
  AcceptedRows,
  KnownDevice,
  Refused,
} from '../model/accepted.ts'
import { FailedCollection, GoodCollection, RowsMessage } from '../model/collection.ts'
import { DeviceEvent, EVENT_FIELDS_BYTES_MAX, EVENT_KINDS, EVENT_TEXT_MAX } from '../model/event.ts'
import { cleanLine } from '../model/text.ts'
import { type Checked, checker, parseJson } from '../validate.ts'
import { columnsOf, uniqueRows } from './matrix.ts'
import { numberInText, numberOf } from './number.ts'
import { Refusal } from './refusal.ts'

/** Bytes of one collection message: a sender cuts at 128 kB. */
export const collectionBytesMax = 256 * 1024
/** Row names are sent whole, since the topic is retained: a part would overwrite the part before. */
export const rowsBytesMax = 8 * 1024 * 1024
/** An event has a sentence, and some fields beside it. */
export const eventBytesMax = 128 * 1024
/** Parts of one collection. */
export const partsMax = 64
/** How far ahead of ours a sender's clock may be, ms. */
export const futureMsMax = 5 * 60_000

const checkGood = checker(GoodCollection, { firstOnly: true })
const checkFailed = checker(FailedCollection, { firstOnly: true })
const checkRows = checker(RowsMessage, { firstOnly: true })
const checkEvent = checker(DeviceEvent, { firstOnly: true })

/** The form of a group's name, stricter than what a topic may hold. */
const GROUP = /^[a-z0-9._-]{1,100}$/

type Message = Parameters<Accept>[0]
type Channel = 'samples' | 'rows' | 'events'

/** A message whose topic, size and JSON were in order. */
interface Opened {
  device: KnownDevice
  /** Of events: the only kind of their topic; empty: any. */
  group: string
  document: unknown
}

/** What was learnt before a refusal. */
type Found = Pick<Refused, 'device' | 'group' | 'number'>

/**
 * A message of `samples/<group>`. A null without a gap gets the gap `partial` (the device did not
 * give it, and nobody said why); a gap beside a value is dropped, since the value is there. Keys
 * that we do not know are ignored.
 */
export const accept: Accept = (message, context) => {
  const found: Found = { device: null, group: null, number: null }
  return guarded(found, (): Accepted => {
    const { device, group, document } = open(message, context, 'samples', collectionBytesMax, found)
    const base = { refused: null, device, number: found.number }
    if (isFailed(document)) {
      const { at, reason, error } = valid(checkFailed(document))
      believable(at, context)
      const nothing = { rows: null, metrics: new Map(), gaps: new Map() }
      const collection = { deviceUid: device.uid, group, at, ...nothing, failed: reason }
      return { ...base, collection, part: null, error: error ?? null }
    }
    const good = valid(checkGood(document))
    believable(good.at, context)
    const collection: AcceptedCollection = {
      deviceUid: device.uid,
      group,
      at: good.at,
      ...columnsOf(good),
      failed: null,
      ...(good.some && { some: true }),
    }
    return { ...base, collection, part: partOf(good), error: null }
  })
}

/** A message of `rows/<group>`: names, labels and units of the rows. However old it is, it is valid. */
export function acceptRows(message: Message, context: AcceptContext): AcceptedRows | Refused {
  const found: Found = { device: null, group: null, number: null }
  return guarded(found, (): AcceptedRows => {
    const { device, group, document } = open(message, context, 'rows', rowsBytesMax, found)
    const { at, rows, inventory } = valid(checkRows(document))
    believable(at, { ...context, retentionMs: Number.POSITIVE_INFINITY })
    uniqueRows(rows.map(row => row.key))
    return { refused: null, device, group, at, rows, inventory, number: found.number }
  })
}

/**
 * A message of `events`. A text may be anything that somebody logged: it becomes one line without
 * control characters; what names a row stays as it is, as it must be found again.
 */
export function acceptEvent(message: Message, context: AcceptContext): AcceptedEvent | Refused {
  const found: Found = { device: null, group: null, number: null }
  return guarded(found, (): AcceptedEvent => {
    const limits = ['events', eventBytesMax] as const
    const { device, document, group: only } = open(message, context, ...limits, found)
    const { at, kind, severity, name, text, group, row, fields } = valid(checkEvent(document))
    // People comment on pages, signed in: a sender must not put words into their mouths.
    if (kind === 'comment') throw new Refusal('schema', 'comments do not come by the bus')
    // An account that may say some kinds alone has a topic for each, and no other.
    if (only !== '' && only !== kind) throw new Refusal('schema', `${kind} on the topic of ${only}`)
    believable(at, context)
    if (fields) bounded(fields)
    const line = cleanLine(text, EVENT_TEXT_MAX)
    if (line === '') throw new Refusal('schema', 'text says nothing')
    const event = {
      ...{ at, kind, severity, name, text: line },
      ...(group && { group: group.toWellFormed() }),
      ...(group && row && { row: row.toWellFormed() }),
      ...(fields && { fields: cleanFields(fields) }),
    }
    return { refused: null, device, event, number: found.number }
  })
}

/** Refused, not cut: what is left of a cut text could say the opposite. */
function bounded(fields: Record<string, string>): void {
  const bytes = Object.entries(fields)
    .flat()
    .reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > EVENT_FIELDS_BYTES_MAX) {
    throw new Refusal('too-large', `fields of ${bytes} bytes, at most ${EVENT_FIELDS_BYTES_MAX}`)
  }
}

function cleanFields(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, text]) => [
      cleanLine(name),
      cleanLine(text, EVENT_TEXT_MAX),
    ]),
  )
}

function guarded<T>(found: Found, read: () => T): T | Refused {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.reason, detail: error.message, ...found }
    throw error
  }
}

/** Fills `found` on the way, so that a refusal can still be acknowledged. */
function open(
  { topic, payload }: Message,
  context: AcceptContext,
  channel: Channel,
  bytesMax: number,
  found: Found,
): Opened {
  const parsed = parseDeviceTopic(topic)
  if (
    parsed?.site !== context.site ||
    parsed.channel !== channel ||
    !isGroupOf(channel, parsed.group)
  ) {
    throw new Refusal('topic', `${topic.slice(0, 200)} is no ${channel} topic of this site`)
  }
  const device = context.devices.get(parsed.device)
  found.device = device ?? null
  const group = parsed.group ?? ''
  found.group = parsed.group
  if (payload.length > bytesMax) {
    found.number = numberInText(payload)
    throw new Refusal('too-large', `${payload.length} bytes, at most ${bytesMax}`)
  }
  // RFC 8259, 8.1. Read leniently, two rows whose names differ in wrong bytes alone would be one.
  const document = isUtf8(payload) ? parseJson(payload) : undefined
  found.number = document === undefined ? numberInText(payload) : numberOf(document)
  if (document === undefined) throw new Refusal('json', 'the payload is not JSON in UTF-8')
  if (!device) throw new Refusal('unknown-device', `no device "${parsed.device.slice(0, 63)}"`)
  return { device, group, document }
}

function isGroupOf(channel: Channel, group: string | null): boolean {
  if (channel === 'events') return group === null || EVENT_KINDS.some(kind => kind === group)
  return group !== null && GROUP.test(group)
}

function isFailed(document: unknown): boolean {
  return (
    typeof document === 'object' && document !== null && 'ok' in document && document.ok === false
  )
}

function valid<T>(checked: Checked<T>): T {
  if (checked.ok) return checked.value
  const [first] = checked.errors
  throw new Refusal('schema', `${first?.path || '(top)'} ${first?.message}`.slice(0, 300))
}

function believable(at: number, context: AcceptContext): void {
  if (!Number.isSafeInteger(at) || at > context.now + futureMsMax) {
    throw new Refusal(
      'device-clock',
      `its time is ${Math.round((at - context.now) / 1000)} s ahead`,
    )
  }
  if (at < context.now - context.retentionMs) {
    throw new Refusal('too-old', `its time is ${new Date(at).toISOString()}`)
  }
}

function partOf(good: GoodCollection): [number, number] | null {
  if (!good.part) return null
  const [i, n] = good.part
  if (i > n || n > partsMax) throw new Refusal('part', `part ${i} of ${n}`)
  if (n > 1 && !good.rows) throw new Refusal('part', 'a part without rows')
  return n === 1 ? null : [i, n]
}
