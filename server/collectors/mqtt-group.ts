// One group of a device that sends by itself: messages are gathered for a moment, then each row that
// was heard is evaluated. It also tells which rows fell silent.

import type { RowsMessage } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'
import type { RawValue } from '../model/raw.ts'
import type { MessageGroup } from '../profiles/messages.ts'
import type { Payload } from '../sensors/payload.ts'
import { createReader, type MessageReader, type ReadRow } from '../sensors/reader.ts'
import type { Body, Collected } from './collector.ts'
import { collectionsOf } from './mqtt-collections.ts'
import { MessageRow, type RowValues } from './mqtt-row.ts'

/** Rows × paths that are gathered; when there are more, they are evaluated before the flush. */
const cellsMax = 100_000
/** Times of collections that are remembered, so that none is given twice: hours of Telegraf's. */
const timesMax = 4096
/** Names of rows are told so often at most while they change, and so often at least, ms. */
const rowsMsMin = 5_000
const rowsMsMax = 3_600_000
/** A row is forgotten when it was silent for so long; what is stored of it stays. */
const forgetMs = 86_400_000

/** Why a message, or a part of it, came to nothing. */
export type SetAsideReason =
  | 'too-large'
  | 'rate'
  /** No mapping is for its topic; none reads its form; nothing that one knows is in it. */
  | 'topic'
  | 'format'
  | 'empty'
  /** A text where a number should be. */
  | 'decode'
  /** Too many rows; two with one key, or one whose name is no text. */
  | 'rows'
  | 'row'
  | 'device-clock'

/** A message as it came. */
export interface Heard {
  topic: string
  levels: readonly string[]
  payload: Payload
  retained: boolean
  at: number
}

export type Note = (reason: SetAsideReason, message: Heard) => void

interface Gathered {
  values: RawValue[]
  message: Heard
}

interface Moment {
  at: number
  rows: Map<string, Gathered>
}

export class MessageGroupState {
  readonly group: MessageGroup
  readonly rows = new Map<string, MessageRow>()
  readonly #reader: MessageReader
  readonly #note: Note
  readonly #hasRoom: (at: number) => boolean
  /** By time; what is of its arrival is one moment, of the last one that came. */
  readonly #moments = new Map<number, Moment>()
  #cells = 0
  /** What was evaluated since the last flush. */
  #settled: Collected['collections'] = []
  /** Rows whose message had a time that cannot be. */
  #wrongTimes = new Map<string, string[]>()
  readonly #times = new Set<number>()
  readonly #owners = new Map<string, string>()
  #units: Record<string, string> = {}
  #isNamed = true
  #toldAt = Number.NEGATIVE_INFINITY

  /** @param hasRoom takes the place of one more moment of the device in this second */
  constructor(group: MessageGroup, note: Note, hasRoom: (at: number) => boolean) {
    this.group = group
    this.#note = note
    this.#hasRoom = hasRoom
    this.#reader = createReader(group.messages, group.paths, group.table)
  }

  /** `taken`: it told of rows; else why not. */
  hear(message: Heard): 'taken' | 'topic' | 'format' | 'empty' {
    const read = this.#reader.read(message.levels, message.payload, message.at)
    if (typeof read === 'string') return read
    for (const row of read) this.#take(row, message)
    return read.length > 0 ? 'taken' : 'empty'
  }

  /** Collections of what was gathered, the oldest first, and names where they changed. */
  flush(now: number): Pick<Collected, 'collections' | 'rows'> {
    this.#settle()
    const collections = this.#settled
    this.#settled = []
    const id = this.group.id
    const wrong = [...this.#wrongTimes].flatMap(([index, metrics]) =>
      this.#missing(index, metrics, 'device-clock'),
    )
    this.#wrongTimes = new Map()
    for (const body of this.#bodies(wrong, now)) collections.push({ group: id, body })
    const names = this.#names(now)
    return { collections, rows: names ? [{ group: id, body: names }] : [] }
  }

  /** Gaps of the rows of which nothing came since `since`; rows that are long silent are forgotten. */
  silences(since: number, now: number): Collected['collections'] {
    const silent: RowValues[] = []
    for (const [index, row] of this.rows) {
      if (row.heardAt === null || row.heardAt > since) continue
      if (now - row.heardAt > Math.max(forgetMs, 10 * (now - since))) this.#forget(index, row)
      else silent.push(...this.#missing(index, [...row.seen], 'timeout'))
    }
    return this.#bodies(silent, now).map(body => ({ group: this.group.id, body }))
  }

  /** A time near `at` that no collection of the group had. */
  freeTime(at: number): number {
    let free = at
    while (this.#times.has(free)) free++
    this.#times.add(free)
    const [oldest] = this.#times
    if (this.#times.size > timesMax && oldest !== undefined) this.#times.delete(oldest)
    return free
  }

  #take({ index, values, at }: ReadRow, message: Heard): void {
    if (index === null) {
      this.#note('row', message)
      return
    }
    const row = this.#row(index, message)
    if (!row) return
    if (at === 'wrong') {
      this.#note('device-clock', message)
      this.#wrongTimes.set(index, row.touched(values))
      return
    }
    if (message.retained && at === null) {
      row.remember(values)
      return
    }
    // While times come from messages, one without is of the moment that it came.
    const key = at ?? Number.NEGATIVE_INFINITY
    const moment = this.#moments.get(key) ?? { at: message.at, rows: new Map() }
    if (!this.#moments.has(key) && !this.#hasRoom(message.at)) {
      this.#note('rate', message)
      return
    }
    this.#moments.set(key, moment)
    moment.at = at ?? message.at
    const before = moment.rows.get(index)?.values
    if (!before) this.#cells += values.length
    moment.rows.set(index, {
      message,
      values: values.map((value, i) => (value.type === 'none' ? (before?.[i] ?? value) : value)),
    })
    if (this.#cells >= cellsMax) this.#settle()
  }

  #settle(): void {
    const moments = [...this.#moments.values()].sort((a, b) => a.at - b.at)
    this.#moments.clear()
    this.#cells = 0
    for (const { at, rows } of moments) {
      const given: RowValues[] = []
      for (const [index, gathered] of rows) {
        const one = this.#evaluate(index, gathered, at)
        if (one) given.push(one)
      }
      for (const body of this.#bodies(given, at)) {
        this.#settled.push({ group: this.group.id, body })
      }
    }
  }

  #row(index: string, message: Heard): MessageRow | null {
    const known = this.rows.get(index)
    if (known) return known
    if (this.rows.size >= this.group.rowsMax) {
      this.#note('rows', message)
      return null
    }
    const row = new MessageRow(index, this.group)
    this.rows.set(index, row)
    return row
  }

  #evaluate(index: string, { values, message }: Gathered, at: number): RowValues | null {
    const row = this.rows.get(index)
    if (!row) return null
    row.heardAt = Math.max(row.heardAt ?? 0, message.at)
    const clockMs = this.#reader.isTimed ? at : performance.now()
    const found = row.evaluate(values, at, clockMs)
    if (found?.rows) {
      this.#units = { ...this.#units, ...found.rows.units }
      this.#isNamed = false
    }
    if (!found) return null
    const { given } = found
    const owner = this.#owners.get(given.key)
    if (owner !== undefined && owner !== index) {
      this.#note('row', message)
      return null
    }
    this.#owners.set(given.key, index)
    if ([...given.values.values()].some(({ gap }) => gap === 'decode')) {
      this.#note('decode', message)
    }
    return given
  }

  #missing(index: string, metrics: readonly string[], gap: GapReason): RowValues[] {
    const row = this.rows.get(index)
    const key = this.group.table ? row?.key : ''
    if (key === null || key === undefined || metrics.length === 0) return []
    return [{ key, values: new Map(metrics.map(metric => [metric, { value: null, gap }])) }]
  }

  #bodies(rows: readonly RowValues[], at: number) {
    return collectionsOf(rows, this.group.table, () => this.freeTime(at))
  }

  #forget(index: string, row: MessageRow): void {
    this.rows.delete(index)
    if (row.key !== null) this.#owners.delete(row.key)
  }

  #names(now: number): Body<RowsMessage> | null {
    const wait = this.#isNamed ? rowsMsMax : rowsMsMin
    const rows = [...this.rows.values()].map(({ info }) => info).filter(info => info !== null)
    if (now - this.#toldAt < wait || Object.keys(this.#units).length === 0) return null
    this.#toldAt = now
    this.#isNamed = true
    return { at: now, units: this.#units, rows }
  }
}
