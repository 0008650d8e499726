// Tables: a loop of our own over GETBULK (GETNEXT for v1 and for agents whose GETBULK is broken),
// all columns of a table in one request. Each column keeps its own place (walk-columns.ts), so tables
// with holes, columns of differing lengths and answers cut short lose nothing.

import { AppError } from '../model/errors.ts'
import type { Answer, Question, WireEngine } from './engine.ts'
import { bulkFailed, bulkWorked, type Limits, mayBulk, rememberTable } from './limits.ts'
import { Losses } from './losses.ts'
import { isThere } from './presence.ts'
import { decodeError, statusError } from './problems.ts'
import { checkOids } from './reading.ts'
import type { ColumnWalk, SessionOptions } from './session.ts'
import { fill, newPlace, type Place } from './walk-columns.ts'

/** Rows in the first request of a table that was not walked before. */
const repetitionsFirst = 10
/** Values asked for in one request: agents build the whole answer before they cut it. */
const valuesPerRequestMax = 1000
/** Rows of any table, whatever the caller says. */
export const rowsOfTableMax = 50_000

const TOO_BIG = 1
const NO_SUCH_NAME = 2
const GENERAL_ERROR = 5

/**
 * What one read of a table makes of GETBULK, kept over its walks. `doubted`: it was not answered, and
 * one answer to GETNEXT will say that this was GETBULK's fault; `never`: it has been said.
 */
export interface BulkUse {
  bulk: 'usual' | 'doubted' | 'never'
}

/** One walk: the places of its columns, and how much to ask for next. */
interface Walk {
  engine: WireEngine
  options: SessionOptions
  limits: Limits
  /** The table's first column: its name in all that is remembered. */
  first: string
  rowsMax: number
  /** Rows at the last walk of this table. */
  rowsKnown: number | null
  /** Rows that fit into an answer: grows with full answers, shrinks to what came. */
  fitting: number
  columnsAtOnce: number
  use: BulkUse
  losses: Losses
  /** How the next rows are asked for; and whether some came by GETBULK. */
  byBulk: boolean
  cameByBulk: boolean
  /** Rows that GETNEXT has yet to give before GETBULK, which failed on them, is to blame; null: none. */
  toConfirm: number | null
  /** Fewer rows are tried, as a larger answer was lost. */
  isSmaller: boolean
  /** Whether the device had answered just before what is asked now, or before the first try of it. */
  wasThere: boolean
  /** The last request was lost, and is asked again in one form or another. */
  isAgain: boolean
  failure: Failure | null
}

type Failure = Exclude<Answer, { status: 0 }>

/** See SnmpSession.walk. */
export async function walkColumns(
  engine: WireEngine,
  options: SessionOptions,
  limits: Limits,
  columns: readonly string[],
  rowsMax: number,
  signal?: AbortSignal,
  use: BulkUse = { bulk: 'usual' },
  losses = new Losses(),
): Promise<ColumnWalk[]> {
  checkOids(options, columns)
  const places = new Map<string, Place>(columns.map(column => [column, newPlace(column)]))
  const [first = ''] = columns
  const walk: Walk = {
    engine,
    options,
    limits,
    first,
    rowsMax: Math.min(rowsMax, rowsOfTableMax),
    rowsKnown: limits.tables.get(first)?.rows ?? null,
    fitting: limits.tables.has(first) ? limits.repetitions.rowsOf(1) : repetitionsFirst,
    columnsAtOnce: limits.columnsPerRequest,
    use,
    losses,
    byBulk: use.bulk === 'usual' && mayBulk(limits, first),
    cameByBulk: false,
    toConfirm: use.bulk === 'doubted' ? 1 : null,
    isSmaller: false,
    isAgain: false,
    wasThere: false,
    failure: null,
  }
  for (;;) {
    const open = [...places.values()].filter(place => !place.ended)
    if (open.length === 0) break
    await step(walk, open.slice(0, walk.columnsAtOnce), signal)
  }
  if (walk.toConfirm !== null) blameBulk(walk)
  else if (walk.cameByBulk && use.bulk === 'usual') bulkWorked(limits, first)
  const walked = [...places.values()]
  if (walk.failure && walked.every(place => place.stopped === 'error' && place.values.size === 0)) {
    throw statusError(options, walk.failure.status, walk.failure.text)
  }
  const rows = Math.max(0, ...walked.map(place => place.values.size))
  rememberTable(limits, first, {
    repetitions: Math.min(walk.fitting, limits.repetitions.rowsOf(columns.length)),
    rows,
  })
  return columns.map(column => {
    const place = places.get(column) ?? newPlace(column)
    return { column, values: place.values, stopped: place.stopped }
  })
}

/** One request for these places, and what follows from its answer. */
async function step(walk: Walk, asked: readonly Place[], signal?: AbortSignal): Promise<void> {
  const { limits } = walk
  const oids = asked.map(place => place.last)
  const repetitions = rowsToAsk(walk, asked)
  const question: Question = walk.byBulk
    ? { type: 'bulk', oids, repetitions }
    : { type: 'next', oids }
  const answer = await askOrShrink(walk, question, repetitions, signal)
  if (answer === null) return
  walk.losses.answered()
  if (answer.varbinds === null) return afterError(walk, asked, repetitions, answer)
  if (answer.varbinds.length === 0) {
    throw decodeError(walk.options, 'an empty answer to a request for rows')
  }
  fill(asked, answer.varbinds, walk)
  const rows = Math.floor(answer.varbinds.length / asked.length)
  if (rows === 0) {
    limits.columnsPerRequest = answer.varbinds.length
    walk.columnsAtOnce = limits.columnsPerRequest
  } else if (walk.byBulk) {
    walk.cameByBulk = true
    walk.isSmaller = false
    limits.repetitions.worked()
    walk.fitting = rows < repetitions ? rows + 1 : Math.max(walk.fitting, repetitions * 2)
  } else if (walk.toConfirm !== null && --walk.toConfirm <= 0) blameBulk(walk)
}

/** GETNEXT gave what GETBULK failed on: the rest of this read goes by it. */
function blameBulk(walk: Walk): void {
  walk.toConfirm = null
  walk.use.bulk = 'never'
  bulkFailed(walk.limits, walk.first)
}

/** As many as fit, or an admin says; no more than the last walk found, with one to see the end. */
function rowsToAsk(walk: Walk, asked: readonly Place[]): number {
  const have = Math.min(...asked.map(place => place.values.size))
  const left =
    walk.rowsKnown !== null && walk.rowsKnown >= have ? walk.rowsKnown - have + 1 : rowsOfTableMax
  const byValues = Math.floor(valuesPerRequestMax / asked.length)
  const fitting = walk.options.pinned?.repetitions ?? walk.fitting
  return Math.max(
    1,
    Math.min(fitting, walk.limits.repetitions.rowsOf(asked.length), byValues, left),
  )
}

/**
 * A large answer may be lost on its way (fragments): fewer rows are tried. Any is asked again where the
 * device answered since the last loss. Else, where it had answered just before, it may be one that
 * drops GETBULK: GETNEXT tells.
 */
async function askOrShrink(
  walk: Walk,
  question: Question,
  repetitions: number,
  signal?: AbortSignal,
): Promise<Answer | null> {
  const { engine, limits } = walk
  if (!walk.isAgain) walk.wasThere = isThere(engine.client.presence, performance.now())
  try {
    const answer = await engine.ask(question, signal)
    walk.isAgain = false
    return answer
  } catch (error) {
    const isTimeout = error instanceof AppError && error.code === 'E_SNMP_TIMEOUT'
    if (!isTimeout) throw error
    const isBulk = question.type === 'bulk'
    const mayAgain = walk.losses.mayAskAgain()
    const isFirst = !walk.isAgain && !walk.cameByBulk && engine.counters.varbinds > 0
    walk.isAgain = true
    if (isBulk && !walk.isSmaller && repetitions >= 4 && (mayAgain || isFirst)) {
      walk.isSmaller = true
      limits.repetitions.lost(repetitions)
      return null
    }
    if (mayAgain) return null
    if (walk.isSmaller) limits.repetitions.restore()
    if (!isBulk || !walk.wasThere) throw error
    walk.isAgain = false
    walk.byBulk = false
    walk.toConfirm = 1
    walk.use.bulk = 'doubted'
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
  if (answer.status === TOO_BIG && walk.byBulk && repetitions > 1) {
    limits.repetitions.tooBig(repetitions, asked.length)
    walk.isSmaller = false
    return
  }
  if (answer.status === TOO_BIG && asked.length > 1) {
    limits.columnsPerRequest = Math.floor(asked.length / 2)
    walk.columnsAtOnce = limits.columnsPerRequest
    return
  }
  if (answer.status === GENERAL_ERROR && walk.byBulk) {
    walk.byBulk = false
    walk.toConfirm = repetitions
    return
  }
  if (walk.toConfirm !== null) {
    if (walk.use.bulk === 'doubted') blameBulk(walk)
    else {
      // GETNEXT fails too: it is the object's fault.
      walk.toConfirm = null
      walk.byBulk = true
    }
  }
  const blamed = asked.length === 1 ? asked[0] : asked.find(({ last }) => last === answer.blamed)
  if (blamed === undefined) {
    walk.columnsAtOnce = Math.max(1, Math.floor(asked.length / 2))
    return
  }
  blamed.ended = true
  // In v1 this is how the end of the MIB is said (RFC 1157, section 4.1.3).
  if (answer.status === NO_SUCH_NAME) return
  blamed.stopped = 'error'
  walk.failure = answer
}
