// Checks a document's shape against the profile schema and says each fault in words, at the exact
// place. A general validator lists every branch that did not fit; this one picks the branch that the
// author meant (by the value's type, then by its keys) and speaks of that one alone.

import type { TSchema } from 'typebox'
import { PROFILE_DEFINITIONS, ProfileDoc } from '../model/profile.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'

/** Faults listed for one document; beyond, mending the first ones comes first. */
const faultsMax = 50

export interface ShapeFault {
  pointer: string
  /** Whether the fault is in the property's name or in its value. */
  what: 'key' | 'value'
  message: string
  hint: string
}

export interface ShapeOptions {
  /**
   * True for a file that extends others, looked at alone: what it leaves out comes from them, and
   * null deletes what they have.
   */
  partial: boolean
}

interface Schema {
  $ref?: string
  type?: string
  description?: string
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly Schema[]
  not?: { const?: unknown }
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  additionalProperties?: boolean
  required?: readonly string[]
  minProperties?: number
  items?: Schema
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  minLength?: number
  maxLength?: number
  pattern?: string
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
}

/** Every fault of a profile document's shape, in the document's order. */
export function shapeFaults(document: unknown, options: ShapeOptions): ShapeFault[] {
  const faults: ShapeFault[] = []
  check(asSchema(ProfileDoc), document, '', { ...options, faults })
  return faults
}

interface Run extends ShapeOptions {
  faults: ShapeFault[]
}

/** TypeBox schemas are JSON Schemas; their TypeScript type does not say the keywords. */
function asSchema(schema: TSchema): Schema {
  return schema as Schema
}

function resolve(schema: Schema): Schema {
  const name = schema.$ref?.replace('#/$defs/', '')
  const found = name === undefined ? undefined : PROFILE_DEFINITIONS[name]
  return found ? resolve(asSchema(found)) : schema
}

function check(reference: Schema, value: unknown, pointer: string, run: Run): void {
  if (run.faults.length >= faultsMax) return
  const schema = resolve(reference)
  if (value === null && run.partial && pointer !== '') return
  if (schema.anyOf) checkBranches(schema, value, pointer, run)
  else checkSingle(schema, value, pointer, run)
}

function checkSingle(schema: Schema, value: unknown, pointer: string, run: Run): void {
  const wrong = wrongValue(schema, value)
  if (wrong !== null) {
    const message = schema.description ? `${shown(value)} is not ${schema.description}` : wrong
    fault(run, pointer, 'value', message, hintFor(schema, value))
  } else if (isObject(value)) checkObject(schema, value, pointer, run)
  else if (Array.isArray(value)) checkItems(schema, value, pointer, run)
}

function checkBranches(schema: Schema, value: unknown, pointer: string, run: Run): void {
  const branches = (schema.anyOf ?? []).flatMap(branch => flatten(resolve(branch)))
  const fitting = branches.filter(branch => fitsType(branch, value))
  if (fitting.length === 0) {
    const expected = [...new Set(branches.map(typeWords))].join(' or ')
    fault(run, pointer, 'value', `must be ${expected}, not ${shown(value)}`, '')
    return
  }
  const chosen = isObject(value) ? mostKeys(fitting, value) : fitting
  if (chosen.some(branch => isValid(branch, value, run))) return
  const described = schema.description
  if (described && chosen.length > 1) {
    const words = chosen.flatMap(branch => branch.enum ?? []).map(String)
    const hint = typeof value === 'string' ? suggestion(value, words) : ''
    fault(run, pointer, 'value', `${shown(value)} is not ${described}`, hint)
  } else if (chosen[0]) check(chosen[0], value, pointer, run)
}

function flatten(schema: Schema): Schema[] {
  return schema.anyOf && !schema.description
    ? schema.anyOf.flatMap(branch => flatten(resolve(branch)))
    : [schema]
}

function isValid(schema: Schema, value: unknown, run: Run): boolean {
  const trial: Run = { ...run, faults: [] }
  check(schema, value, '', trial)
  return trial.faults.length === 0
}

/** Of several object shapes, the one that knows the most of this object's keys. */
function mostKeys(branches: readonly Schema[], value: Record<string, unknown>): Schema[] {
  const known = (branch: Schema) =>
    Object.keys(value).filter(key => branch.properties && Object.hasOwn(branch.properties, key))
      .length
  const best = branches.reduce((a, b) => (known(b) > known(a) ? b : a))
  return [best]
}

function checkObject(
  schema: Schema,
  value: Record<string, unknown>,
  pointer: string,
  run: Run,
): void {
  const keys = Object.keys(value).filter(key => key !== '//')
  for (const key of keys) {
    const inner = schemaOf(schema, key)
    if (inner) check(inner, value[key], child(pointer, key), run)
    else if (schema.additionalProperties === false) unknownKey(schema, key, pointer, run)
  }
  if (run.partial) return
  if (keys.length < (schema.minProperties ?? 0)) {
    const hint = suggestion('', Object.keys(schema.properties ?? {}))
    fault(run, pointer, 'value', 'must not be empty', hint)
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) fault(run, pointer, 'value', `"${key}" is missing`, '')
  }
}

function schemaOf({ properties = {}, patternProperties = {} }: Schema, key: string) {
  if (Object.hasOwn(properties, key)) return properties[key]
  return Object.entries(patternProperties).find(([source]) =>
    new RegExp(source, 'u').test(key),
  )?.[1]
}

function unknownKey(schema: Schema, key: string, pointer: string, run: Run): void {
  const at = child(pointer, key)
  if (schema.patternProperties) {
    const hint = 'names are a-z, 0-9 and _, and begin with a letter'
    fault(run, at, 'key', `"${key}" is not a name`, hint)
  } else {
    const hint = suggestion(key, Object.keys(schema.properties ?? {}))
    fault(run, at, 'key', `unknown key "${key}"`, hint)
  }
}

function checkItems(schema: Schema, value: readonly unknown[], pointer: string, run: Run): void {
  if (schema.uniqueItems) {
    const twice = value.findIndex((item, i) => value.indexOf(item) !== i)
    if (twice >= 0) {
      fault(run, child(pointer, twice), 'value', `${shown(value[twice])} stands here twice`, '')
    }
  }
  const { items } = schema
  // null inside an array deletes nothing (RFC 7396): arrays replace as a whole.
  if (items) {
    value.forEach((item, i) => {
      check(items, item, child(pointer, i), { ...run, partial: false })
    })
  }
}

/** What is wrong with the value itself, its parts apart; null: nothing. */
function wrongValue(schema: Schema, value: unknown): string | null {
  if (schema.enum && !schema.enum.includes(value)) {
    return `${shown(value)} is not one of ${schema.enum.join(', ')}`
  }
  if ('const' in schema && value !== schema.const) return `must be ${shown(schema.const)}`
  if (!fitsType(schema, value)) return `must be ${typeWords(schema)}, not ${shown(value)}`
  if (schema.not && 'const' in schema.not && value === schema.not.const) {
    return `must not be ${shown(value)}`
  }
  if (typeof value === 'string') return wrongText(schema, value)
  if (typeof value === 'number') return wrongNumber(schema, value)
  if (Array.isArray(value)) return wrongLength(schema, value.length)
  return null
}

function wrongText(schema: Schema, value: string): string | null {
  if (value.length < (schema.minLength ?? 0)) return 'must not be empty'
  if (value.length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) {
    return `is longer than ${schema.maxLength} characters`
  }
  if (schema.pattern && !new RegExp(schema.pattern, 'u').test(value)) {
    return `${shown(value)} must match ${schema.pattern}`
  }
  return null
}

function wrongNumber(schema: Schema, value: number): string | null {
  if (value < (schema.minimum ?? Number.NEGATIVE_INFINITY)) return `is below ${schema.minimum}`
  if (value > (schema.maximum ?? Number.POSITIVE_INFINITY)) return `is above ${schema.maximum}`
  if (value <= (schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY)) {
    return `must be above ${schema.exclusiveMinimum}`
  }
  return null
}

function wrongLength(schema: Schema, length: number): string | null {
  if (length < (schema.minItems ?? 0)) return `needs at least ${schema.minItems} entries`
  if (length > (schema.maxItems ?? Number.POSITIVE_INFINITY)) {
    return `has more than ${schema.maxItems} entries`
  }
  return null
}

function fitsType(schema: Schema, value: unknown): boolean {
  if (schema.anyOf) return schema.anyOf.some(branch => fitsType(resolve(branch), value))
  if (schema.type === undefined) return !('const' in schema) || value === schema.const
  if (schema.type === 'array') return Array.isArray(value)
  if (schema.type === 'object') return isObject(value)
  if (schema.type === 'integer') return Number.isInteger(value)
  if (schema.type === 'null') return value === null
  return typeof value === schema.type
}

function typeWords(schema: Schema): string {
  if ('const' in schema) return shown(schema.const)
  if (schema.description) return schema.description
  if (schema.type === 'array') return 'a list'
  if (schema.type === 'object') return 'an object'
  if (schema.type === 'integer') return 'a whole number'
  if (schema.type === 'string' || schema.enum) return 'a text'
  if (schema.type === 'boolean') return 'true or false'
  return schema.type === 'null' ? 'null' : 'a number'
}

function hintFor(schema: Schema, value: unknown): string {
  if (value === null) return 'null deletes an inherited key, and this file extends nothing'
  if (schema.enum && typeof value === 'string') return suggestion(value, schema.enum.map(String))
  return ''
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fault(run: Run, pointer: string, what: 'key' | 'value', message: string, hint: string) {
  if (run.faults.length < faultsMax) run.faults.push({ pointer, what, message, hint })
}
