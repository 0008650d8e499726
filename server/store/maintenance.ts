// What the store does beside being written and read, in small steps: compaction, roll-ups, retention,
// moves to another class of it, and the rows for people who read SQL. Whoever calls `step` decides the
// pace; every step can be lost in a crash and is then done again. Past 300 lines: the steps share one turn.

import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { RetentionPolicy } from '../model/retention.ts'
import { BlockThread } from './block-thread.ts'
import type { Damage } from './blocks.ts'
import {
  type Compacted,
  type Compactor,
  closeGraceMs,
  compactOldest,
  streamsTogetherMax,
} from './compact.ts'
import type { Maintenance, MaintenanceStats, StuckRollUps } from './contract.ts'
import type { Database } from './database.ts'
import { type Due, fold, nextDue } from './fold.ts'
import { LatestRows } from './latest-rows.ts'
import { deleteLeftBehind, type Move, moveStep, newMove } from './moves.ts'
import { currentEdges, tendRetention, trimPlainRows, trimStream } from './retention.ts'
import type { Edges } from './segments.ts'
import { beginSeen } from './series.ts'
import { pageStreams, type StreamState } from './streams.ts'
import { Stuck } from './stuck.ts'
import { dayMs, hourMs, type RetentionClass, retentionClass } from './tiers.ts'

/** Streams looked at by one step, and roll-ups taken from the list at once. */
const streamsPerStep = 100
const duePerLook = 50
/** The least time between two rounds over all streams, two looks at the list, two runs of retention. */
const roundMs = 60_000
const dueLookMs = 10_000
const retentionMs = 10 * 60_000
/** What failed is tried again after this. */
const retryMs = hourMs
/** A move that waits for roll-ups is looked at again after this. */
const moveWaitMs = 10 * 60_000
/** Streams whose next time is remembered; the others are looked at in every round. */
const restsMax = 500_000

/** No window can be closed while its oldest poll is younger: it may lie at the very end of it. */
const youngestMs = closeGraceMs

interface Rest {
  oldestAt: number
  until: number
}

export class Maintainer implements Maintenance {
  readonly #database: Database
  readonly #log: Logger
  readonly #damage: Damage
  readonly #blocks = new BlockThread()
  readonly #compactor: Compactor
  readonly #latest: LatestRows
  readonly #stuck = new Stuck()
  readonly #counts = {
    ...{ blocks: 0, samples: 0, rollUps: 0, tooOld: 0, dropped: 0 },
    ...{ moved: 0, trimmed: 0, partitionsDropped: 0, failed: 0 },
  }
  readonly #policy: () => RetentionPolicy
  /** By stream: on their way into another class; those that failed, and until when; those that left something. */
  readonly #moves = new Map<number, Move>()
  readonly #movesResting = new Map<number, number>()
  readonly #moved = new Set<number>()
  #isMovesTurn = false
  /** Streams that may have a closed window; streams to be trimmed; roll-ups that are due. */
  #streams: StreamState[] = []
  #trims: StreamState[] = []
  #due: Due[] = []
  readonly #rests = new Map<number, Rest>()
  #edges = new Map<RetentionClass, Edges>()
  #after = 0
  /** Unix ms of the last step. */
  #now = 0
  #roundAt = Number.NEGATIVE_INFINITY
  #roundBegan = Number.NEGATIVE_INFINITY
  #trimBegan = Number.NEGATIVE_INFINITY
  #trimRounds = 0
  #isTrimming = false
  #dueAt = Number.NEGATIVE_INFINITY
  #retentionAt = Number.NEGATIVE_INFINITY

  /** @param policy gives the class that each stream is to be in */
  constructor(
    database: Database,
    log: Logger,
    damage: Damage,
    policy: () => RetentionPolicy = () => () => null,
  ) {
    this.#database = database
    this.#log = log
    this.#damage = damage
    this.#policy = policy
    this.#compactor = { database, log, damage, blocks: this.#blocks }
    this.#latest = new LatestRows(database, log, damage)
  }

  stats(): MaintenanceStats {
    return {
      ...this.#counts,
      damaged: this.#damage.count,
      stuck: this.stuck()?.count ?? 0,
      waiting: this.#streams.length + this.#due.length + this.#moves.size,
    }
  }

  stuck(): StuckRollUps | null {
    return this.#stuck.summary(this.#now)
  }

  /** Ends the thread in which blocks are made. */
  close(): Promise<void> {
    return this.#blocks.close()
  }

  async step(now: number = Date.now()): Promise<'worked' | 'idle'> {
    this.#now = now
    if (now >= this.#retentionAt) {
      await this.#tendRetention(now)
      return 'worked'
    }
    if (this.#due.length === 0 && now >= this.#dueAt) {
      this.#due = await nextDue(this.#database, now, duePerLook)
      this.#dueAt = now + (this.#due.length === 0 ? dueLookMs : 0)
    }
    const [move] = this.#moves.values()
    this.#isMovesTurn = !this.#isMovesTurn
    if (move && this.#isMovesTurn) {
      await this.#move(move, now)
      return 'worked'
    }
    const due = this.#due.shift()
    const trim = due ? undefined : this.#trims.shift()
    const stream = due || trim ? undefined : this.#streams.shift()
    if (due) await this.#fold(due, now)
    else if (trim) await this.#trim(trim, now)
    else if (stream) await this.#compact(this.#takeCompanions(stream), now)
    else if (now >= this.#roundAt) await this.#look(now)
    else if (move) await this.#move(move, now)
    else if (this.#latest.isDue(now)) await this.#latest.step(now)
    else return 'idle'
    return 'worked'
  }

  async #tendRetention(now: number): Promise<void> {
    this.#retentionAt = now + retentionMs
    this.#edges = await currentEdges(this.#database.db, now)
    const { dropped, failures } = await tendRetention(this.#database, this.#edges, now)
    this.#counts.partitionsDropped += dropped
    for (const failure of failures) this.#log.warn({ failure }, 'partitions wait for the next run')
  }

  async #look(now: number): Promise<void> {
    if (this.#after === 0) {
      this.#roundBegan = now
      this.#isTrimming = now - this.#trimBegan >= dayMs
      if (this.#isTrimming) {
        this.#trimBegan = now
        this.#trimRounds++
      }
    }
    const page = await pageStreams(this.#database.db, this.#after, streamsPerStep)
    for (const stream of page) {
      if (this.#isTrimming) this.#trims.push(stream)
      this.#noteMove(stream, now)
      if (this.#hasWork(stream, now)) this.#streams.push(stream)
    }
    this.#after = page.at(-1)?.streamId ?? 0
    if (page.length === streamsPerStep) return
    this.#after = 0
    this.#roundAt = this.#roundBegan + roundMs
    if (this.#isTrimming && this.#database.dialect === 'sqlite') {
      this.#counts.trimmed += await trimPlainRows(this.#database.db, this.#edges, now)
    }
  }

  #hasWork({ streamId, oldestAt }: StreamState, now: number): boolean {
    const rest = this.#rests.get(streamId)
    if (oldestAt === null) {
      if (rest) this.#rests.delete(streamId)
      return false
    }
    if (oldestAt + youngestMs > now) return false
    return !rest || rest.oldestAt !== oldestAt || now >= rest.until
  }

  #noteMove(stream: StreamState, now: number): void {
    const { streamId, deviceUid, group } = stream
    const kept = retentionClass(stream.retention)
    const wanted = this.#policy()(deviceUid, group)
    const known = this.#moves.get(streamId)
    if (wanted === null || wanted === kept) this.#giveUpMove(streamId)
    else if ((this.#movesResting.get(streamId) ?? now) > now) return
    else if (known?.from !== kept || known.to !== wanted) {
      this.#moves.set(streamId, newMove(stream, kept, wanted))
    }
  }

  /** What was copied already is deleted by the next round of trimming, or used by the next move. */
  #giveUpMove(streamId: number, until?: number): void {
    if (this.#moves.delete(streamId)) this.#moved.add(streamId)
    if (until && this.#movesResting.size < restsMax) this.#movesResting.set(streamId, until)
  }

  async #move(move: Move, now: number): Promise<void> {
    const { streamId, to } = move
    try {
      const moved = await moveStep(this.#database, move, this.#edgesOf(to))
      if (moved === 'more') return
      if (moved === 'waits') return this.#giveUpMove(streamId, now + moveWaitMs)
      this.#moves.delete(streamId)
      if (moved === 'gone') return
      this.#movesResting.delete(streamId)
      this.#rests.delete(streamId)
      this.#moved.add(streamId)
      this.#counts.moved++
      this.#log.info({ streamId, from: move.from, to }, 'a stream is in another class of retention')
      this.#trims.push({ ...move, retention: to, group: '', oldestAt: null })
    } catch (error) {
      this.#failed(error, { streamId }, 'a stream was not moved to its class of retention')
      this.#giveUpMove(streamId, now + retryMs)
    }
  }

  #edgesOf(kept: RetentionClass): Edges {
    return this.#edges.get(kept) ?? { raw: 0, r15m: 0, r1h: 0 }
  }

  /** The next streams of the same device go along: they share a transaction. */
  #takeCompanions(stream: StreamState): StreamState[] {
    const isOther = ({ deviceUid }: StreamState) => deviceUid !== stream.deviceUid
    const others = this.#streams.slice(0, streamsTogetherMax - 1).findIndex(isOther)
    const count = others === -1 ? streamsTogetherMax - 1 : others
    return [stream, ...this.#streams.splice(0, count)]
  }

  /** @param streams of one device */
  async #compact(streams: readonly StreamState[], now: number): Promise<void> {
    const wanted = streams.flatMap(stream => {
      const edge = this.#compactFrom(stream, now)
      return edge === null ? [] : [{ ...stream, edge }]
    })
    const [first] = wanted
    if (!first) return
    try {
      const { deviceUid } = first
      const done = await compactOldest(this.#compactor, deviceUid, wanted, now)
      for (const [index, stream] of wanted.entries()) this.#compacted(stream, done[index])
    } catch (error) {
      const isPassing = error instanceof AppError && error.passing
      // The one at fault must not stop its companions.
      if (wanted.length > 1 && !isPassing) {
        for (const stream of wanted) await this.#compact([stream], now)
        return
      }
      this.#failed(error, { streamId: first.streamId }, 'a stream was not compacted')
      this.#rest(first, now + retryMs)
    }
  }

  /** Unix ms before which no samples of it are kept; null: it waits. */
  #compactFrom(stream: StreamState, now: number): number | null {
    const { deviceUid, group, oldestAt } = stream
    const kept = retentionClass(stream.retention)
    const wanted = this.#policy()(deviceUid, group) ?? kept
    const keptEdge = this.#edgesOf(kept).raw
    const edge = Math.min(keptEdge, this.#edgesOf(wanted).raw)
    // Too old for the class it is in, and not for the one it goes to: its block is made there.
    if (oldestAt === null || oldestAt < edge || oldestAt >= keptEdge) return edge
    this.#rest(stream, now + moveWaitMs)
    return null
  }

  #compacted(stream: StreamState, done: Compacted | undefined): void {
    if (!done) return
    const { samples, tooOld, dropped, nextAt } = done
    if (samples > 0) this.#counts.blocks++
    this.#counts.samples += samples
    this.#counts.tooOld += tooOld
    this.#counts.dropped += dropped
    const { streamId } = stream
    if (dropped > 0) this.#log.error({ streamId, dropped }, 'more polls than a block can hold')
    if (nextAt === 0) this.#streams.unshift(stream)
    else if (nextAt !== null) this.#rest(stream, nextAt)
  }

  #rest({ streamId, oldestAt }: StreamState, until: number): void {
    if (oldestAt !== null && this.#rests.size < restsMax) {
      this.#rests.set(streamId, { oldestAt, until })
    }
  }

  async #fold(due: Due, now: number): Promise<void> {
    try {
      if (await fold(this.#compactor, due, now)) this.#counts.rollUps++
      this.#stuck.done(due)
    } catch (error) {
      const { streamId, tier, t0 } = due
      this.#failed(error, { streamId, tier, t0 }, 'a roll-up was not made')
      if (this.#stuck.failed(due, messageOf(error), now)) {
        const message = 'a roll-up cannot be made: its samples are kept until it is'
        this.#log.error({ streamId, tier, t0 }, message)
      }
      await this.#database.db
        .updateTable('rollup_due')
        .set({ ready_at: now + retryMs })
        .where('stream_id', '=', streamId)
        .where('tier', '=', tier)
        .where('t0', '=', t0)
        .execute()
    }
  }

  async #trim(stream: StreamState, now: number): Promise<void> {
    await beginSeen(this.#database.db, stream.streamId, now)
    const kept = retentionClass(stream.retention)
    const edges = this.#edges.get(kept)
    if (!edges) return
    const gone =
      (await trimStream(this.#database.db, stream.streamId, kept, edges)) +
      (await this.#tidyUp(stream))
    this.#counts.trimmed += gone
    if (gone > 0) this.#trims.unshift(stream)
  }

  /** What moves left behind: our own, and in the first round those that another process did not end. */
  async #tidyUp(stream: StreamState): Promise<number> {
    const { streamId } = stream
    if (this.#moves.has(streamId)) return 0
    if (this.#trimRounds > 1 && !this.#moved.has(streamId)) return 0
    try {
      const gone = await deleteLeftBehind(this.#database, stream)
      if (gone === 0) this.#moved.delete(streamId)
      return gone
    } catch (error) {
      this.#failed(error, { streamId }, 'what a move left behind was not deleted')
      return 0
    }
  }

  /** What passes by itself stops the step: the database is away. The rest must not stop the others. */
  #failed(error: unknown, what: object, message: string): void {
    if (error instanceof AppError && error.passing) throw error
    this.#counts.failed++
    this.#log.error({ ...what, error: messageOf(error) }, message)
  }
}
