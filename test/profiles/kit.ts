// What the profile tests share: catalogues from documents, and readings from plain numbers. It holds
// no assertions.

import type { RawValue, Reading } from '../../server/model/raw.ts'
import { type RawTable, rawValue, tableOf } from '../../server/model/rawtable.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Catalogue, ProfileSource } from '../../server/profiles/catalogue.ts'
import { createEvaluator } from '../../server/profiles/evaluator.ts'
import type { Evaluated, Evaluator, FetchRequest } from '../../server/profiles/face.ts'
import { compilePlan } from '../../server/profiles/plan.ts'

export function source(
  id: string,
  doc: unknown,
  from: 'shipped' | 'user' = 'shipped',
): ProfileSource {
  const text = typeof doc === 'string' ? doc : JSON.stringify(doc, null, 2)
  return { id, file: `oids/${id}.json`, text, from }
}

/** A catalogue of documents by id. */
export function catalogueOf(docs: Record<string, unknown>): Catalogue {
  return buildCatalogue(Object.entries(docs).map(([id, doc]) => source(id, doc)))
}

/** A catalogue that must be free of problems. */
export function goodCatalogue(docs: Record<string, unknown>): Catalogue {
  const catalogue = catalogueOf(docs)
  if (catalogue.problems.length > 0) throw new Error(JSON.stringify(catalogue.problems, null, 2))
  return catalogue
}

export const c32 = (value: number): RawValue => ({ type: 'counter32', value })
export const c64 = (value: bigint | number): RawValue => ({
  type: 'counter64',
  value: BigInt(value),
})
export const int = (value: number): RawValue => ({ type: 'integer', value })
export const num = (value: number): RawValue => ({ type: 'number', value })
export const text = (value: string): RawValue => ({ type: 'octets', value: Buffer.from(value) })
export const bytes = (...values: number[]): RawValue => ({
  type: 'octets',
  value: Uint8Array.from(values),
})
export const none: RawValue = { type: 'none' }

/** A device as instances by OID: `1.1.5` is instance 5 of column 1.1. */
export type Device = Record<string, RawValue>

export const START = 1_795_320_000_000

/** Answers requests from a device's instances. */
export function readFrom(
  device: Device,
  requests: readonly FetchRequest[],
  seconds: number,
  options: { upTicks?: number | null; partial?: readonly string[] } = {},
): Reading {
  const groups: Reading['groups'] = new Map()
  for (const request of requests) {
    const columns = new Map<string, Map<string, RawValue>>()
    const put = (index: string, oid: string, raw: RawValue) => {
      const column = columns.get(oid) ?? new Map<string, RawValue>()
      columns.set(oid, column.set(index, raw))
    }
    for (const oid of request.sources) {
      for (const [instance, raw] of Object.entries(device)) {
        if (!request.table && instance === oid) put('', oid, raw)
        else if (request.table && instance.startsWith(`${oid}.`)) {
          put(instance.slice(oid.length + 1), oid, raw)
        }
      }
    }
    const indexes = [...new Set([...columns.values()].flatMap(column => [...column.keys()]))]
    groups.set(request.group, {
      table: tableOf(indexes, columns),
      partial: options.partial?.includes(request.group) ?? false,
    })
  }
  return {
    at: START + seconds * 1000,
    monotonicMs: 5000 + seconds * 1000,
    upTicks: options.upTicks === undefined ? 100_000 + seconds * 100 : options.upTicks,
    groups,
  }
}

/** A table as values: index → source → value, without what is not there. */
export function valuesOf(table: RawTable | undefined): Map<string, Map<string, RawValue>> {
  const rows = new Map<string, Map<string, RawValue>>()
  for (const [row, index] of table?.indexes.entries() ?? []) {
    const values = new Map<string, RawValue>()
    for (const [column, source] of table?.sources.entries() ?? []) {
      const raw = table && rawValue(table, column, row)
      if (raw && raw.type !== 'none') values.set(source, raw)
    }
    rows.set(index, values)
  }
  return rows
}

/** One device polled once a minute. */
export function polled(catalogue: Catalogue, ids?: readonly string[]) {
  const plan = compilePlan(catalogue, ids ?? [...catalogue.profiles.keys()])
  const evaluator: Evaluator = createEvaluator(plan)
  return {
    plan,
    evaluator,
    poll(
      device: Device,
      seconds: number,
      options: { upTicks?: number | null; partial?: readonly string[] } = {},
    ): Poll {
      const requests = evaluator.due(START + seconds * 1000, 60_000)
      const evaluated = evaluator.evaluate(readFrom(device, requests, seconds, options), 5)
      return new Poll(evaluated, requests)
    },
  }
}

/** What one poll gave, easy to ask. */
export class Poll {
  readonly evaluated: Evaluated
  readonly requests: readonly FetchRequest[]
  constructor(evaluated: Evaluated, requests: readonly FetchRequest[]) {
    this.evaluated = evaluated
    this.requests = requests
  }

  body(group: string) {
    return this.evaluated.collections.find(collection => collection.group === group)?.body
  }

  /** A value, or `gap:REASON`; undefined where the metric or row is not there. */
  at(metric: string, key?: string): number | string | null | undefined {
    const [group = '', id = ''] = metric.split('.')
    const body = this.body(group)
    const values = body?.metrics[id]
    const gaps = body?.gaps?.[id]
    const row = key === undefined ? -1 : (body?.rows?.indexOf(key) ?? -1)
    if (values === undefined || (key !== undefined && row < 0)) return undefined
    const value = Array.isArray(values) ? values[row] : values
    const gap = Array.isArray(gaps) ? gaps[row] : gaps
    return value === null ? (gap ? `gap:${gap}` : null) : value
  }

  rows(group: string) {
    return this.evaluated.rows.find(message => message.group === group)?.body.rows
  }

  sources(): string[] {
    return this.requests.flatMap(request => request.sources).sort()
  }
}
