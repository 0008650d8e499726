// The calls of the API as people read them: grouped, each with who may, what it takes and what it answers. Made
// of the declarations that check the requests, so it cannot say anything else than they do. Pure.

import { can, ROLES, type Role } from '../model/user.ts'
import type { Route } from './context.ts'

export interface GuideField {
  name: string
  place: 'path' | 'query' | 'body'
  isRequired: boolean
  /** Its type and bounds, in the words of JSON Schema. */
  shape: string
  meaning: string
}

export interface GuideCall {
  id: string
  method: string
  path: string
  summary: string
  roles: Role[]
  fields: GuideField[]
  /** Media types that a body may have; none: it takes no body. */
  bodyTypes: readonly string[]
  status: number
  /** Of the answer; empty: it has no body. */
  type: string
  /** Where a browser sees the answer: of calls that read and need nothing named. */
  href: string | null
}

export interface GuideGroup {
  name: string
  calls: GuideCall[]
}

/** By the first word of their paths, in the order of the routes. */
export function guideOf(calls: readonly Route[]): GuideGroup[] {
  const groups = Map.groupBy(calls, ({ path }) => path.split('/')[3]?.split('.')[0] ?? '')
  return [...groups].map(([name, of]) => ({ name, calls: of.map(guideCall) }))
}

function guideCall({ method, path, permission, schema, description }: Route): GuideCall {
  const { summary = '', status = 200, type = 'application/json', body } = description ?? {}
  const fields = [
    ...fieldsOf('path', schema?.params),
    ...fieldsOf('query', schema?.querystring),
    ...fieldsOf('body', body?.schema),
  ]
  const needsNothing = method === 'GET' && !fields.some(({ isRequired }) => isRequired)
  return {
    id: `${method}${path}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
    method: String(method),
    path,
    summary,
    roles: ROLES.filter(role => can(role, permission)),
    fields,
    bodyTypes: body?.types ?? [],
    status,
    type: status === 204 ? '' : type,
    href: needsNothing ? path : null,
  }
}

type Schema = Readonly<Record<string, unknown>>

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function fieldsOf(place: GuideField['place'], schema: unknown): GuideField[] {
  if (!isSchema(schema) || !isSchema(schema.properties)) return []
  const required = new Set(Array.isArray(schema.required) ? schema.required : [])
  return Object.entries(schema.properties).map(([name, of]) => ({
    ...{ name, place, isRequired: required.has(name) },
    shape: isSchema(of) ? shapeOf(of) : '',
    meaning: isSchema(of) && typeof of.description === 'string' ? of.description : '',
  }))
}

/** Levels of a shape that are told; what lies deeper is in openapi.json. */
const levelsMax = 3

/** `integer 1 to 500`, `"avg" | "max"`, `string /^[a-z]/`, `list of string`, `{ host, port? }`. */
export function shapeOf(schema: Schema, level = 0): string {
  const { const: only, enum: words, anyOf, items, type } = schema
  if (only !== undefined) return JSON.stringify(only)
  if (Array.isArray(words)) return words.map(word => JSON.stringify(word)).join(' | ')
  const branches = Array.isArray(anyOf) ? anyOf.filter(isSchema) : []
  if (branches.length > 0) return branches.map(one => shapeOf(one, level)).join(' | ')
  if (isSchema(items)) return `list of ${shapeOf(items, level)}`
  if (isSchema(schema.properties)) return objectShape(schema, level)
  const pattern = typeof schema.pattern === 'string' ? ` /${schema.pattern}/` : ''
  return `${typeof type === 'string' ? type : 'any'}${boundsOf(schema)}${pattern}`
}

function objectShape({ properties, required }: Schema, level: number): string {
  if (!isSchema(properties) || level >= levelsMax) return 'object'
  const needed = new Set(Array.isArray(required) ? required : [])
  const names = Object.keys(properties).map(name => (needed.has(name) ? name : `${name}?`))
  return `{ ${names.join(', ')} }`
}

function boundsOf({ minimum, maximum, maxLength, default: fallback }: Schema): string {
  const range =
    minimum !== undefined && maximum !== undefined
      ? ` ${minimum} to ${maximum}`
      : minimum !== undefined
        ? ` from ${minimum}`
        : maximum !== undefined
          ? ` to ${maximum}`
          : ''
  const length = maxLength === undefined ? '' : ` of at most ${maxLength} characters`
  return `${range}${length}${fallback === undefined ? '' : `, else ${JSON.stringify(fallback)}`}`
}
