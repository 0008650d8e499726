// A JSON Schema as the fields of a form: what a person may type, within which bounds. A field is named
// by its path in the document, so that an error of the document finds its field. Pure: it knows no words
// and no page.

/** What is read of a schema (JSON Schema 2020-12); the rest does not change how a field looks. */
export interface JsonSchema {
  type?: string
  enum?: readonly unknown[]
  const?: unknown
  anyOf?: readonly JsonSchema[]
  properties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[] | undefined
  items?: JsonSchema
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  maxItems?: number
  pattern?: string
}

export type Input =
  | 'text'
  /** A text of several lines. */
  | 'long'
  | 'number'
  | 'choice'
  | 'tick'
  /** A list of short texts, in one line. */
  | 'words'
  /** A list of objects, each a row of fields. */
  | 'rows'

export interface SchemaField {
  name: string
  input: Input
  /** Goes in and never comes out. */
  secret: boolean
  required: boolean
  choices: readonly string[]
  /** Of a number its least and greatest value, of a text its characters. */
  min: number | null
  max: number | null
  pattern: string | null
  /** Of rows: the fields of each, named within it. */
  fields: readonly SchemaField[]
  rowsMax: number
  /** Only where another field has one of these values. */
  under: Under | null
}

export interface Under {
  name: string
  values: readonly string[]
}

/** A text that may be longer than this is written in several lines. */
const LINE_CHARS_MAX = 2000
/** Rows where the schema sets no bound of its own. */
const ROWS_MAX = 20

export interface FormFields {
  fields: SchemaField[]
  /** Paths of what no form can hold: objects of any key, lists of lists. */
  unshown: string[]
}

/** The fields of an object; those of objects within it too, by their path. */
export function fieldsOf(schema: JsonSchema): FormFields {
  const found: FormFields = { fields: [], unshown: [] }
  collect(schema, '', true, found)
  return found
}

function collect(schema: JsonSchema, path: string, required: boolean, found: FormFields): void {
  const union = schema.anyOf?.every(({ properties }) => properties) ? schema.anyOf : null
  if (union && path !== '') collectUnion(union, path, required, found)
  else if (schema.properties) {
    for (const [key, part] of Object.entries(schema.properties)) {
      const isNeeded = required && (schema.required ?? []).includes(key)
      collect(part, path === '' ? key : `${path}.${key}`, isNeeded, found)
    }
  } else {
    const field = fieldOf(schema, path, required)
    if (field) found.fields.push(field)
    else found.unshown.push(path)
  }
}

/** One of several objects: the property that all of them fix says which. */
function collectUnion(
  union: readonly JsonSchema[],
  path: string,
  required: boolean,
  found: FormFields,
): void {
  const key = Object.keys(union[0]?.properties ?? {}).find(one =>
    union.every(({ properties }) => choicesOf(properties?.[one] ?? {}).length > 0),
  )
  if (key === undefined) {
    found.unshown.push(path)
    return
  }
  const name = `${path}.${key}`
  const choices = union.map(({ properties }) => choicesOf(properties?.[key] ?? {}))
  found.fields.push({ ...BLANK, name, required, input: 'choice', choices: choices.flat() })
  for (const [i, branch] of union.entries()) {
    const inner: FormFields = { fields: [], unshown: [] }
    // Where the branch is the chosen one, it is there.
    collect(branch, path, true, inner)
    const under = { name, values: choices[i] ?? [] }
    found.fields.push(
      ...inner.fields.filter(field => field.name !== name).map(field => ({ ...field, under })),
    )
    found.unshown.push(...inner.unshown)
  }
}

const BLANK = {
  ...{ secret: false, required: false, choices: [], min: null, max: null, pattern: null },
  ...{ fields: [], rowsMax: 0, under: null },
}

function fieldOf(schema: JsonSchema, name: string, required: boolean): SchemaField | null {
  const base = { ...BLANK, name, required }
  const choices = choicesOf(schema)
  if (choices.length > 0) return { ...base, input: 'choice', choices }
  if (isSecret(schema)) {
    const text = schema.anyOf?.find(({ type }) => type === 'string') ?? {}
    return { ...base, ...textField(text), secret: true }
  }
  if (schema.type === 'string') return { ...base, ...textField(schema) }
  if (schema.type === 'boolean') return { ...base, input: 'tick' }
  if (schema.type === 'integer' || schema.type === 'number') {
    return { ...base, input: 'number', min: schema.minimum ?? null, max: schema.maximum ?? null }
  }
  const { items } = schema
  if (schema.type !== 'array' || !items) return null
  if (items.type === 'string') return { ...base, input: 'words', pattern: items.pattern ?? null }
  if (!items.properties) return null
  const inner = fieldsOf(items)
  if (inner.unshown.length > 0 || inner.fields.some(({ input }) => input === 'rows')) return null
  return { ...base, input: 'rows', fields: inner.fields, rowsMax: schema.maxItems ?? ROWS_MAX }
}

function textField({ minLength, maxLength, pattern }: JsonSchema) {
  const isLong = (maxLength ?? 0) > LINE_CHARS_MAX
  return {
    input: isLong ? ('long' as const) : ('text' as const),
    ...{ min: minLength ?? null, max: maxLength ?? null, pattern: pattern ?? null },
  }
}

/** A text, or the name of one that is kept: `{ "secret": NAME }`. */
function isSecret({ anyOf }: JsonSchema): boolean {
  return (
    anyOf?.length === 2 &&
    anyOf.some(({ type }) => type === 'string') &&
    anyOf.some(({ properties }) => properties?.secret !== undefined)
  )
}

/** The texts that are allowed, where only these are. */
function choicesOf({ enum: values, const: value, anyOf }: JsonSchema): string[] {
  if (typeof value === 'string') return [value]
  if (values?.every(one => typeof one === 'string')) return [...values]
  const all = anyOf?.map(choicesOf) ?? []
  return all.every(some => some.length > 0) ? all.flat() : []
}

/** As an input's `pattern` takes it: it is read with the flag `v`, where a bare dash is an error. */
export function htmlPattern(pattern: string): string | null {
  const escaped = pattern.replaceAll('-]', '\\-]')
  try {
    new RegExp(escaped, 'v')
    return escaped
  } catch {
    return null
  }
}
