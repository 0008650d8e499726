// The device form's texts and the device document: one to the other and back, by the fields that the
// schema of a device gives. A field is named by its path in the document.

import { CHECK_KEYS, CHECK_TYPES } from '../../model/check.ts'
import { type Device, DeviceConfig, KIND_KEYS } from '../../model/device.ts'
import type { FieldError } from '../../model/errors.ts'
import { fieldsOf, type JsonSchema, type SchemaField } from '../schema-fields.ts'
import { plainText } from '../words.ts'

/** Values of one form: rows of checks are a dozen each. Beyond, it is not our form. */
const FIELDS_MAX = 400
const VALUE_CHARS_MAX = 4000
/** A text of several lines: certificates, keys, known hosts. */
const LONG_CHARS_MAX = 65_536

export type Values = Record<string, string>

/** The fields of a device of any kind, as its schema has them. */
export function deviceFields(schema: JsonSchema): SchemaField[] {
  return fieldsOf(schema).fields.map(field =>
    field.name === 'checks' ? { ...field, fields: field.fields.map(underType) } : field,
  )
}

/** Which types of check have this key. */
function underType(field: SchemaField): SchemaField {
  const has = (type: keyof typeof CHECK_KEYS) => {
    const keys: readonly string[] = [...CHECK_KEYS[type].needed, ...CHECK_KEYS[type].may]
    return keys.includes(field.name)
  }
  const values = CHECK_TYPES.filter(has)
  return values.length > 0 ? { ...field, under: { name: 'type', values } } : field
}

export const DEVICE_FIELDS = deviceFields(DeviceConfig)

/** Fields whose text goes in and never comes out. */
export const SECRET_FIELDS = DEVICE_FIELDS.filter(({ secret }) => secret).map(({ name }) => name)

const LONG_FIELDS = new Set(
  DEVICE_FIELDS.filter(({ input }) => input === 'long').map(({ name }) => name),
)
const ROW_FIELDS = DEVICE_FIELDS.filter(({ input }) => input === 'rows')

/** What a field that is left out means, where the schema has a word for it too. */
export const ABSENT: Readonly<Record<string, string>> = {
  'tuning.timeout': 'learned',
  'tuning.kindness': 'on',
}

export const EMPTY: Values = {
  kind: 'snmp',
  port: '161',
  'credentials.version': '2c',
  'credentials.level': 'authPriv',
  'credentials.auth.protocol': 'sha256',
  'credentials.priv.protocol': 'aes',
  profiles: 'auto',
  every: '60s',
  timeout: '2s',
  retries: '1',
  enabled: 'on',
}

/** The texts of a posted form; a field sent twice counts as its last. */
export function readValues(body: unknown): Values {
  const values: Values = {}
  if (typeof body !== 'object' || body === null) return values
  for (const [name, sent] of Object.entries(body).slice(0, FIELDS_MAX)) {
    const value: unknown = Array.isArray(sent) ? sent.at(-1) : sent
    if (typeof value !== 'string') continue
    // A browser ends lines with CR LF (HTML, 4.10.5.3); one too many is refused by the document's check.
    if (LONG_FIELDS.has(name))
      values[name] = value.replaceAll('\r\n', '\n').slice(0, LONG_CHARS_MAX + 1)
    else values[name] = value.slice(0, VALUE_CHARS_MAX)
  }
  return values
}

export function isOfKind({ name }: SchemaField, kind: string): boolean {
  const kinds: readonly string[] | undefined = KIND_KEYS[topOf(name)]
  return kinds === undefined || kinds.includes(kind)
}

export function topOf(name: string): string {
  return name.split('.', 1)[0] ?? name
}

/** What the form shows of a stored device; never a secret. */
export function valuesOf({ config, version }: Device): Values {
  const values: Values = { ...EMPTY, _version: String(version) }
  for (const field of DEVICE_FIELDS) {
    const value = valueAt(config, field.name)
    if (field.input === 'rows' && Array.isArray(value))
      for (const [i, row] of value.entries())
        for (const inner of field.fields)
          values[`${field.name}.${i}.${inner.name}`] = textOf(inner, valueAt(row, inner.name))
    else if (!field.secret && field.input !== 'rows') {
      const text = textOf(field, value)
      if (text !== '' || !field.name.startsWith('credentials.')) values[field.name] = text
    }
  }
  return values
}

function textOf({ name, input }: SchemaField, value: unknown): string {
  if (input === 'tick') return value === true ? 'on' : ''
  if (value === undefined || value === ABSENT[name]) return ''
  if (Array.isArray(value)) return value.map(one => plainText(String(one))).join(' ')
  return input === 'long' ? String(value) : plainText(String(value))
}

/** The value at a path within a document; undefined where there is none. */
export function valueAt(document: unknown, path: string): unknown {
  let at = document
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = new Map<string, unknown>(Object.entries(at)).get(key)
  }
  return at
}

type Tree = Record<string, unknown>

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Puts a value at a path, which is one of the schema's, never of a person's. */
function put(document: Tree, path: string, value: unknown): void {
  const keys = path.split('.')
  let at = document
  for (const key of keys.slice(0, -1)) {
    const next = at[key]
    if (isTree(next)) at = next
    else {
      const made: Tree = {}
      at[key] = made
      at = made
    }
  }
  at[keys.at(-1) ?? ''] = value
}

/**
 * The document that a form means. What the form does not show stays as it is stored, and so does a
 * secret whose field was left empty.
 */
export function documentOf(
  values: Values,
  stored: Device | null,
  fields: readonly SchemaField[] = DEVICE_FIELDS,
): Tree {
  const text = (name: string) => values[name]?.trim() ?? ''
  const kind = stored?.config.kind ?? text('kind')
  const name = text('name')
  const id = stored?.config.id ?? (text('id') || slug(name) || slug(text('address')))
  const document: Tree = { ...stored?.config }
  const shown = fields.filter(field => isOfKind(field, kind))
  for (const field of shown) delete document[topOf(field.name)]
  for (const field of shown) {
    if (field.under && !field.under.values.includes(text(field.under.name))) continue
    const before = valueAt(stored?.config, field.name)
    const value = field.input === 'rows' ? rowsIn(values, field) : typed(field, text(field.name))
    const isKept = field.secret && text(`${topOf(field.name)}.forget`) === ''
    // An empty list that is stored is no change.
    const meant = value ?? (isKept || isEmptyList(before) ? before : missing(field))
    if (meant !== undefined) put(document, field.name, meant)
  }
  Object.assign(document, { id, name: name || id, kind })
  tidy(document, text)
  return document
}

/** What was emptied is not left out: its default would come back unseen. */
const missing = ({ required, under, secret }: SchemaField) =>
  required && !under && !secret ? '' : undefined

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0

/** What was typed in one field; undefined: nothing. */
function typed(field: SchemaField, text: string): unknown {
  if (field.input === 'tick') return text !== ''
  if (field.input === 'words') {
    // Where the list's words have a pattern, none allows a comma.
    const words = [...new Set(text.split(field.pattern ? /[\s,]+/ : /\s+/).filter(Boolean))]
    return words.length > 0 || field.required ? words : undefined
  }
  if (text === '' || text === ABSENT[field.name]) return undefined
  return field.input === 'number' ? numberOr(text) : text
}

/** A number, or the text as it is: the document's own check says what is wrong with it. */
function numberOr(text: string): number | string {
  return /^\d{1,9}$/.test(text) ? Number(text) : text
}

/** What the schema alone does not say: which parts go with the level and with the address. */
function tidy(document: Tree, text: (name: string) => string): void {
  const { credentials } = document
  if (isTree(credentials) && credentials.version === '3') {
    const level = text('credentials.level')
    if (level === 'noAuthNoPriv' || !valueAt(credentials, 'auth.key')) delete credentials.auth
    if (level !== 'authPriv' || !valueAt(credentials, 'priv.key')) delete credentials.priv
  }
  if (document.kind !== 'docker') return
  const address = text('address')
  if (!address.startsWith('tcp://')) delete document.tls
  if (!address.startsWith('ssh://')) delete document.ssh
  else document.ssh ??= {}
}

/** Numbers of the rows that were sent: one more than there may be, so that too many are refused. */
export function rowNumbers(values: Values, { name, rowsMax }: SchemaField): number[] {
  const found = Object.keys(values).map(key => {
    const number = key.startsWith(`${name}.`) ? key.slice(name.length + 1).split('.', 1)[0] : ''
    return /^\d{1,3}$/.test(number ?? '') ? Number(number) : -1
  })
  return [...new Set(found)].filter(i => i >= 0 && i <= rowsMax).sort((a, b) => a - b)
}

function rowsIn(values: Values, field: SchemaField): Tree[] | undefined {
  const rows = rowNumbers(values, field).map(i => {
    const row: Tree = {}
    const text = (name: string) => values[`${field.name}.${i}.${name}`]?.trim() ?? ''
    for (const inner of field.fields) {
      if (inner.under && !inner.under.values.includes(text(inner.under.name))) continue
      const value = typed(inner, text(inner.name))
      if (value !== undefined) put(row, inner.name, value)
    }
    return row
  })
  return rows.length > 0 ? rows : undefined
}

/** The same values without rows in which nothing was typed, the others numbered from 0. */
export function withoutBlankRows(values: Values): Values {
  const kept: Values = { ...values }
  for (const field of ROW_FIELDS) {
    const names = field.fields.map(({ name }) => name)
    const rows = rowNumbers(values, field)
      .map(i => names.map(name => values[`${field.name}.${i}.${name}`] ?? ''))
      .filter(texts =>
        texts.some((text, n) => text.trim() !== '' && text !== untouched(field.fields[n])),
      )
    for (const key of Object.keys(kept)) if (key.startsWith(`${field.name}.`)) delete kept[key]
    for (const [i, texts] of rows.entries())
      for (const [n, name] of names.entries()) kept[`${field.name}.${i}.${name}`] = texts[n] ?? ''
  }
  return kept
}

/** What a field of a new row has before anybody touches it. */
const untouched = (field?: SchemaField) => (field?.required ? (field.choices[0] ?? '') : '')

/**
 * What one of the buttons "add" and "remove" of a list of rows asks for; null: no such was pressed.
 * Works without JavaScript: the form is sent, and comes back with another number of rows.
 */
export function withOtherRows(values: Values): Values | null {
  const [does, name = '', at = ''] = (values._rows ?? '').split(' ')
  const field = ROW_FIELDS.find(one => one.name === name)
  if (!field || (does !== 'add' && does !== 'remove')) return null
  const { _rows, ...rest } = values
  if (does === 'remove') {
    const left = Object.entries(rest).filter(([key]) => !key.startsWith(`${name}.${at}.`))
    return withoutBlankRows(Object.fromEntries(left))
  }
  const kept = withoutBlankRows(rest)
  const count = rowNumbers(kept, field).length
  if (count < field.rowsMax)
    for (const inner of field.fields) kept[`${name}.${count}.${inner.name}`] = untouched(inner)
  return kept
}

/** An id made of a name: `Core switch 1` is `core-switch-1`. */
export function slug(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[-._]+$/g, '')
    .slice(0, 63)
}

/** What the form itself can say before the document is looked at. */
export function formErrors(document: Record<string, unknown>): FieldError[] {
  const errors: FieldError[] = []
  if (document.id === '')
    errors.push({ path: 'name', message: 'is missing: give the device a name' })
  return errors
}

/** Whether a secret was typed, which the form never sends back. */
export function hasTypedSecret(values: Values): boolean {
  return SECRET_FIELDS.some(name => values[name])
}
