// The reader of one SNMP device: asks who it is, reads what its profiles ask for, and keeps what later
// reads need. A device that is silent is probed by one request before anything else is asked. Past 300
// lines: one read, from its first request to its collections, with what it leaves to the next one.

import type { DeviceIdentity } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError } from '../model/errors.ts'
import type { Reading } from '../model/raw.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { Evaluator, FetchRequest, Plan } from '../profiles/face.ts'
import type { SnmpSession } from '../snmp/session.ts'
import {
  type Collected,
  type DeviceReader,
  type ReadCost,
  type ReadOptions,
  type Silence,
  type Surroundings,
  type Target,
  UNKNOWN_GROUP,
} from './collector.ts'
import { Deadline } from './deadline.ts'
import { nextInFlight } from './parallel.ts'
import type { Ping } from './ping.ts'
import type { Chosen } from './shedding.ts'
import { type Care, createCare } from './snmp-care.ts'
import { elapsedMs, failed, shed } from './snmp-failures.ts'
import {
  type Heartbeat,
  heartbeat,
  identify,
  identityAgeMaxMs,
  identityHolds,
  sameProfiles,
} from './snmp-identify.ts'
import { SnmpLine } from './snmp-line.ts'
import { asAppError, readGroups } from './snmp-read.ts'
import { silenceOf } from './snmp-silence.ts'
import { createTuningNews, KIND, type TuningNews } from './tuning.ts'

/**
 * The part of its interval that a read may take. It ends before the poller would end it: then it
 * was a device that did not answer (`timeout`), not one that was read too often (`overrun`).
 */
const readShare = 0.8
/** A read that was not answered may take so much of it to find out more. */
const explainShare = 0.85
/** A first read finds out who answers: many requests, also on a short interval, ms. */
const firstReadMs = 25_000

/** With the round trip of its request, ms; null: it had to be sent again. */
type Beat = Heartbeat & { tripMs: number | null }

export type PlanOf = (catalogue: Catalogue, profiles: readonly string[]) => Plan

export class SnmpReader implements DeviceReader {
  readonly #target: Target
  readonly #planOf: PlanOf
  readonly #everyMs: number
  #surroundings: Surroundings
  readonly #news: TuningNews
  readonly #line: SnmpLine
  readonly #care: Care
  #evaluator: Evaluator | null = null
  #identity: DeviceIdentity | null = null
  /** The catalogue that the evaluator's plan is of. */
  #planned: Catalogue | null = null
  #lastTicks: number | null = null
  #identifyDue = true
  /** Groups that the last read did not give. */
  #overdue: ReadonlySet<string> = new Set()
  /** Ends the read under way; kept while nothing did. */
  #within = new AbortController()
  /** The caller's signal of the last read, often the same for all. */
  #outer: AbortSignal | null = null
  readonly #deadline = new Deadline(() => this.#within.abort())

  constructor(target: Target, surroundings: Surroundings, planOf: PlanOf, ping: Ping) {
    this.#target = target
    this.#surroundings = surroundings
    this.#planOf = planOf
    this.#everyMs = parseDuration(target.config.every)
    this.#news = createTuningNews(target.tuning ?? null)
    this.#line = new SnmpLine(target, surroundings.addresses, ping)
    this.#care = createCare(target.config, this.#everyMs, target.tuning?.kindness ?? KIND)
    const { catalogue } = surroundings
    if (identityHolds(target.identity, target.config.profiles, catalogue, Date.now())) {
      this.#use(target.identity, planOf(catalogue, target.identity.profiles))
      this.#identifyDue = false
    }
  }

  async collect(at: number, signal: AbortSignal, options?: ReadOptions): Promise<Collected> {
    const before = { ...this.#counters() }
    const collected = await this.#readAll(at, signal, options)
    const { requests, retries } = this.#counters()
    // Another session began to count anew.
    const since = requests < before.requests ? { requests: 0, retries: 0 } : before
    const cost = { requests: requests - since.requests, retries: retries - since.retries }
    return { ...collected, cost }
  }

  #counters(): ReadCost {
    return this.#line.session?.counters ?? { requests: 0, retries: 0 }
  }

  async #readAll(at: number, signal: AbortSignal, options?: ReadOptions): Promise<Collected> {
    const started = performance.now()
    const within = this.#begin(signal)
    const usualMs = this.#everyMs * readShare
    this.#deadline.set(this.#evaluator ? usualMs : Math.max(usualMs, firstReadMs))
    try {
      if (options?.probe) {
        const error = await this.#probe(started, signal, within)
        const silent = error && silenceOf(error, signal)
        if (silent) return { collections: [], rows: [], identity: null, silent }
      }
      let beat: Beat
      try {
        beat = await this.#beat(within)
      } catch (cause) {
        const unanswered = this.#unanswered(cause, started, signal, within)
        this.#line.leave()
        const error = await this.#line.explain(unanswered, this.#leftMs(started))
        return this.#failed(at, error, started, signal, silenceOf(error, signal))
      }
      this.#line.answered()
      return await this.#collect(at, beat, started, signal, within)
    } finally {
      this.#deadline.clear()
    }
  }

  /** The signal of one read: it ends with the caller's, and with the reader's own deadline. */
  #begin(signal: AbortSignal): AbortSignal {
    if (this.#within.signal.aborted) this.#within = new AbortController()
    if (signal.aborted) this.#within.abort()
    else if (signal !== this.#outer) {
      this.#outer = signal
      const stop = () => {
        if (this.#outer === signal) this.#within.abort()
      }
      signal.addEventListener('abort', stop, { once: true })
    }
    return this.#within.signal
  }

  async #beat(within: AbortSignal): Promise<Beat> {
    const session = this.#line.session ?? (await this.#line.open())
    const { retries } = session.counters
    const startedAt = performance.now()
    const answer = await heartbeat(session, within)
    const isFirstTry = session.counters.retries === retries
    return { ...answer, tripMs: isFirstTry ? answer.monotonicMs - startedAt : null }
  }

  /** Null: it was answered. */
  async #probe(
    started: number,
    signal: AbortSignal,
    within: AbortSignal,
  ): Promise<AppError | null> {
    try {
      return await this.#line.probe(within)
    } catch (cause) {
      const error = this.#unanswered(cause, started, signal, within)
      return this.#line.explain(error, this.#leftMs(started))
    }
  }

  /** An error before anything answered; a deadline is then the device's silence, not ours. */
  #unanswered(cause: unknown, started: number, signal: AbortSignal, within: AbortSignal): AppError {
    return within.aborted && !signal.aborted ? this.#late(started) : asAppError(cause)
  }

  #leftMs(started: number): number {
    return Math.max(0, this.#everyMs * explainShare - elapsedMs(started))
  }

  setCatalogue(catalogue: Catalogue): void {
    if (catalogue.version === this.#surroundings.catalogue.version) return
    this.#surroundings = { ...this.#surroundings, catalogue }
    this.#identifyDue = true
  }

  async close(): Promise<void> {
    this.#line.close()
  }

  /** What a device gives that answered the heartbeat. */
  async #collect(
    at: number,
    beat: Beat,
    started: number,
    signal: AbortSignal,
    within: AbortSignal,
  ): Promise<Collected> {
    let due: FetchRequest[] | undefined
    try {
      const isKnown = this.#noteBeat(beat)
      const identity = isKnown ? null : await this.#identify(within)
      const evaluator = this.#evaluator
      if (!evaluator) throw new AppError('E_SNMP_ERROR', 'no profile fits this device')
      due = evaluator.due(at, this.#everyMs)
      const chosen = this.#care.choose(evaluator.plan, due, at)
      const read = await this.#read(evaluator, beat, chosen, started, within)
      const tuning = this.#news.tell(at, this.#line.learned, this.#care.kindness)
      return { ...read, identity, tuning }
    } catch (cause) {
      return this.#failed(at, asAppError(cause), started, signal, null, due)
    }
  }

  /** A failed collection for each group that is due. */
  #failed(
    at: number,
    error: AppError,
    started: number,
    signal: AbortSignal,
    silent: Silence | null,
    due = this.#evaluator?.due(at, this.#everyMs) ?? [],
  ): Collected {
    this.#line.distrust()
    const groups = this.#ofPlan(due.map(({ group }) => group))
    const under = groups.length > 0 ? groups : [UNKNOWN_GROUP]
    return { collections: failed(under, error, started, signal), rows: [], identity: null, silent }
  }

  /** Not one answer until the read had to end; its own time limit is longer than the interval. */
  #late(started: number): AppError {
    return new AppError(
      'E_SNMP_TIMEOUT',
      `no answer from ${this.#line.where} within ${elapsedMs(started)} ms, a part of its interval`,
      { passing: true },
    )
  }

  /** Without the requests that serve no group of their own: those have no series to leave a gap in. */
  #ofPlan(groups: readonly string[]): string[] {
    const known = new Set(this.#evaluator?.plan.groups.map(({ id }) => id))
    return groups.filter(group => known.has(group))
  }

  #use(identity: DeviceIdentity, plan: Plan): void {
    const { catalogue } = this.#surroundings
    const unchanged =
      this.#planned !== null &&
      this.#identity?.profiles.join() === identity.profiles.join() &&
      sameProfiles(this.#planned, catalogue, identity.profiles)
    // The evaluator at work keeps its rates, where its profiles are the same.
    if (!unchanged || this.#evaluator === null) this.#evaluator = createEvaluator(plan)
    this.#planned = catalogue
    this.#identity = identity
    this.#line.use(plan.quirks)
  }

  /** Whether the identity stands. */
  #noteBeat(beat: Heartbeat): boolean {
    const last = this.#lastTicks
    const restarted = last !== null && beat.upTicks !== null && beat.upTicks < last
    this.#lastTicks = beat.upTicks
    const changed = (this.#identity?.sysObjectID ?? '') !== beat.sysObjectID
    const old = beat.at - (this.#identity?.at ?? 0) >= identityAgeMaxMs
    if (restarted) this.#evaluator?.expectRestart()
    if (restarted || changed || old) this.#identifyDue = true
    return !this.#identifyDue
  }

  /** Null where it failed: a device that is known is read on. */
  async #identify(signal: AbortSignal): Promise<DeviceIdentity | null> {
    const session = await this.#line.open()
    try {
      const { identity, plan } = await identify(
        {
          session,
          catalogue: this.#surroundings.catalogue,
          wanted: this.#target.config.profiles,
          planOf: this.#planOf,
          withTables: true,
        },
        signal,
      )
      this.#identifyDue = false
      this.#use(identity, plan)
      return identity
    } catch (error) {
      if (this.#evaluator === null) throw error
      return null
    }
  }

  #learnInFlight(
    session: SnmpSession,
    tookMs: number,
    before: { requests: number; retries: number },
  ): void {
    const { counters, inFlight } = session
    const requests = counters.requests - before.requests
    const retries = counters.retries - before.retries
    const pace = { tookMs, allowedMs: this.#everyMs * readShare, requests, retries }
    session.allow(nextInFlight(inFlight, pace))
  }

  /** What failed in the read before comes first: a slow device's last tables would never have their turn. */
  #inTurn(requests: readonly FetchRequest[]): readonly FetchRequest[] {
    if (this.#overdue.size === 0) return requests
    const isOverdue = ({ group }: FetchRequest) => this.#overdue.has(group)
    return [...requests.filter(isOverdue), ...requests.filter(one => !isOverdue(one))]
  }

  async #read(
    evaluator: Evaluator,
    beat: Beat,
    chosen: Chosen,
    started: number,
    signal: AbortSignal,
  ): Promise<Omit<Collected, 'identity'>> {
    const session = this.#line.session ?? (await this.#line.open())
    const requests = this.#inTurn(chosen.requests)
    const before = { requests: session.counters.requests, retries: session.counters.retries }
    const { groups, failures } = await readGroups(session, requests, signal)
    const took = elapsedMs(started)
    this.#learnInFlight(session, took, before)
    const { at, monotonicMs, upTicks, tripMs } = beat
    const reading: Reading = { at, monotonicMs, upTicks, groups }
    const isWhole = failures.size === 0
    const afterMs = isWhole ? await this.#care.measure(session, chosen, tripMs, signal) : null
    const { collections, rows } = evaluator.evaluate(reading, took)
    const { plan } = evaluator
    const left = shed(this.#ofPlan(chosen.gaps), this.#care.kindness, at)
    this.#care.note({ plan, chosen, groups, collections, beforeMs: tripMs, afterMs })
    this.#overdue = new Set(failures.keys())
    if (!isWhole) this.#line.distrust()
    return {
      collections: [
        ...collections.filter(({ group }) => !failures.has(group) && !chosen.shed.includes(group)),
        ...this.#ofPlan([...failures.keys()]).flatMap(group => {
          const error = failures.get(group)
          return error ? failed([group], error, started, null, at) : []
        }),
        ...left,
      ],
      rows,
    }
  }
}
