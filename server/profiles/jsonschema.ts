// The profile format as one JSON Schema (2020-12), for editors: oids/profile.schema.json is this
// file's output (`node server/profiles/jsonschema.ts > oids/profile.schema.json`).

import { PROFILE_DEFINITIONS, ProfileDoc } from '../model/profile.ts'

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null

/** The schema with comments allowed in every object, and null where it deletes what is inherited. */
export function profileJsonSchema(): Json {
  const definitions: { [key: string]: Json } = {
    comment: { type: ['string', 'array'], description: 'a comment' },
  }
  for (const [name, schema] of Object.entries(PROFILE_DEFINITIONS)) {
    definitions[name] = forEditors(plain(schema))
  }
  const root = forEditors(plain(ProfileDoc))
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'OID profile',
    ...(isObject(root) ? root : {}),
    $defs: definitions,
  }
}

function plain(schema: unknown): Json {
  return JSON.parse(JSON.stringify(schema))
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function forEditors(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(forEditors)
  if (!isObject(schema)) return schema
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(schema)) result[key] = forEditors(value)
  // A file that extends others may leave out what they have, so nothing but the title is required.
  if (isObject(result.properties)) {
    if (result.additionalProperties === false) {
      result.properties = { '//': { $ref: '#/$defs/comment' }, ...result.properties }
    }
    if (isObject(result.properties.tables)) result.required = ['title']
    else if (isObject(result.properties.metrics)) delete result.required
    else if (isObject(result.properties.chart)) delete result.required
  }
  if (isObject(result.patternProperties)) {
    for (const [pattern, value] of Object.entries(result.patternProperties)) {
      result.patternProperties[pattern] = { anyOf: [value, { type: 'null' }] }
    }
    result.properties = { '//': { $ref: '#/$defs/comment' } }
  }
  return result
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(profileJsonSchema(), null, 2)}\n`)
