// A read by which nothing is stored: what profiles make of a device or of a recording, value by value, by
// the same steps as a poll, and what asking costs.

import type { AppError } from '../model/errors.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { createTracingEvaluator } from '../profiles/evaluator.ts'
import { type Explained, explain } from '../profiles/explain.ts'
import type { Evaluator, Plan } from '../profiles/face.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { elapsedMs } from './snmp-failures.ts'
import { identify } from './snmp-identify.ts'
import { readGroups } from './snmp-read.ts'

/** Every column is due in the first read, whatever the interval. */
const everyMs = 60_000

export interface TryCost {
  pdus: number
  varbinds: number
}

/** docs/profiles.md, "Trying", says what is in it. */
export interface Tried {
  profiles: string[]
  chosenBecause: string[]
  device: Record<string, string>
  samples: Explained['samples']
  tables: Explained['tables']
  /** What was read and came to nothing. */
  skipped: { what: string; reason: string; count: number; example?: string }[]
  cost: TryCost
  /** Of the groups that were asked for apart, alone; without what finding out the device took. */
  apart: TryCost & { tookMs: number }
}

export interface TryOptions {
  catalogue: Catalogue
  /** The config's `profiles`. */
  wanted: readonly string[]
  planOf(catalogue: Catalogue, profiles: readonly string[]): Plan
  /** Called with the quirks of the chosen profiles, once they are known, where they have some. */
  open(quirks?: Plan['quirks']): SnmpSession
  /** Groups that are read before the others, so that their cost is known. */
  apart?: ReadonlySet<string>
}

/**
 * Identifies and reads everything once, as a poll does.
 * @throws AppError of the session, where the device does not say what it is
 */
export async function trySession(options: TryOptions, signal: AbortSignal): Promise<Tried> {
  const { open, apart = new Set() } = options
  const first = open()
  const { identity, plan } = await identify(
    { ...options, session: first, withTables: true },
    signal,
  )
  const session = Object.keys(plan.quirks).length === 0 ? first : open(plan.quirks)
  const evaluator = createTracingEvaluator(plan)
  const at = Date.now()
  const due = evaluator.due(at, everyMs)
  const before = costOf(new Set([session]))
  const started = performance.now()
  const own = await readGroups(
    session,
    due.filter(({ group }) => apart.has(group)),
    signal,
  )
  const tookMs = elapsedMs(started)
  const after = costOf(new Set([session]))
  const rest = await readGroups(
    session,
    due.filter(({ group }) => !apart.has(group)),
    signal,
  )
  const groups = new Map([...own.groups, ...rest.groups])
  const reading = { at, monotonicMs: performance.now(), upTicks: null, groups }
  const { samples, tables, missing } = explain(evaluator, evaluator.evaluate(reading, 0))
  const failures = new Map([...own.failures, ...rest.failures])
  return {
    profiles: identity.profiles,
    chosenBecause: identity.chosenBecause,
    device: identity.facts,
    samples,
    tables,
    skipped: [...skippedCells(missing), ...skippedGroups(failures), ...skippedRows(evaluator)],
    cost: costOf(new Set([first, session])),
    apart: {
      pdus: after.pdus - before.pdus,
      varbinds: after.varbinds - before.varbinds,
      tookMs,
    },
  }
}

function skippedCells(missing: Explained['missing']): Tried['skipped'] {
  return missing.map(({ metric, reason, count, example }) => ({
    what: metric,
    reason,
    count,
    ...(example !== null && { example }),
  }))
}

function skippedGroups(failures: ReadonlyMap<string, AppError>): Tried['skipped'] {
  return [...failures].map(([group, { code, message }]) => ({
    what: group,
    reason: code,
    count: 1,
    example: message,
  }))
}

function skippedRows({ counters: { rowsCut, rowsSkipped } }: Evaluator): Tried['skipped'] {
  const skipped: Tried['skipped'] = []
  if (rowsSkipped > 0) skipped.push({ what: 'rows', reason: 'index', count: rowsSkipped })
  if (rowsCut > 0) skipped.push({ what: 'rows', reason: 'max-rows', count: rowsCut })
  return skipped
}

function costOf(sessions: ReadonlySet<SnmpSession>): TryCost {
  const cost = { pdus: 0, varbinds: 0 }
  for (const { counters } of sessions) {
    cost.pdus += counters.requests
    cost.varbinds += counters.varbinds
  }
  return cost
}
