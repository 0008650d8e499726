// Tables: a loop of our own over GETBULK (GETNEXT for v1 and for agents whose GETBULK is broken),
// all columns of a table in one request. Each column keeps its own place, so tables with holes,
// columns of differing lengths and answers cut short lose nothing; each has its own increasing
// check, so that no agent can make a walk endless.

import { AppError } from '../model/errors.ts'
import type { RawValue } from '../model/raw.ts'
import type { Answer, Engine, Question } from './engine.ts'
import { type Limits, rememberTable } from './limits.ts'
import { compareOids, indexUnder } from './oid.ts'
import { decodeError, statusError } from './problems.ts'
import { checkOids } from './reading.ts'
import type { ColumnWalk, SessionOptions, VarBind } from './session.ts'

/** Rows in the first request of a table that was not walked before. */
const repetitionsFirst = 10
/** Values asked for in one request: agents build the whole answer before they cut it. */
const valuesPerRequestMax = 1000
/** Rows of any table, whatever the caller says. */
export const rowsOfTableMax = 50_000

const TOO_BIG = 1
const NO_SUCH_NAME = 2
const GENERAL_ERROR = 5

interface Place {
  readonly column: string
  readonly values: Map<string, RawValue>
  last: string
  ended: boolean
  stopped: ColumnWalk['stopped']
}

/** One walk: the places of its columns, and how much to ask for next. */
interface Walk {
  engine: Engine
  options: SessionOptions
  limits: Limits
  rowsMax: number
  /** Rows at the last walk of this table. */
  rowsKnown: number | null
  /** Rows that fit into an answer: grows with full answers, shrinks to what came. */
  fitting: number
  timedOut: boolean
  failure: Failure | null
}

type Failure = Exclude<Answer, { status: 0 }>

/** See SnmpSession.walk. */
export async function walkColumns(
  engine: Engine,
  options: SessionOptions,
  limits: Limits,
  columns: readonly string[],
  rowsMax: number,
  signal?: AbortSignal,
): Promise<ColumnWalk[]> {
  checkOids(options, columns)
  const places = new Map<string, Place>(columns.map(column => [column, newPlace(column)]))
  const [first = ''] = columns
  const walk: Walk = {
    engine,
    options,
    limits,
    rowsMax: Math.min(rowsMax, rowsOfTableMax),
    rowsKnown: limits.tables.get(first)?.rows ?? null,
    fitting: limits.tables.has(first) ? limits.repetitions : repetitionsFirst,
    timedOut: false,
    failure: null,
  }
  for (;;) {
    const open = [...places.values()].filter(place => !place.ended)
    if (open.length === 0) break
    await step(walk, open.slice(0, limits.columnsPerRequest), signal)
  }
  const walked = [...places.values()]
  if (walk.failure && walked.every(place => place.stopped === 'error' && place.values.size === 0)) {
    throw statusError(options, walk.failure.status, walk.failure.text)
  }
  const rows = Math.max(0, ...walked.map(place => place.values.size))
  rememberTable(limits, first, { repetitions: Math.min(walk.fitting, limits.repetitions), rows })
  return columns.map(column => {
    const place = places.get(column) ?? newPlace(column)
    return { column, values: place.values, stopped: place.stopped }
  })
}

function newPlace(column: string): Place {
  return { column, values: new Map(), last: column, ended: false, stopped: null }
}

/** One request for these places, and what follows from its answer. */
async function step(walk: Walk, asked: readonly Place[], signal?: AbortSignal): Promise<void> {
  const { limits } = walk
  const oids = asked.map(place => place.last)
  const repetitions = rowsToAsk(walk, asked)
  const question: Question = limits.bulk
    ? { type: 'bulk', oids, repetitions }
    : { type: 'next', oids }
  const answer = await askOrShrink(walk, question, repetitions, signal)
  if (answer === null) return
  if (answer.varbinds === null) return afterError(walk, asked, repetitions, answer)
  if (answer.varbinds.length === 0) {
    throw decodeError(walk.options, 'an empty answer to a request for rows')
  }
  place(walk, asked, answer.varbinds)
  const rows = Math.floor(answer.varbinds.length / asked.length)
  if (rows === 0) {
    limits.columnsPerRequest = answer.varbinds.length
  } else if (limits.bulk) {
    walk.fitting = rows < repetitions ? rows + 1 : Math.max(walk.fitting, repetitions * 2)
  }
}

/** No more than fits, and no more than the table had at the last walk, with one row to see its end. */
function rowsToAsk(walk: Walk, asked: readonly Place[]): number {
  const have = Math.min(...asked.map(place => place.values.size))
  const left =
    walk.rowsKnown !== null && walk.rowsKnown >= have
      ? walk.rowsKnown - have + 1
      : walk.limits.repetitions
  const byValues = Math.floor(valuesPerRequestMax / asked.length)
  return Math.max(1, Math.min(walk.fitting, walk.limits.repetitions, byValues, left))
}

/** A large answer may be lost on its way (fragments): once in a walk, fewer rows are tried. */
async function askOrShrink(
  walk: Walk,
  question: Question,
  repetitions: number,
  signal?: AbortSignal,
): Promise<Answer | null> {
  try {
    return await walk.engine.ask(question, signal)
  } catch (error) {
    const isTimeout = error instanceof AppError && error.code === 'E_SNMP_TIMEOUT'
    const answeredBefore = walk.engine.counters.varbinds > 0
    if (
      !isTimeout ||
      walk.timedOut ||
      !answeredBefore ||
      question.type !== 'bulk' ||
      repetitions < 4
    ) {
      throw error
    }
    walk.timedOut = true
    walk.limits.repetitions = Math.floor(repetitions / 4)
    return null
  }
}

function afterError(
  walk: Walk,
  asked: readonly Place[],
  repetitions: number,
  answer: Failure,
): void {
  const { limits } = walk
  if (answer.status === TOO_BIG && limits.bulk && repetitions > 1) {
    limits.repetitions = Math.floor(repetitions / 2)
    return
  }
  if (answer.status === TOO_BIG && asked.length > 1) {
    limits.columnsPerRequest = Math.floor(asked.length / 2)
    return
  }
  if (answer.status === GENERAL_ERROR && limits.bulk) {
    limits.bulk = false
    return
  }
  const blamed = asked.length === 1 ? asked[0] : asked.find(({ last }) => last === answer.blamed)
  if (blamed === undefined) {
    limits.columnsPerRequest = Math.max(1, Math.floor(asked.length / 2))
    return
  }
  blamed.ended = true
  // In v1 this is how the end of the MIB is said (RFC 1157, section 4.1.3).
  if (answer.status === NO_SUCH_NAME) return
  blamed.stopped = 'error'
  walk.failure = answer
}

/** Sorts an answer's values, which come row by row, to their columns. */
function place(walk: Walk, asked: readonly Place[], varbinds: readonly VarBind[]): void {
  varbinds.forEach((varbind, i) => {
    const column = asked[i % asked.length]
    if (column && !column.ended) accept(walk, column, varbind)
  })
}

function accept(walk: Walk, column: Place, { oid, value }: VarBind): void {
  const index = indexUnder(column.column, oid)
  // endOfMibView repeats the name that was asked; a first row that is none is no row.
  if (index === null || (value.type === 'none' && oid === column.last)) {
    column.ended = true
    return
  }
  if (compareOids(oid, column.last) <= 0) {
    const allowed = walk.options.quirks?.allowNonIncreasing === true
    if (!allowed || oid === column.last || column.values.has(index)) {
      walk.engine.counters.dropped++
      column.ended = true
      column.stopped = 'not-increasing'
      return
    }
  }
  if (column.values.size >= walk.rowsMax) {
    column.ended = true
    column.stopped = 'rows-max'
    return
  }
  if (column.values.has(index)) {
    column.ended = true
    column.stopped = 'not-increasing'
    return
  }
  column.values.set(index, value)
  column.last = oid
}
