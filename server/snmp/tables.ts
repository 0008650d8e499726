// The tables of one session: each is read row by row (bulkread.ts) where that goes, and walked column
// by column (walk.ts) where it does not. What was found is remembered for the next read.

import { tunedTablesMax } from '../model/device.ts'
import { type BulkMemory, type BulkResult, readRows } from './bulkread.ts'
import { type ColumnSet, columnSetOf } from './columnset.ts'
import type { WireEngine } from './engine.ts'
import { layoutOf } from './layout.ts'
import { type Limits, mayBulk, rememberTable } from './limits.ts'
import { Losses } from './losses.ts'
import { checkOids } from './reading.ts'
import type { ColumnWalk, SessionOptions, TableRead } from './session.ts'
import { areEqual, tableOfWalks } from './table.ts'
import { Trust } from './trust.ts'
import { type BulkUse, rowsOfTableMax, walkColumns } from './walk.ts'

/** Rows of one request where neither a profile nor an admin says anything. */
const repetitionsUsual = 1000

interface TableMemory extends BulkMemory {
  /** Which columns are read row by row, and which have no rows at all. */
  set: ColumnSet
  /** By column of the table, its place in the set; null: all are there, in order. */
  places: readonly number[] | null
  /** Its columns have holes: it is walked, for as long as they have. */
  isSparse: boolean
  /** Whether the agent does such requests: else it is walked, by smaller ones. */
  byRows: Trust
}

export interface Tables {
  read(columns: readonly string[], rowsMax: number, signal?: AbortSignal): Promise<TableRead>
}

export function createTables(engine: WireEngine, options: SessionOptions, limits: Limits): Tables {
  const { quirks, pinned } = options
  const memories = new Map<string, TableMemory>()
  const byArray = new WeakMap<readonly string[], TableMemory>()
  const repetitions = pinned?.repetitions ?? null

  const memoryOf = (columns: readonly string[]): TableMemory => {
    const memory = byArray.get(columns) ?? memoryByText(columns)
    byArray.set(columns, memory)
    return memory
  }

  const memoryByText = (columns: readonly string[]): TableMemory => {
    const key = columns.join(' ')
    const known = memories.get(key)
    if (known) return known
    checkOids(options, columns)
    if (memories.size >= tunedTablesMax) memories.clear()
    const set = columnSetOf(columns)
    const memory = {
      layout: null,
      rowBytes: 0,
      repetitionsMax: quirks?.maxRepetitions ?? repetitionsUsual,
      set,
      places: null,
      isSparse: false,
      byRows: new Trust(),
    }
    memories.set(key, memory)
    return memory
  }

  const goesRowByRow = ({ isSparse, byRows }: TableMemory, columns: readonly string[]) =>
    mayBulk(limits, columns[0] ?? '') &&
    !isSparse &&
    byRows.mayTry(limits.now()) &&
    quirks?.allowNonIncreasing !== true &&
    columns.length > 0 &&
    columns.length <= limits.columnsPerRequest

  const readByRows = (
    memory: TableMemory,
    first: string,
    rowsMax: number,
    losses: Losses,
    signal: AbortSignal | undefined,
  ) =>
    readRows({
      engine,
      limits,
      first,
      set: memory.set,
      memory,
      rowsMax: Math.min(rowsMax, rowsOfTableMax),
      repetitions,
      losses,
      signal,
    })

  const finished = (
    memory: TableMemory,
    columns: readonly string[],
    { rows, layout, stopped }: Extract<BulkResult, { kind: 'table' }>,
  ): TableRead => {
    const fitting = memory.rowBytes > 0 ? Math.floor(limits.messageBytes / memory.rowBytes) : 1
    rememberTable(limits, columns[0] ?? '', {
      repetitions: Math.max(1, Math.min(repetitions ?? fitting, memory.repetitionsMax)),
      rows: layout.indexes.length,
    })
    return {
      table: rows.table(layout, columns, memory.places),
      stopped: columns.map((_, i) => (memory.places?.[i] === -1 ? null : stopped)),
    }
  }

  const walk = async (
    memory: TableMemory,
    columns: readonly string[],
    rowsMax: number,
    signal: AbortSignal | undefined,
    use: BulkUse,
    losses: Losses,
  ): Promise<TableRead> => {
    const wasEqual = memory.layout !== null
    let walks = await walkColumns(engine, options, limits, columns, rowsMax, signal, use, losses)
    // Rows that came or went between two answers make columns differ: that passes.
    if (wasEqual && !areEqual(walks)) {
      walks = await walkColumns(engine, options, limits, columns, rowsMax, signal, use, losses)
    }
    learn(memory, columns, walks)
    const read = tableOfWalks(walks)
    // The list that stands for these rows: the same array while they are the same.
    const { indexes } = memory.layout ?? layoutOf(read.table.indexes)
    return { ...read, table: { ...read.table, indexes } }
  }

  return {
    async read(columns, rowsMax, signal) {
      const memory = memoryOf(columns)
      const use: BulkUse = { bulk: 'usual' }
      const losses = new Losses()
      if (goesRowByRow(memory, columns)) {
        const [first = ''] = columns
        let result = await readByRows(memory, first, rowsMax, losses, signal)
        if (result.kind === 'ragged' && result.absent && memory.places === null) {
          leaveOut(memory, columns, result.absent)
          result = await readByRows(memory, first, rowsMax, losses, signal)
        }
        if (result.kind === 'refused') memory.byRows.failed(limits.now())
        else memory.byRows.worked()
        if (result.kind === 'table') return finished(memory, columns, result)
        if (result.kind === 'refused' && result.isDropped) use.bulk = 'doubted'
      }
      return walk(memory, columns, rowsMax, signal, use, losses)
    },
  }
}

/** From now on these columns are only looked for. */
function leaveOut(
  memory: TableMemory,
  columns: readonly string[],
  isAbsent: readonly boolean[],
): void {
  const isAny = isAbsent.includes(true)
  let place = 0
  memory.set = columnSetOf(columns, isAny ? i => isAbsent[i] === true : null)
  memory.places = isAny ? columns.map((_, i) => (isAbsent[i] === true ? -1 : place++)) : null
  memory.rowBytes = 0
}

/** What a walk says about the next read. */
function learn(
  memory: TableMemory,
  columns: readonly string[],
  walks: readonly ColumnWalk[],
): void {
  const isBroken = walks.some(({ stopped }) => stopped === 'error' || stopped === 'not-increasing')
  memory.isSparse = isBroken || !areEqual(walks)
  memory.layout = null
  if (memory.isSparse) return
  const longest = Math.max(0, ...walks.map(({ values }) => values.size))
  leaveOut(
    memory,
    columns,
    walks.map(({ values }) => longest > 0 && values.size === 0),
  )
  const [rows] = walks.filter(({ values }) => values.size === longest)
  memory.layout = layoutOf([...(rows?.values.keys() ?? [])])
}
