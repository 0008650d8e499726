// What happens to the rows of tables, told from one collection to the next: a state or a speed that
// changed, a row that appeared or vanished. The first sight of a table tells nothing. Pure.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { Value } from '../model/collection.ts'
import type { EventBody } from '../model/event.ts'
import { formatValue } from '../model/units.ts'

/** Events of one collection; what is beyond becomes one event that counts them. */
const eventsMax = 20
/** Reads without a row after which it has vanished: a lost answer is no removed card. */
const missesMax = 3
/** Rows of one group that are missed and may come back. */
const missingMax = 1000
const rowCharsMax = 120

/** What is watched of a group, from its profile. */
export interface WatchedGroup {
  /** Rows that come and go are told too. */
  rows: boolean
  states: readonly WatchedState[]
  /** Numbers that seldom change: the speed of an interface. */
  speeds: readonly { metric: string; title: string; unit: string }[]
}

export interface WatchedState {
  metric: string
  title: string
  /** The name and weight of a stored number. */
  of(value: number): { name: string; isBad: boolean }
}

/** What is kept of a group between two collections. */
export interface RowMemory {
  at: number
  rows: readonly string[]
  /** Metric → the newest value of each row that was none of a gap. */
  values: Map<string, Value[]>
  missing: Map<string, { misses: number; values: Map<string, Value> }>
}

/** @returns what happened since `before` (null: the first sight), and what to keep */
export function watchRows(
  group: WatchedGroup,
  before: RowMemory | null,
  collection: AcceptedCollection,
): { events: EventBody[]; memory: RowMemory | null } {
  const { at, rows, failed, part } = collection
  if (failed !== null || rows === null || (before && at <= before.at)) {
    return { events: [], memory: before }
  }
  const about = { at, kind: 'row', group: collection.group } as const
  const old = oldValues(before, rows)
  const told: EventBody[] = []
  const values = new Map<string, Value[]>()
  const compare = (metric: string, changed: Changed) => {
    const found = collection.metrics.get(metric)
    const kept = rows.map((row, i) => {
      const was = old(metric, i, row)
      const now = found?.[i] ?? null
      if (typeof now === 'number' && typeof was === 'number' && now !== was) {
        told.push({ ...about, row, ...changed(shown(row), now, was) })
      }
      return now ?? was
    })
    values.set(metric, kept)
  }
  for (const state of group.states) compare(state.metric, stateChanged(state))
  for (const speed of group.speeds) compare(speed.metric, speedChanged(speed))
  const memory: RowMemory = { at, rows, values, missing: new Map() }
  // Of a part nobody knows which rows the other parts hold.
  if (before && group.rows && part === undefined) {
    for (const row of newRows(before, rows)) {
      told.push({ ...about, row, severity: 'info', name: 'appeared', text: `${shown(row)} is new` })
    }
    memory.missing = stillMissing(before, rows)
    for (const row of vanished(memory.missing)) {
      told.push({
        ...about,
        row,
        severity: 'info',
        name: 'vanished',
        text: `${shown(row)} is gone`,
      })
    }
  }
  return { events: bounded(told, about), memory }
}

type Said = Pick<EventBody, 'severity' | 'name' | 'text'>
type Changed = (row: string, now: number, was: number) => Said

function stateChanged({ metric, title, of }: WatchedState): Changed {
  return (row, now, was) => {
    const { name, isBad } = of(now)
    return {
      severity: isBad ? 'warning' : 'info',
      name: wordOf(`${metric}.${name}`),
      text: `${row}: ${title} ${name}, was ${of(was).name}`,
    }
  }
}

function speedChanged({ metric, title, unit }: WatchedGroup['speeds'][number]): Changed {
  return (row, now, was) => ({
    severity: 'info',
    name: wordOf(metric),
    text: `${row}: ${title} ${formatValue(now, unit)}, was ${formatValue(was, unit)}`,
  })
}

/** How to find what a row had before; most tables have the same rows in the same order. */
function oldValues(
  before: RowMemory | null,
  rows: readonly string[],
): (metric: string, i: number, row: string) => Value {
  if (!before) return () => null
  const { values, missing } = before
  if (isSame(before.rows, rows)) return (metric, i) => values.get(metric)?.[i] ?? null
  const places = new Map(before.rows.map((row, i) => [row, i]))
  return (metric, _, row) => {
    const place = places.get(row)
    const was =
      place === undefined ? missing.get(row)?.values.get(metric) : values.get(metric)?.[place]
    return was ?? null
  }
}

function newRows(before: RowMemory, rows: readonly string[]): string[] {
  if (isSame(before.rows, rows)) return []
  const known = new Set(before.rows)
  return rows.filter(row => !known.has(row) && !before.missing.has(row))
}

/** Counts a miss of each, and takes out those that were missed too often. */
function vanished(missing: RowMemory['missing']): string[] {
  const gone: string[] = []
  for (const [row, one] of missing) {
    one.misses++
    if (one.misses < missesMax) continue
    missing.delete(row)
    gone.push(row)
  }
  return gone
}

function isSame(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && before.every((row, i) => row === now[i])
}

/** Rows of before, and those missed before, that are not among these. */
function stillMissing(before: RowMemory, rows: readonly string[]): RowMemory['missing'] {
  if (isSame(before.rows, rows)) return before.missing
  const here = new Set(rows)
  const missing: RowMemory['missing'] = new Map()
  for (const [row, one] of before.missing) if (!here.has(row)) missing.set(row, one)
  for (const [i, row] of before.rows.entries()) {
    if (here.has(row) || missing.size >= missingMax) continue
    const values = [...before.values].map(([metric, list]) => [metric, list[i] ?? null] as const)
    missing.set(row, { misses: 0, values: new Map(values) })
  }
  return missing
}

function bounded(told: EventBody[], about: Pick<EventBody, 'at' | 'kind' | 'group'>): EventBody[] {
  const left = told.length - eventsMax
  if (left <= 0) return told
  const isBad = told.slice(eventsMax).some(({ severity }) => severity !== 'info')
  const summary: EventBody = {
    ...about,
    severity: isBad ? 'warning' : 'info',
    name: 'more',
    text: `${left} more changes of rows at the same time`,
    fields: { left: String(left) },
  }
  return [...told.slice(0, eventsMax), summary]
}

/** A row's key as people read it. */
function shown(row: string): string {
  const text = row.replaceAll('%7C', '|').replaceAll('%25', '%')
  return text.length > rowCharsMax ? `${text.slice(0, rowCharsMax - 1)}…` : text || '(no name)'
}

const wordOf = (text: string): string =>
  text.replace(/[^A-Za-z0-9._:-]+/g, '-').slice(0, 64) || 'state'
