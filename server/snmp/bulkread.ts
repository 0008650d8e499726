// Reading a table row by row over GETBULK: the way of nearly every poll. Asks for as many rows as fit
// into an answer, goes on after the last whole one, and gives up where the table is not of that kind
// (columns with holes, agents that cannot do GETBULK): then it is walked.

import { AppError } from '../model/errors.ts'
import { AnswerSize } from './answersize.ts'
import type { ColumnSet } from './columnset.ts'
import type { WireEngine } from './engine.ts'
import { type Reply, SnmpRequest } from './exchange.ts'
import type { Layout } from './layout.ts'
import { bulkWorked, enlarge, type Limits } from './limits.ts'
import type { Losses } from './losses.ts'
import { type PduHead, readVarBinds } from './message.ts'
import { isThere } from './presence.ts'
import { aborted, decodeError } from './problems.ts'
import { Rows, type RowsEnd } from './rows.ts'

/** Values asked for in one request: agents build the whole answer before they cut it. */
const valuesPerRequestMax = 3000
const TOO_BIG = 1

/** What is remembered of one table between reads. */
export interface BulkMemory {
  layout: Layout | null
  /** Octets of answer that a row takes; 0: not known. */
  rowBytes: number
  /** More rows in one request were too big for the agent, whatever their size. */
  repetitionsMax: number
}

export interface BulkOptions {
  engine: WireEngine
  limits: Limits
  /** The table's first column, and those that are read. */
  first: string
  set: ColumnSet
  memory: BulkMemory
  rowsMax: number
  /** Rows in each request, where an admin fixed them. */
  repetitions: number | null
  /** Of the whole read of the table. */
  losses: Losses
  signal: AbortSignal | undefined
}

type Outcome = Exclude<RowsEnd, 'malformed'> | 'error-status' | AppError

/** How the read ended; `ended` says which columns had no row where they disagreed. */
export type BulkResult =
  | { kind: 'table'; rows: Rows; layout: Layout; stopped: 'rows-max' | 'not-increasing' | null }
  /** No table of equal columns; `absent`: only for these columns without any row. */
  | { kind: 'ragged'; absent: readonly boolean[] | null }
  /** The agent fails on such requests; `isDropped`: by silence, though it had answered just now. */
  | { kind: 'refused'; isDropped: boolean }

/** Rejects with AppError as a session does. */
export function readRows(options: BulkOptions): Promise<BulkResult> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(aborted(options.signal))
    new BulkRead(options, resolve, reject).ask()
  })
}

class BulkRead implements Reply {
  readonly #options: BulkOptions
  readonly #resolve: (result: BulkResult) => void
  readonly #reject: (error: Error) => void
  readonly #rows: Rows
  readonly #onAbort: () => void
  #request: SnmpRequest | null = null
  #asked = 0
  /** Octets of answer that were asked for, about. */
  #bytes = 0
  /** Whether nothing but the size of an answer bounded the rows that were asked for. */
  #isBySize = false
  #outcome: Outcome | null = null
  #status = 0
  /** Whether the device had answered just before this request was made, or one with fewer rows. */
  #wasThere = false
  readonly #size: AnswerSize

  constructor(
    options: BulkOptions,
    resolve: (result: BulkResult) => void,
    reject: (error: Error) => void,
  ) {
    const { engine, set, limits, memory, rowsMax, signal } = options
    this.#options = options
    this.#size = new AnswerSize({ limits, memory, set, security: engine.client.security })
    this.#resolve = resolve
    this.#reject = reject
    this.#rows = new Rows(set, memory.layout, rowsMax)
    this.#onAbort = () => {
      if (this.#request) options.engine.take(this.#request)
      this.#finish(() => reject(aborted(signal)))
    }
    signal?.addEventListener('abort', this.#onAbort)
  }

  ask(isAgain = false): void {
    const { engine, limits, set } = this.#options
    this.#asked = this.#repetitions()
    this.#bytes = this.#size.bytesOf(this.#asked)
    const attempts = this.#size.isProven(this.#bytes) && !limits.bulk.isLost ? undefined : 1
    if (!isAgain) this.#wasThere = isThere(engine.client.presence, performance.now())
    this.#request = new SnmpRequest(engine.client, this.#pdu(set), this, attempts, this.#bytes)
    this.#outcome = null
    try {
      engine.put(this.#request)
    } catch (error) {
      this.#finish(() => this.#reject(error instanceof Error ? error : new Error(String(error))))
    }
  }

  #pdu(set: ColumnSet): Uint8Array {
    if (this.#rows.count === 0) return set.first(this.#asked)
    const { last } = this.#rows
    return 'layout' in last
      ? set.after(last.layout, last.row, this.#asked)
      : set.afterIndex(last.index, this.#asked)
  }

  /** As many as fit into an answer, and no more than are known, with one to see the end. */
  #repetitions(): number {
    const { set, memory, repetitions, rowsMax } = this.#options
    const byValues = Math.floor(valuesPerRequestMax / set.columns.length)
    const fitting = this.#size.rowsFitting()
    const known = memory.layout?.indexes.length ?? 0
    const { count } = this.#rows
    const left = (known >= count && memory.layout ? known : rowsMax) - count + 1
    const most = Math.min(byValues, memory.repetitionsMax, left)
    this.#isBySize = repetitions === null && fitting <= most
    return Math.max(1, Math.min(repetitions ?? fitting, most))
  }

  answered(bytes: Uint8Array, head: PduHead): boolean {
    if (head.status !== 0) {
      if (readVarBinds(bytes, head.listAt, head.listEnd) === null) return false
      this.#status = head.status
      this.#outcome = 'error-status'
      return true
    }
    const rows = this.#rows
    const before = rows.count
    const unreadable = rows.unreadable
    const outcome = rows.take(bytes, head.listAt, head.listEnd)
    if (outcome === 'malformed') return false
    this.#outcome = outcome
    const { counters } = this.#options.engine
    counters.varbinds += (rows.count - before) * this.#options.set.columns.length
    counters.dropped += rows.unreadable - unreadable
    if (rows.count > before) this.#learn(bytes.length, rows.count - before)
    else if (outcome === 'more') this.#outcome = this.#stuck(head)
    return true
  }

  failed(error: AppError): void {
    this.#outcome = error
  }

  ended(): void {
    this.#request = null
    const outcome = this.#outcome
    if (outcome !== null && !(outcome instanceof AppError)) this.#options.losses.answered()
    if (outcome === 'more') this.ask()
    else if (outcome === 'end') this.#done(null)
    else if (outcome === 'ragged') this.#ragged()
    else if (outcome === 'error-status') this.#refused()
    else if (outcome === 'rows-max') this.#done(outcome)
    else if (outcome === 'not-increasing') {
      this.#options.engine.counters.dropped++
      this.#done(outcome)
    } else if (outcome !== null) this.#lost(outcome)
  }

  /** The size of rows and of answers. */
  #learn(bytes: number, got: number): void {
    const { rowsAt, rowsEnd } = this.#rows
    this.#size.came(bytes, (rowsEnd - rowsAt) / got)
    if (this.#outcome !== 'more') return
    if (got < this.#asked) this.#size.wasCut(got)
    else if (this.#isBySize) enlarge(this.#options.limits)
  }

  /** Not one whole row. */
  #stuck({ listAt, listEnd }: PduHead): AppError | 'ragged' {
    if (listAt < listEnd) return 'ragged'
    return decodeError(this.#options.engine.client.options, 'an empty answer to a request for rows')
  }

  #ragged(): void {
    const rows = this.#rows
    const isAtStart = rows.count === 0 && rows.ended.length > 0
    this.#finish(() =>
      this.#resolve({ kind: 'ragged', absent: isAtStart ? [...rows.ended] : null }),
    )
  }

  #refused(): void {
    if (this.#status === TOO_BIG && this.#asked > 1) {
      if (!this.#size.halve()) this.#options.memory.repetitionsMax = Math.floor(this.#asked / 2)
      this.ask()
    } else this.#finish(() => this.#resolve({ kind: 'refused', isDropped: false }))
  }

  /**
   * A large answer may be lost on its way (fragments): a smaller one is tried. Any is asked again where
   * the device answered since the last loss. Else the agent may be one that drops GETBULK, which only
   * another kind of request can tell from a device that has gone.
   */
  #lost(error: AppError): void {
    const { engine, losses } = this.#options
    const isTimeout = error.code === 'E_SNMP_TIMEOUT'
    const mayAgain = isTimeout && losses.mayAskAgain()
    const isFirst = this.#rows.count === 0 && !this.#size.isSmaller && engine.counters.varbinds > 0
    if (isTimeout && (mayAgain || isFirst) && this.#askSmaller()) return
    if (mayAgain) {
      this.ask(true)
      return
    }
    const isDropped = isTimeout && this.#wasThere
    this.#finish(() =>
      isDropped ? this.#resolve({ kind: 'refused', isDropped }) : this.#reject(error),
    )
  }

  /** False: there is nothing smaller to ask for. */
  #askSmaller(): boolean {
    if (this.#size.isSmaller || this.#asked <= 1 || this.#options.limits.bulk.isLost) return false
    this.#size.shrink(this.#bytes)
    if (this.#repetitions() >= this.#asked) {
      this.#size.restore()
      return false
    }
    this.ask(true)
    return true
  }

  #done(stopped: 'rows-max' | 'not-increasing' | null): void {
    const rows = this.#rows
    const layout = rows.layout()
    this.#options.memory.layout = layout
    bulkWorked(this.#options.limits, this.#options.first)
    this.#finish(() => this.#resolve({ kind: 'table', rows, layout, stopped }))
  }

  #finish(settle: () => void): void {
    this.#size.restore()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    settle()
  }
}
