// Reading a table row by row over GETBULK: the way of nearly every poll. Asks for as many rows as fit
// into an answer, goes on after the last whole one, and gives up where the table is not of that kind
// (columns with holes, agents that cannot do GETBULK): then it is walked.

import { AppError } from '../model/errors.ts'
import type { ColumnSet } from './columnset.ts'
import type { WireEngine } from './engine.ts'
import { type Reply, SnmpRequest } from './exchange.ts'
import type { Layout } from './layout.ts'
import {
  bulkWorked,
  enlarge,
  type Limits,
  messageBytesMin,
  messageBytesUsual,
  restrict,
} from './limits.ts'
import type { Losses } from './losses.ts'
import { type PduHead, readVarBinds } from './message.ts'
import { isThere } from './presence.ts'
import { aborted, decodeError } from './problems.ts'
import { Rows, type RowsEnd } from './rows.ts'

/** Values asked for in one request: agents build the whole answer before they cut it. */
const valuesPerRequestMax = 3000
/** Octets of a response PDU around its variable bindings. */
const pduBytes = 24
/** Octets of a variable binding beside its column's name, before one was seen. */
const valueBytesFirst = 14
/** An agent that sends a larger answer than ever is not waited for in vain: one try. */
const provenShare = 1.25

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

/** The size that was asked for before a smaller one was tried. */
interface SizeBefore {
  bytes: number
  limits: Pick<Limits, 'messageBytes' | 'messageBytesMax' | 'messageBytesAt'>
}

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
  /** It stands if the smaller one failed too. */
  #before: SizeBefore | null = null

  constructor(
    options: BulkOptions,
    resolve: (result: BulkResult) => void,
    reject: (error: Error) => void,
  ) {
    const { set, memory, rowsMax, signal } = options
    this.#options = options
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
    this.#bytes = Math.min(
      limits.messageBytes,
      this.#aroundBytes() + this.#asked * this.#rowBytes(),
    )
    const isProven = this.#bytes <= provenBytes(limits)
    const attempts = isProven && !limits.bulk.isLost ? undefined : 1
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

  /** Of an answer, beside its rows. */
  #aroundBytes(): number {
    return this.#options.engine.client.security.overhead + pduBytes
  }

  #rowBytes(): number {
    const { memory, set } = this.#options
    return memory.rowBytes > 0
      ? memory.rowBytes
      : set.prefixes.reduce((sum, { length }) => sum + length + valueBytesFirst, 0)
  }

  /** As many as fit into an answer, and no more than are known, with one to see the end. */
  #repetitions(): number {
    const { limits, set, memory, repetitions, rowsMax } = this.#options
    const room = limits.messageBytes - this.#aroundBytes()
    const byValues = Math.floor(valuesPerRequestMax / set.columns.length)
    const fitting = Math.floor(room / this.#rowBytes())
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
    if (rows.count > before) this.#learn(bytes.length, rows.count - before, outcome)
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
  #learn(bytes: number, got: number, outcome: RowsEnd): void {
    const { limits, memory } = this.#options
    const { rowsAt, rowsEnd } = this.#rows
    // The largest rows of late: an answer that is cut inside a row sends it in vain.
    memory.rowBytes = Math.max((rowsEnd - rowsAt) / got, memory.rowBytes * 0.98)
    limits.messageBytesProven = Math.max(limits.messageBytesProven, bytes)
    if (this.#before !== null) this.#smallerCame(this.#before)
    else if (bytes > limits.messageBytesLost / 2) limits.messageBytesLost = 0
    if (outcome !== 'more') return
    if (got < this.#asked) {
      const fits = this.#aroundBytes() + (got + 1) * memory.rowBytes - 1
      // Every agent can send the least: one that stops before it counts rows, not octets.
      if (fits >= messageBytesMin && fits <= limits.messageBytes) {
        restrict(limits, fits)
      }
    } else if (this.#isBySize) enlarge(limits)
  }

  /** One large answer lost is chance; where the next one is lost too, smaller ones are asked for. */
  #smallerCame(before: SizeBefore): void {
    const { limits } = this.#options
    this.#before = null
    if (limits.messageBytesLost > 0) limits.messageBytesLost = 0
    else {
      Object.assign(limits, before.limits)
      limits.messageBytesLost = before.bytes
    }
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
    const { limits, memory } = this.#options
    if (this.#status === TOO_BIG && this.#asked > 1) {
      if (limits.messageBytes > messageBytesUsual) {
        this.#before = null
        restrict(limits, limits.messageBytes / 2)
      } else memory.repetitionsMax = Math.floor(this.#asked / 2)
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
    const isFirst = this.#rows.count === 0 && this.#before === null && engine.counters.varbinds > 0
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
    const { limits } = this.#options
    if (this.#before !== null || this.#asked <= 1 || limits.bulk.isLost) return false
    const { messageBytes, messageBytesMax, messageBytesAt } = limits
    this.#before = { bytes: this.#bytes, limits: { messageBytes, messageBytesMax, messageBytesAt } }
    restrict(limits, smallerBytes(limits, this.#bytes))
    if (this.#repetitions() >= this.#asked) {
      this.#restore()
      return false
    }
    this.ask(true)
    return true
  }

  #restore(): void {
    if (this.#before !== null) Object.assign(this.#options.limits, this.#before.limits)
    this.#before = null
  }

  #done(stopped: 'rows-max' | 'not-increasing' | null): void {
    const rows = this.#rows
    const layout = rows.layout()
    this.#options.memory.layout = layout
    bulkWorked(this.#options.limits, this.#options.first)
    this.#finish(() => this.#resolve({ kind: 'table', rows, layout, stopped }))
  }

  #finish(settle: () => void): void {
    this.#restore()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    settle()
  }
}

function provenBytes({ messageBytesProven }: Limits): number {
  return Math.max(messageBytesUsual, messageBytesProven * provenShare)
}

/** What is tried where so much was lost: what came before, else what needs no fragments, else less. */
function smallerBytes(limits: Limits, bytes: number): number {
  if (bytes > provenBytes(limits)) return limits.messageBytes / 2
  return limits.messageBytes > messageBytesUsual ? messageBytesUsual : limits.messageBytes / 4
}
