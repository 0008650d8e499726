// Joins a profile with what it extends: parents left to right, then the file itself, by JSON Merge
// Patch (RFC 7396). It knows which files went in, so that a fault can be traced to its file.

import { nearest } from './nearest.ts'
import { child } from './position.ts'
import type { Finding } from './report.ts'

/** Levels of parents above a file. */
export const EXTENDS_LEVELS_MAX = 8
const NOT_INHERITED = ['title', 'description', 'type', 'match', 'extends', '$schema', '//'] as const

export type JsonObject = Record<string, unknown>

export interface Joined {
  doc: JsonObject
  /** Every profile above it. */
  ancestors: ReadonlySet<string>
  /** Files in the order of joining, the profile's own last. */
  layers: readonly string[]
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 7396: objects merge by key, null deletes, everything else replaces. Neither side is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: JsonObject = Object.assign(Object.create(null), isObject(target) ? target : {})
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

const SOURCE_KEYS = ['oid', 'path', 'first', 'lookup', 'value'] as const

/**
 * As RFC 7396, but a fact that is written again replaces the inherited one, and a field with a new
 * source loses the inherited source: with plain merging each would end up with two.
 */
function mergeProfile(target: unknown, patch: unknown, path: readonly string[]): unknown {
  if (!isObject(patch)) return patch
  if (path.length === 2 && path[0] === 'device') return mergePatch(null, patch)
  const result: JsonObject = Object.assign(Object.create(null), isObject(target) ? target : {})
  const isField = path.length === 4 && (path[2] === 'columns' || path[2] === 'metrics')
  if (isField && SOURCE_KEYS.some(key => patch[key] !== undefined)) {
    for (const key of SOURCE_KEYS) delete result[key]
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergeProfile(result[key], value, [...path, key])
  }
  return result
}

/** The ids in a document's `extends`, whatever else is wrong with it. */
export function parentsOf(doc: JsonObject): string[] {
  return Array.isArray(doc.extends) ? doc.extends.filter(id => typeof id === 'string') : []
}

/**
 * The joined document of a profile, or the finding that prevents it: E_EXTENDS for a parent that is
 * missing or broken, E_CYCLE for one that extends its own child.
 */
export function joinProfile(
  id: string,
  docs: ReadonlyMap<string, JsonObject>,
  broken: ReadonlySet<string>,
): Joined | Finding {
  const own = docs.get(id)
  if (!own) return { code: 'E_EXTENDS', pointer: '', message: `"${id}" cannot be read` }
  const ancestors = new Set<string>()
  const layers: string[] = []
  let doc: unknown = Object.create(null)
  for (const [i, parent] of parentsOf(own).entries()) {
    const pointer = child('/extends', i)
    const above = lineage(parent, docs, [id])
    if ('fault' in above) return { ...above.fault, pointer }
    const bad = above.order.find(layer => broken.has(layer))
    if (bad !== undefined) {
      return {
        code: 'E_EXTENDS',
        pointer,
        message: `"${bad}", which it extends, has errors`,
        hint: 'mend that file first',
      }
    }
    for (const layer of above.order) {
      ancestors.add(layer)
      layers.push(layer)
      doc = mergeProfile(doc, inherited(docs.get(layer) ?? {}), [])
    }
  }
  const joined = mergeProfile(doc, own, [])
  return { doc: isObject(joined) ? joined : {}, ancestors, layers: [...layers, id] }
}

function inherited(doc: JsonObject): JsonObject {
  const copy: JsonObject = Object.assign(Object.create(null), doc)
  for (const key of NOT_INHERITED) delete copy[key]
  return copy
}

type Fault = Omit<Finding, 'pointer'>

/** A parent and all above it, in the order of joining. */
function lineage(
  id: string,
  docs: ReadonlyMap<string, JsonObject>,
  below: readonly string[],
): { order: string[] } | { fault: Fault } {
  if (below.includes(id)) {
    const circle = [...below.slice(below.indexOf(id)), id].join(' → ')
    return { fault: { code: 'E_CYCLE', message: `it extends itself: ${circle}` } }
  }
  if (below.length > EXTENDS_LEVELS_MAX) {
    const message = `more than ${EXTENDS_LEVELS_MAX} levels of "extends"`
    return { fault: { code: 'E_EXTENDS', message } }
  }
  const doc = docs.get(id)
  if (!doc) {
    const near = nearest(id, docs.keys())
    const hint = near === null ? '' : `did you mean "${near}"?`
    return { fault: { code: 'E_EXTENDS', message: `there is no profile "${id}"`, hint } }
  }
  const order: string[] = []
  for (const parent of parentsOf(doc)) {
    const above = lineage(parent, docs, [...below, id])
    if ('fault' in above) return above
    order.push(...above.order)
  }
  return { order: [...order, id] }
}
