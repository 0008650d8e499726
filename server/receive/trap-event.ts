// A notification as an event: its name, severity and words are those of a profile, else it is told by
// its number; what it brought stands in the fields. Pure.

import { EVENT_FIELDS_BYTES_MAX, type EventBody } from '../model/event.ts'
import type { RawValue } from '../model/raw.ts'
import { tellsSecret } from '../model/secret-oids.ts'
import { cleanLine } from '../model/text.ts'
import type { CompiledNotification } from '../profiles/notification.ts'
import type { Notification } from '../snmp/notification.ts'
import { indexUnder } from '../snmp/oid.ts'
import type { VarBind } from '../snmp/session.ts'

const valueCharsMax = 255
const textCharsMax = 900
const fieldsMax = 40
/** Left for what a sum adds. */
const fieldsBytesMax = EVENT_FIELDS_BYTES_MAX - 100

export interface TrapEvent {
  event: EventBody
  row: { table: string; index: string } | null
  poll: boolean
}

export type Dictionary = ReadonlyMap<string, CompiledNotification>

/** RFC 3584 gives a v1 trap the name `enterprise.0.n`; not every MIB has the zero in its own. */
function meaningOf(oid: string, dictionary: Dictionary): CompiledNotification | undefined {
  return dictionary.get(oid) ?? dictionary.get(oid.replace(/\.0\.([0-9]+)$/, '.$1'))
}

export function trapEvent(
  { oid, varbinds, isInform }: Notification,
  dictionary: Dictionary,
  at: number,
): TrapEvent {
  const meaning = meaningOf(oid, dictionary)
  const values = new Map<string, { text: string; index: string }>()
  for (const { name, oid: of, map } of meaning?.values ?? []) {
    const found = varbinds.find(one => one.oid === of || indexUnder(of, one.oid) !== null)
    if (!found) continue
    const text = textOf(found.value)
    values.set(name, { text: map?.[text] ?? text, index: indexUnder(of, found.oid) ?? '' })
  }
  const named = new Map(meaning?.values.map(({ name, oid: of }) => [of, name]))
  const text = meaning
    ? meaning.text.map(part => (typeof part === 'string' ? part : firstOf(part.values, values)))
    : [`SNMP notification ${oid}`]
  const index = meaning?.row && values.get(meaning.row.value)?.index
  return {
    event: {
      at,
      kind: 'trap',
      severity: meaning?.severity ?? 'info',
      name: meaning?.name ?? 'notification',
      text: cleanLine(text.join(''), textCharsMax) || oid,
      fields: fieldsOf({ oid, isInform, varbinds, named, values }),
    },
    row: meaning?.row && index ? { table: meaning.row.table, index } : null,
    poll: meaning?.poll ?? false,
  }
}

function firstOf(names: readonly string[], values: ReadonlyMap<string, { text: string }>): string {
  for (const name of names) {
    const text = values.get(name)?.text
    if (text) return text
  }
  return '?'
}

function fieldsOf(of: {
  oid: string
  isInform: boolean
  varbinds: readonly VarBind[]
  named: ReadonlyMap<string, string>
  values: ReadonlyMap<string, { text: string }>
}): Record<string, string> {
  const fields: Record<string, string> = { oid: of.oid, ...(of.isInform && { inform: 'yes' }) }
  let bytes = Buffer.byteLength(JSON.stringify(fields))
  for (const { oid, value } of of.varbinds) {
    // Where a notification comes through a proxy, the device's community is among its values.
    if (tellsSecret(oid) || Object.keys(fields).length >= fieldsMax) continue
    const base = [...of.named.keys()].find(one => one === oid || indexUnder(one, oid) !== null)
    const name = (base && of.named.get(base)) ?? oid.slice(0, 128)
    const text = of.values.get(name)?.text ?? textOf(value)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text)
    if (bytes > fieldsBytesMax) break
    fields[name] = text
  }
  return fields
}

function textOf(value: RawValue): string {
  switch (value.type) {
    case 'none':
      return ''
    case 'octets':
    case 'opaque':
      return octetsText(value.value)
    default:
      return cleanLine(String(value.value), valueCharsMax)
  }
}

/** Text where it is one, else the octets in hexadecimal. */
function octetsText(bytes: Uint8Array): string {
  const some = bytes.subarray(0, 4 * valueCharsMax)
  const text = new TextDecoder('utf-8').decode(some)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell texts from other octets
  const isText = !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]|\ufffd./.test(
    text.replace(/\0+$/, ''),
  )
  if (isText) return cleanLine(text, valueCharsMax)
  const hex = Buffer.from(some.subarray(0, 80)).toString('hex')
  return hex.replaceAll(/(..)(?!$)/g, '$1:')
}
