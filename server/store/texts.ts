// The texts of text series: a row of the log where a text is new, and from each poll a pointer to the
// row that says it. Rows never change, so it does not matter who else wrote one meanwhile.

import { createHash } from 'node:crypto'
import type { RawPoint } from './buckets.ts'
import type { Database, Db } from './database.ts'
import { getOrInsert } from './maps.ts'

/** Series whose newest text is remembered; beyond, the ones used longest ago go. */
export const textsCachedMax = 20_000

/** Longer texts are remembered by their hash. */
const textKeptMax = 64

/** A row of the log is said again by polls up to so much later, ms: then it can go with them. */
const saidAgainMs = 86_400_000

/** A row of the log: the time in its key, and what it says (or the hash of that). */
interface Said {
  ts: number
  print: string
}

const print = (text: string) =>
  text.length <= textKeptMax ? text : `#${createHash('sha256').update(text).digest('base64')}`

const key = (streamId: number, slot: number) => `${streamId}/${slot}`

/** What each text series said last, as far as it is committed. */
export class TextCache {
  readonly #said = new Map<string, Said>()
  readonly #max: number

  constructor(max: number = textsCachedMax) {
    this.#max = max
  }

  get(id: string): Said | undefined {
    return this.#said.get(id)
  }

  merge(newer: ReadonlyMap<string, Said>): void {
    for (const [id, said] of newer) {
      this.#said.delete(id)
      this.#said.set(id, said)
    }
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= this.#max) break
      this.#said.delete(oldest)
    }
  }

  clear(): void {
    this.#said.clear()
  }
}

/** The texts of one transaction: rows to write, and what the cache may learn after the commit. */
export class TextWriter {
  readonly learned = new Map<string, Said>()
  readonly #cache: TextCache
  readonly #rows = new Map<string, { stream_id: number; slot: number; ts: number; text: string }>()

  constructor(cache: TextCache) {
    this.#cache = cache
  }

  /** Looks up the newest rows of series that nobody remembers. */
  async load(db: Db, cells: readonly { streamId: number; slot: number }[]): Promise<void> {
    const unknown = new Map<number, Set<number>>()
    for (const { streamId, slot } of cells) {
      if (this.#known(key(streamId, slot))) continue
      const slots = unknown.get(streamId)
      if (slots) slots.add(slot)
      else unknown.set(streamId, new Set([slot]))
    }
    for (const [streamId, slots] of unknown) {
      for (const { slot, ts, text } of await newestRows(db, streamId, [...slots])) {
        this.learned.set(key(streamId, slot), { ts, print: print(text) })
      }
    }
  }

  /** The time of the row that says this text, which is `at` where it is new. */
  say(streamId: number, slot: number, at: number, text: string): number {
    const id = key(streamId, slot)
    const said = this.#known(id)
    const printed = print(text)
    if (said?.print === printed && at - said.ts < saidAgainMs) return said.ts
    this.#rows.set(`${id}/${at}`, { stream_id: streamId, slot, ts: at, text })
    this.learned.set(id, { ts: at, print: printed })
    return at
  }

  async write(database: Database, db: Db): Promise<void> {
    await database.put(db, 'text_log', ['stream_id', 'slot', 'ts'], [...this.#rows.values()])
  }

  #known(id: string): Said | undefined {
    return this.learned.get(id) ?? this.#cache.get(id)
  }
}

function newestRows(db: Db, streamId: number, slots: readonly number[]) {
  return db
    .selectFrom('text_log as log')
    .innerJoin(
      db
        .selectFrom('text_log')
        .select(({ fn }) => ['slot', fn.max('ts').as('ts')])
        .where('stream_id', '=', streamId)
        .where('slot', 'in', slots)
        .groupBy('slot')
        .as('newest'),
      join => join.onRef('newest.slot', '=', 'log.slot').onRef('newest.ts', '=', 'log.ts'),
    )
    .select(['log.slot', 'log.ts', 'log.text'])
    .where('log.stream_id', '=', streamId)
    .execute()
}

/** What rows of the log say: slot → time of the row → text. */
export async function readTexts(
  db: Db,
  streamId: number,
  wanted: ReadonlyMap<number, ReadonlySet<number>>,
): Promise<Map<number, Map<number, string>>> {
  const texts = new Map<number, Map<number, string>>()
  for (const [slot, times] of wanted) {
    const found = new Map<number, string>()
    texts.set(slot, found)
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    for (const ts of times) {
      first = Math.min(first, ts)
      last = Math.max(last, ts)
    }
    const rows = await db
      .selectFrom('text_log')
      .select(['ts', 'text'])
      .where('stream_id', '=', streamId)
      .where('slot', '=', slot)
      .where('ts', '>=', first)
      .where('ts', '<=', last)
      .execute()
    for (const { ts, text } of rows) if (times.has(ts)) found.set(ts, text)
  }
  return texts
}

/** The texts that these points mean: stream → slot → time of the row → text. */
export async function textsOf(
  db: Db,
  series: readonly { streamId: number; slot: number; points: readonly RawPoint[] }[],
): Promise<Map<number, Map<number, Map<number, string>>>> {
  const wanted = new Map<number, Map<number, Set<number>>>()
  for (const { streamId, slot, points } of series) {
    for (const { said } of points) {
      if (said === null) continue
      const slots = getOrInsert(wanted, streamId, () => new Map<number, Set<number>>())
      getOrInsert(slots, slot, () => new Set<number>()).add(said)
    }
  }
  const texts = new Map<number, Map<number, Map<number, string>>>()
  for (const [streamId, slots] of wanted) texts.set(streamId, await readTexts(db, streamId, slots))
  return texts
}
