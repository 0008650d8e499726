// Which rows a group has, and where each lies in the tables that were read. What follows from the
// rows alone is kept as long as they stay the same, which is nearly always.

import type { TableColumn } from '../model/rawtable.ts'
import type { GroupPlan } from './plan.ts'
import { compareIndexes, parseIndex } from './rows.ts'

/** Tables of other rows whose places are remembered. */
const tablesMax = 16
/** Arrays of one and the same list of indexes that are told by their identity. */
const aliasesMax = 4

/** The rows of one group; never changed. The same object means the same rows. */
export class RowSet {
  readonly indexes: readonly string[]
  /** Rows beyond the group's `maxRows`, and rows whose index does not fit. */
  readonly cut: number
  readonly skipped: number
  private rows: ReadonlyMap<string, number> | null = null
  private readonly places = new Map<readonly string[], Int32Array | null>()

  constructor(indexes: readonly string[], cut = 0, skipped = 0) {
    this.indexes = indexes
    this.cut = cut
    this.skipped = skipped
  }

  /** The row of an index. */
  rowOf(index: string): number | undefined {
    this.rows ??= rowsByIndex(this.indexes)
    return this.rows.get(index)
  }

  /** By row, its row in a table with these indexes, -1: it has none there. Null: the rows are the same. */
  placesIn(indexes: readonly string[]): Int32Array | null {
    if (indexes === this.indexes) return null
    const known = this.places.get(indexes)
    if (known !== undefined) return known
    if (this.places.size >= tablesMax) this.places.clear()
    const places = placesOf(this.indexes, indexes)
    this.places.set(indexes, places)
    return places
  }
}

function rowsByIndex(indexes: readonly string[]): Map<string, number> {
  return new Map(indexes.map((index, row) => [index, row]))
}

/** By row of `from`, its row in `to`, or -1; null where both are the same. */
function placesOf(from: readonly string[], to: readonly string[]): Int32Array | null {
  if (sameTexts(from, to)) return null
  const rows = rowsByIndex(to)
  return Int32Array.from(from, index => rows.get(index) ?? -1)
}

export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A list of indexes, as one or several tables have it. */
interface IndexList {
  aliases: (readonly string[])[]
  /** By index, its place among all; null: they are all. */
  places: Int32Array | null
}

/** Finds the rows of one group of one device, read after read. */
export class RowFinder {
  private readonly plan: GroupPlan
  private lists: IndexList[] = []
  private all: readonly string[] = []
  /** 1 for each of `all` that has something. */
  private there: Uint8Array = new Uint8Array(0)
  private rows: RowSet | null = null

  constructor(plan: GroupPlan) {
    this.plan = plan
  }

  /** The rows that have something in one of these columns, in the order of their indexes. */
  find(columns: readonly TableColumn[]): RowSet {
    if (!this.plan.group.table) {
      this.rows ??= new RowSet([''])
      return this.rows
    }
    const isNew = !columns.every(({ table }) => this.listOf(table.indexes))
    if (isNew) this.learn(columns)
    const there = this.look(columns)
    if (this.rows && !isNew && Buffer.compare(there, this.there) === 0) return this.rows
    this.there = there.slice()
    const rows = this.fitting()
    if (!this.rows || !sameRows(this.rows, rows)) this.rows = rows
    return this.rows
  }

  private listOf(indexes: readonly string[]): IndexList | undefined {
    for (const list of this.lists) if (list.aliases.includes(indexes)) return list
    const same = this.lists.find(({ aliases: [first = []] }) => sameTexts(first, indexes))
    if (same && same.aliases.push(indexes) > aliasesMax) same.aliases.shift()
    return same
  }

  private learn(columns: readonly TableColumn[]): void {
    const lists: (readonly string[])[] = []
    for (const { table } of columns) {
      if (!lists.some(list => sameTexts(list, table.indexes))) lists.push(table.indexes)
    }
    this.all = inOrder(lists)
    this.lists = lists.map(indexes => ({
      aliases: [indexes],
      places: placesOf(indexes, this.all),
    }))
  }

  private look(columns: readonly TableColumn[]): Uint8Array {
    const count = this.all.length
    const there = emptyLook(count)
    let found = 0
    for (const { table, column } of columns) {
      const { indexes, types } = table
      const places = this.listOf(indexes)?.places ?? null
      const first = column * indexes.length
      for (let row = 0; row < indexes.length; row++) {
        const place = places === null ? row : (places[row] ?? -1)
        if (types[first + row] === 0 || there[place] !== 0) continue
        there[place] = 1
        found++
      }
      if (found === count) break
    }
    return there
  }

  private fitting(): RowSet {
    const { group } = this.plan
    const isWhole = this.there.every(found => found === 1)
    const found = isWhole ? this.all : this.all.filter((_, i) => this.there[i] === 1)
    const kept = found.length > group.rowsMax ? found.slice(0, group.rowsMax) : found
    const fits = (index: string) => parseIndex(group.index, index, group.source === 'snmp') !== null
    const fitting = kept.every(fits) ? kept : kept.filter(fits)
    return new RowSet(fitting, found.length - kept.length, kept.length - fitting.length)
  }
}

function sameRows(a: RowSet, b: RowSet): boolean {
  return a.cut === b.cut && a.skipped === b.skipped && sameTexts(a.indexes, b.indexes)
}

let look = new Uint8Array(64)

/** One array for all looks: what is found is compared at once, and copied only when it is new. */
function emptyLook(count: number): Uint8Array {
  if (look.length < count) look = new Uint8Array(2 * count)
  return look.subarray(0, count).fill(0)
}

/** Every index of these lists once. A device answers in order; only columns with holes bring rows late. */
function inOrder(lists: readonly (readonly string[])[]): readonly string[] {
  const [only] = lists
  const all = lists.length === 1 && only ? only : [...new Set(lists.flat())]
  const isSorted = all.every((index, i) => i === 0 || compareIndexes(all[i - 1] ?? '', index) < 0)
  return isSorted ? all : [...new Set(all)].sort(compareIndexes)
}
