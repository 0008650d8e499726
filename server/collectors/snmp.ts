// The collector for SNMP devices: finds out what a device is, then reads what its profiles ask for.
// What the values mean is the profiles' business, what an SNMP packet is that of snmp/.

import type { DeviceIdentity } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError } from '../model/errors.ts'
import type { Reading } from '../model/raw.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { Evaluator, FetchRequest, Plan } from '../profiles/face.ts'
import { compilePlan } from '../profiles/plan.ts'
import { openSession } from '../snmp/open.ts'
import type { SnmpSession } from '../snmp/session.ts'
import {
  type CheckReport,
  type Collected,
  type Collector,
  type DeviceReader,
  type Surroundings,
  type Target,
  UNKNOWN_GROUP,
} from './collector.ts'
import { elapsedMs, errorText, failed, gapReason } from './snmp-failures.ts'
import {
  type Heartbeat,
  heartbeat,
  identify,
  identityAgeMaxMs,
  identityHolds,
  sameProfiles,
} from './snmp-identify.ts'
import { addressOf, sessionOptions } from './snmp-options.ts'
import { asAppError, readGroups } from './snmp-read.ts'

/** Plans kept for one catalogue: devices with the same set of profiles share one. */
const plansMax = 2000
/**
 * The part of its interval that a read may take. It ends before the poller would end it: then it
 * was a device that did not answer (`timeout`), not one that was read too often (`overrun`).
 */
const readShare = 0.8
/** A first read finds out who answers: many requests, also on a short interval, ms. */
const firstReadMs = 25_000

type PlanOf = (catalogue: Catalogue, profiles: readonly string[]) => Plan

export const snmpCollector: Collector = createSnmpCollector()

/** A collector with a cache of plans of its own. */
export function createSnmpCollector(): Collector {
  const planOf = createPlans()
  return {
    kind: 'snmp',
    check: (target, surroundings, signal) => check(target, surroundings, planOf, signal),
    open: (target, surroundings) => new SnmpReader(target, surroundings, planOf),
  }
}

function createPlans(): PlanOf {
  const byCatalogue = new WeakMap<Catalogue, Map<string, Plan>>()
  return (catalogue, profiles) => {
    const plans = byCatalogue.get(catalogue) ?? new Map<string, Plan>()
    byCatalogue.set(catalogue, plans)
    const key = profiles.join(' ')
    const known = plans.get(key)
    if (known) return known
    if (plans.size >= plansMax) plans.clear()
    const plan = compilePlan(catalogue, [...profiles])
    plans.set(key, plan)
    return plan
  }
}

async function check(
  target: Target,
  surroundings: Surroundings,
  planOf: PlanOf,
  signal: AbortSignal,
): Promise<CheckReport> {
  const started = performance.now()
  let session: SnmpSession | null = null
  try {
    const address = await surroundings.addresses.resolve(addressOf(target))
    session = openSession(sessionOptions(target, address))
    const { catalogue } = surroundings
    const wanted = target.config.profiles
    const options = { session, catalogue, wanted, planOf, withTables: false }
    const { identity } = await identify(options, signal)
    return { ok: true, tookMs: elapsedMs(started), identity }
  } catch (cause) {
    const error = asAppError(cause)
    return {
      ok: false,
      tookMs: elapsedMs(started),
      reason: gapReason(error, signal),
      error: errorText(error),
      hint: error.hint ?? 'check the address, the port and the credentials of the device',
    }
  } finally {
    session?.close()
  }
}

class SnmpReader implements DeviceReader {
  readonly #target: Target
  readonly #planOf: PlanOf
  readonly #everyMs: number
  #surroundings: Surroundings
  #session: SnmpSession | null = null
  #address: string | null = null
  #quirks: Plan['quirks'] = {}
  #evaluator: Evaluator | null = null
  #identity: DeviceIdentity | null = null
  /** The catalogue that the evaluator's plan is of. */
  #planned: Catalogue | null = null
  #lastTicks: number | null = null
  #resolveDue = true
  #identifyDue = true
  #closed = false

  constructor(target: Target, surroundings: Surroundings, planOf: PlanOf) {
    this.#target = target
    this.#surroundings = surroundings
    this.#planOf = planOf
    this.#everyMs = parseDuration(target.config.every)
    const { catalogue } = surroundings
    if (identityHolds(target.identity, target.config.profiles, catalogue, Date.now())) {
      this.#use(target.identity, planOf(catalogue, target.identity.profiles))
      this.#identifyDue = false
    }
  }

  async collect(at: number, signal: AbortSignal): Promise<Collected> {
    const started = performance.now()
    const deadline = new AbortController()
    const usualMs = this.#everyMs * readShare
    const readMs = this.#evaluator ? usualMs : Math.max(usualMs, firstReadMs)
    const timer = setTimeout(() => deadline.abort(), readMs)
    const within = AbortSignal.any([signal, deadline.signal])
    let due: FetchRequest[] | null = null
    let answered = false
    try {
      const session = await this.#open()
      const beat = await heartbeat(session, within)
      answered = true
      const identity = await this.#identifyIfDue(session, beat, within)
      const evaluator = this.#evaluator
      if (!evaluator) throw new AppError('E_SNMP_ERROR', 'no profile fits this device')
      due = evaluator.due(at, this.#everyMs)
      return { ...(await this.#read(evaluator, beat, due, started, within)), identity }
    } catch (cause) {
      this.#resolveDue = true
      due ??= this.#evaluator?.due(at, this.#everyMs) ?? []
      const groups = this.#ofPlan(due.map(({ group }) => group))
      return {
        collections: failed(
          groups.length > 0 ? groups : [UNKNOWN_GROUP],
          deadline.signal.aborted && !answered ? this.#silent(started) : asAppError(cause),
          started,
          signal,
        ),
        rows: [],
        identity: null,
      }
    } finally {
      clearTimeout(timer)
    }
  }

  setCatalogue(catalogue: Catalogue): void {
    if (catalogue.version === this.#surroundings.catalogue.version) return
    this.#surroundings = { ...this.#surroundings, catalogue }
    this.#identifyDue = true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#session?.close()
    this.#session = null
  }

  /** Not one answer until the read had to end; its own time limit is longer than the interval. */
  #silent(started: number): AppError {
    const { port = 161 } = this.#target.config
    return new AppError(
      'E_SNMP_TIMEOUT',
      `no answer from ${this.#address}:${port} within ${elapsedMs(started)} ms, a part of its interval`,
      { passing: true },
    )
  }

  /** Without the requests that serve no group of their own: those have no series to leave a gap in. */
  #ofPlan(groups: readonly string[]): string[] {
    const known = new Set(this.#evaluator?.plan.groups.map(({ id }) => id))
    return groups.filter(group => known.has(group))
  }

  /** The name is resolved at first and again after a failure: the device may have moved. */
  async #open(): Promise<SnmpSession> {
    if (this.#resolveDue || this.#address === null) {
      const address = await this.#surroundings.addresses.resolve(addressOf(this.#target))
      if (address !== this.#address) this.#leaveSession()
      this.#address = address
      this.#resolveDue = false
    }
    if (this.#closed) throw new AppError('E_ABORTED', 'the device is no longer polled')
    this.#session ??= openSession(sessionOptions(this.#target, this.#address, this.#quirks))
    return this.#session
  }

  #leaveSession(): void {
    this.#session?.close()
    this.#session = null
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
    if (JSON.stringify(plan.quirks) !== JSON.stringify(this.#quirks)) {
      this.#quirks = plan.quirks
      this.#leaveSession()
    }
  }

  /** Null where the identity stands. A device that is known is read on when identifying it fails. */
  async #identifyIfDue(
    session: SnmpSession,
    beat: Heartbeat,
    signal: AbortSignal,
  ): Promise<DeviceIdentity | null> {
    const last = this.#lastTicks
    const restarted = last !== null && beat.upTicks !== null && beat.upTicks < last
    this.#lastTicks = beat.upTicks
    const changed = (this.#identity?.sysObjectID ?? '') !== beat.sysObjectID
    const old = beat.at - (this.#identity?.at ?? 0) >= identityAgeMaxMs
    if (restarted || changed || old) this.#identifyDue = true
    if (!this.#identifyDue) return null
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

  async #read(
    evaluator: Evaluator,
    beat: Heartbeat,
    due: FetchRequest[],
    started: number,
    signal: AbortSignal,
  ): Promise<Omit<Collected, 'identity'>> {
    const { groups, failures } = await readGroups(await this.#open(), due, signal)
    const { at, monotonicMs, upTicks } = beat
    const reading: Reading = { at, monotonicMs, upTicks, groups }
    const { collections, rows } = evaluator.evaluate(reading, elapsedMs(started))
    if (failures.size > 0) this.#resolveDue = true
    return {
      collections: [
        ...collections.filter(({ group }) => !failures.has(group)),
        ...this.#ofPlan([...failures.keys()]).flatMap(group => {
          const error = failures.get(group)
          return error ? failed([group], error, started, null) : []
        }),
      ],
      rows,
    }
  }
}
