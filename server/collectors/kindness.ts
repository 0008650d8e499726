// How much less often a device's large tables are read, so that polling does not harm it: a state
// machine over what reads showed. Two things count. Round trips: one request just after the large
// tables against the one before them, and against the device's own calm. CPU: where it is high, large
// tables are left out now and then, and what follows reads with them is held against what follows
// reads without; a CPU that is high by itself is none of our doing. Pure.

import type { Kindness } from '../model/device.ts'

export const factorMax = 8

/** A round trip after the tables is strained from so much above the calm one, and so many times it. */
const strainedMs = 100
const strainedTimes = 3
/** And this many times the one before the tables: what slows both is not us. */
const climbedTimes = 1.5
/** Round trips before the tables that are kept; the lower quarter of them is the device's calm. */
const calmKeptMax = 20
const calmKnown = 5
/** So many strained out of the last ones raise the factor. */
const strainedOf = { of: 5, raise: 3 }
/** While all is calm, only every so many heavy reads end with a round trip that is measured. */
const watchEvery = 5

/** CPU, percent: from here on it is asked whether it is us; below, all is well. */
const cpuHigh = 80
const cpuWell = 60
const cpuHighReads = 5
/** It is us when it is so many points higher after heavy reads, by the medians of so many each. */
const cpuOurs = 10
const cpuCompared = 4
/** Where it was not us, it is not asked again for so long, then twice as long. */
const trialRestMs = 6 * 3_600_000
const trialRestMsMax = 48 * 3_600_000

/** Calm heavy reads before the factor is halved; twice as many each time that was too early. */
const calmReadsMin = 6
const calmReadsMax = 96

/** What one read showed. */
export interface KindnessReading {
  /** Unix ms. */
  at: number
  /** Large tables were read. */
  heavy: boolean
  /** Round trips of one small request before and after the tables; null: not measured, or unsure. */
  beforeMs: number | null
  afterMs: number | null
  /** Of its busiest processor, percent. */
  cpu: number | null
}

export interface Governor {
  readonly state: Kindness
  /** The next heavy read should end with a round trip that is measured. */
  readonly wantsAfter: boolean
  /** Whether a round trip after the tables looks strained: worth a second look. */
  looksStrained(beforeMs: number, afterMs: number): boolean
  observe(reading: KindnessReading): void
}

/** @param initial what was in force before a restart */
export function createGovernor(initial: Kindness): Governor {
  let state = initial
  const calm: number[] = []
  let strained: boolean[] = []
  let unwatched = watchEvery
  let calmReads = 0
  let calmNeeded = calmReadsMin
  let readsSinceLowered = Number.POSITIVE_INFINITY
  let wasHeavy: boolean | null = null
  let cpus: number[] = []
  let after: { heavy: number[]; light: number[] } = { heavy: [], light: [] }
  /** Large tables are left out to find out whether the CPU is high for us. */
  let isTrial = false
  let noTrialBefore = Number.NEGATIVE_INFINITY
  let restMs = trialRestMs

  const become = (factor: number, at: number, reason: string | null) => {
    state = { factor, reason, since: at }
    strained = []
    cpus = []
    after = { heavy: [], light: [] }
    calmReads = 0
  }

  const raise = (at: number, reason: string) => {
    // It was calm because it was read less often: the next try waits longer.
    if (readsSinceLowered < 2 * calmNeeded) calmNeeded = Math.min(calmReadsMax, 2 * calmNeeded)
    isTrial = false
    become(Math.min(factorMax, 2 * state.factor), at, reason)
  }

  const lower = (at: number) => {
    const factor = state.factor / 2
    readsSinceLowered = 0
    become(factor, at, factor === 1 ? null : state.reason)
  }

  const looksStrained = (beforeMs: number, afterMs: number) => {
    if (calm.length < calmKnown) return false
    const usual = [...calm].sort((a, b) => a - b)[Math.floor(calm.length / 4)] ?? 0
    const above = afterMs >= usual + strainedMs && afterMs >= strainedTimes * usual
    return above && afterMs >= climbedTimes * beforeMs
  }

  const noteRoundTrips = ({ at, beforeMs, afterMs }: KindnessReading): boolean => {
    if (beforeMs === null || afterMs === null) return false
    const isStrained = looksStrained(beforeMs, afterMs)
    strained = [...strained, isStrained].slice(-strainedOf.of)
    if (strained.filter(Boolean).length < strainedOf.raise) return isStrained
    const [from, to] = [Math.round(beforeMs), Math.round(afterMs)]
    raise(at, `its answers slow down while it is read: from ${from} to ${to} ms`)
    return true
  }

  /** Says whether the CPU is strained by us. */
  const noteCpu = ({ at, cpu }: KindnessReading): boolean => {
    if (cpu === null) return false
    cpus = [...cpus, cpu].slice(-cpuHighReads)
    if (wasHeavy !== null) after[wasHeavy ? 'heavy' : 'light'].push(cpu)
    if (state.factor === 1) {
      const isHigh = cpus.length >= cpuHighReads && Math.min(...cpus) >= cpuHigh
      if (isHigh && at >= noTrialBefore) beginTrial(at)
      return false
    }
    const isEnough = Math.min(after.heavy.length, after.light.length) >= cpuCompared
    return isEnough ? compareCpus(at) : cpu >= cpuHigh
  }

  const compareCpus = (at: number): boolean => {
    const high = median(after.heavy)
    const points = high - median(after.light)
    after = { heavy: [], light: [] }
    if (points < cpuOurs) {
      if (isTrial) endTrial(at)
      return false
    }
    const reason = `its CPU is ${Math.round(points)} points higher after reads of its large tables`
    if (!isTrial && high >= cpuHigh && state.factor < factorMax) raise(at, reason)
    else state = { ...state, reason }
    isTrial = false
    return high >= cpuWell
  }

  const beginTrial = (at: number) => {
    isTrial = true
    become(2, at, 'its CPU is high: whether our reads add to it is being found out')
  }

  const endTrial = (at: number) => {
    isTrial = false
    noTrialBefore = at + restMs
    restMs = Math.min(trialRestMsMax, 2 * restMs)
    become(1, at, null)
  }

  const noteCalm = (reading: KindnessReading, isStrained: boolean) => {
    const { heavy, afterMs, cpu, at } = reading
    if (isStrained) calmReads = 0
    // Without a round trip and without a CPU a read says nothing.
    else if (heavy && (afterMs !== null || (cpu !== null && cpu < cpuWell))) calmReads++
    if (heavy) readsSinceLowered++
    if (state.factor === 1) {
      if (readsSinceLowered > 2 * calmReadsMax) calmNeeded = calmReadsMin
    } else if (!isTrial && calmReads >= calmNeeded) lower(at)
  }

  return {
    get state() {
      return state
    },
    get wantsAfter() {
      return state.factor > 1 || strained.includes(true) || unwatched >= watchEvery
    },
    looksStrained,
    observe(reading) {
      const byRoundTrips = noteRoundTrips(reading)
      const byCpu = noteCpu(reading)
      noteCalm(reading, byRoundTrips || byCpu)
      const { beforeMs, afterMs, heavy } = reading
      if (beforeMs !== null) calm.splice(0, calm.length, ...[...calm, beforeMs].slice(-calmKeptMax))
      if (heavy) unwatched = afterMs === null ? unwatched + 1 : 1
      wasHeavy = heavy
    },
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
