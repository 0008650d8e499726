// The device form as it is drawn: the schema's fields with the reader's words, in sections. A field that
// nobody thought of here comes last among those of polling, under its own name.

import { KIND_KEYS } from '../../model/device.ts'
import type { Dictionary } from '../languages/en.ts'
import { htmlPattern, type SchemaField } from '../schema-fields.ts'
import { ABSENT, DEVICE_FIELDS, isOfKind, rowNumbers, topOf, type Values } from './device-fields.ts'
import type { ShownError } from './device-form-errors.ts'
import { type FieldWords, wordsOf } from './device-form-words.ts'

/** Properties of the schema that the form does not hold, and why. */
export const NOT_IN_FORM: Readonly<Record<string, string>> = {
  alarms:
    'thresholds of one device, by metric: a document of any keys, written as JSON (docs/alarms.md)',
}
/** Kinds that nobody adds here: an agent's device is made when the agent enrols. */
const NOT_ADDED: ReadonlySet<string> = new Set(['agent'])
/** Kinds that are nothing without a list, and which. */
const MAIN_LIST: Readonly<Record<string, string>> = { check: 'checks' }
/** Set when a device is added, and never again. */
const FIXED: ReadonlySet<string> = new Set(['id', 'kind'])
const WIDE: ReadonlySet<string> = new Set(['profiles', 'topics'])
/** Needed by the kinds that have it, though others leave it out. */
const NEEDED: ReadonlySet<string> = new Set(['address'])

/** Which keys of a document stand in which section, in their order. */
const SECTIONS = [
  ['device', ['name', 'id', 'kind', 'topics', 'address', 'location', 'tags', 'parents']],
  ['snmp', ['credentials', 'port', 'tuning']],
  ['checks', ['checks']],
  ['access', ['tls', 'ssh']],
  ['polling', ['every', 'timeout', 'retries', 'profiles', 'retention']],
] as const
const PLACED = new Set<string>([
  ...SECTIONS.flatMap(([, keys]) => keys),
  ...Object.keys(NOT_IN_FORM),
])

export type SectionId = (typeof SECTIONS)[number][0]

export interface FormField {
  name: string
  label: string
  hint: string
  input: SchemaField['input']
  secret: boolean
  choices: [value: string, text: string][]
  /** Of the control, beside those that every control has. */
  attributes: [name: string, value: string][]
  wide: boolean
  /** Kinds that have it, between spaces; empty: all. */
  kinds: string
  /** `name value value`: only where the field of that name has one of these values. */
  under: { name: string; values: string } | null
}

interface Group {
  /** As its fields' names begin. */
  id: string
  /** `inner`: always open, of one choice; `more`: folded. */
  style: 'inner' | 'more'
  legend: string
  kinds: string
  under: FormField['under']
  fields: FormField[]
  isOpen: boolean
  /** Its stored texts can be let go: all of them may be absent. */
  canForget: boolean
}

interface Rows {
  id: string
  label: string
  kinds: string
  rows: FormField[][]
  canAdd: boolean
}

export interface Section {
  id: SectionId
  legend: string
  kinds: string
  fields: FormField[]
  ticks: FormField[]
  groups: Group[]
  lists: Rows[]
}

export interface Drawn {
  words: Dictionary
  values: Values
  /** The kind of a stored device; null: a new one, of any kind. */
  kind: string | null
  /** Secret fields that the stored device has something in. */
  kept: ReadonlySet<string>
  errors: readonly ShownError[]
  /** Something secret was typed, and is not sent back. */
  retype: boolean
  fields?: readonly SchemaField[]
}

export function sectionsOf(drawn: Drawn): Section[] {
  const { kind, fields = DEVICE_FIELDS } = drawn
  const shown = fields.filter(
    field => kind === null || (isOfKind(field, kind) && !FIXED.has(field.name)),
  )
  return SECTIONS.map(([id, keys]) => sectionOf(id, keys, shown, drawn)).filter(
    ({ fields, ticks, groups, lists }) =>
      fields.length + ticks.length + groups.length + lists.length > 0,
  )
}

function sectionOf(
  id: SectionId,
  keys: readonly string[],
  shown: readonly SchemaField[],
  drawn: Drawn,
): Section {
  const placed = keys.flatMap(key => shown.filter(({ name }) => topOf(name) === key))
  const rest = id === 'polling' ? shown.filter(({ name }) => !PLACED.has(topOf(name))) : []
  const all = [...placed, ...rest]
  const chooses = new Set(all.map(({ under }) => under?.name))
  const isPlain = ({ name, under }: SchemaField) =>
    !under && (!name.includes('.') || chooses.has(name))
  const plain = all.filter(field => isPlain(field) && field.input !== 'rows')
  const grouped = Map.groupBy(
    all.filter(field => !isPlain(field)),
    groupOf,
  )
  return {
    id,
    legend: drawn.words.deviceForm.sections[id],
    kinds: kindsOf(
      all.map(({ name }) => topOf(name)),
      drawn.kind,
    ),
    fields: plain.filter(({ input }) => input !== 'tick').map(field => formField(field, drawn)),
    ticks: plain.filter(({ input }) => input === 'tick').map(field => formField(field, drawn)),
    groups: [...grouped].map(([group, fields]) => groupDrawn(group, fields, drawn)),
    lists: all.filter(({ input }) => input === 'rows').map(field => rowsDrawn(field, drawn)),
  }
}

const groupOf = ({ name, under }: SchemaField) =>
  under ? `${topOf(name)} ${under.values.join(' ')}` : topOf(name)

/** The kinds that any of these keys belongs to; empty: all, or the kind is known anyway. */
function kindsOf(keys: readonly string[], kind: string | null): string {
  const kinds = keys.map(key => KIND_KEYS[key])
  if (kind !== null || kinds.includes(undefined)) return ''
  return [...new Set(kinds.flatMap(some => some ?? []))].join(' ')
}

function groupDrawn(id: string, fields: readonly SchemaField[], drawn: Drawn): Group {
  const under = fields[0]?.under ?? null
  const { values, kept, errors } = drawn
  const names = fields.map(({ name }) => name)
  const secrets = fields.filter(({ secret }) => secret)
  return {
    id: topOf(names[0] ?? id),
    style: under ? 'inner' : 'more',
    legend: wordsOf(drawn.words, id).label,
    kinds: kindsOf([topOf(names[0] ?? '')], drawn.kind),
    under: under && { name: under.name, values: under.values.join(' ') },
    fields: fields.map(field => ({ ...formField(field, drawn), under: null })),
    isOpen: names.some(
      name => values[name] || kept.has(name) || errors.some(({ field }) => field === name),
    ),
    canForget:
      !under &&
      secrets.some(({ name }) => kept.has(name)) &&
      fields.every(({ required }) => !required) &&
      secrets.length === fields.length,
  }
}

function rowsDrawn(field: SchemaField, drawn: Drawn): Rows {
  const sent = rowNumbers(drawn.values, field)
  // Where the list is what the device is for, there is a first row to fill in.
  const isMain = MAIN_LIST[drawn.values.kind ?? ''] === field.name
  const count = Math.max(sent.length > 0 ? (sent.at(-1) ?? 0) + 1 : 0, isMain ? 1 : 0)
  const row = (i: number) =>
    field.fields.map(inner => {
      const drawnField = formField({ ...inner, name: `${field.name}.${inner.name}` }, drawn)
      const under = inner.under && {
        name: `${field.name}.${i}.${inner.under.name}`,
        values: inner.under.values.join(' '),
      }
      return { ...drawnField, name: `${field.name}.${i}.${inner.name}`, kinds: '', under }
    })
  return {
    id: field.name,
    label: wordsOf(drawn.words, field.name).label,
    kinds: kindsOf([field.name], drawn.kind),
    rows: Array.from({ length: count }, (_, i) => row(i)),
    canAdd: count < field.rowsMax,
  }
}

function formField(field: SchemaField, { words, kind, kept, retype }: Drawn): FormField {
  const { name, input, secret, choices, min, max } = field
  const own = wordsOf(words, name)
  const said = words.deviceForm
  const between = input === 'number' && min !== null && max !== null ? said.between(min, max) : ''
  const hint = (kind !== null ? own.hints?.[kind] : undefined) ?? own.hint ?? ''
  const secretHint = kept.has(name) ? said.kept : retype ? said.retype : ''
  const none: [string, string][] = field.required ? [] : [['', noneText(own, name)]]
  const offered = choices.filter(
    one => one !== ABSENT[name] && !(name === 'kind' && NOT_ADDED.has(one)),
  )
  return {
    name,
    label: own.label,
    hint: (secret && secretHint) || [hint, between].filter(Boolean).join(' '),
    input,
    secret,
    choices: [
      ...(hasNone(name, field) ? none : []),
      ...offered.map((one): [string, string] => [one, own.choices?.[one] ?? one]),
    ],
    attributes: attributesOf(field, own.placeholder ?? '', kept.has(name) ? said.unchanged : ''),
    wide: input === 'long' || WIDE.has(name),
    kinds: kindsOf([topOf(name)], kind),
    under: null,
  }
}

/** A choice that others depend on is always made. */
function hasNone(name: string, { required }: SchemaField): boolean {
  return !required && !DEVICE_FIELDS.some(({ under }) => under?.name === name) && !isProtocol(name)
}

/** A protocol goes with its key, so there is one. */
const isProtocol = (name: string) => name.endsWith('.protocol')

function noneText({ none, choices }: FieldWords, name: string): string {
  return none ?? choices?.[ABSENT[name] ?? ''] ?? '–'
}

function attributesOf(field: SchemaField, placeholder: string, kept: string): [string, string][] {
  const { name, input, min, max, pattern, required } = field
  const found: [string, string][] = []
  if (input === 'number') found.push(['inputmode', 'numeric'])
  if (input === 'number' && max !== null) found.push(['maxlength', String(max).length.toString()])
  if ((input === 'text' || input === 'long') && max !== null) found.push(['maxlength', String(max)])
  if (input === 'text' && min !== null && min > 1) found.push(['minlength', String(min)])
  const html = input === 'text' && pattern !== null ? htmlPattern(pattern) : null
  if (html !== null) found.push(['pattern', html])
  const isMade = name === 'id'
  if ((required || NEEDED.has(name)) && !isMade && kept === '' && input !== 'tick')
    found.push(['required', ''])
  if (name === 'profiles') found.push(['list', 'known-profiles'])
  if (kept || placeholder) found.push(['placeholder', kept || placeholder])
  return found
}
