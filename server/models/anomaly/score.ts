// The anomaly score of one series, sample by sample, without looking ahead. Four features (a jump, a value
// unusual for its hour, a moved level, another shape) are each asked how rare they are for this series;
// the rarest decides. Settings are few and round, and the same for all series; docs/models.md has the figures.

import type { GapReason } from '../../model/gap.ts'
import { AT, FEATURES, type Feature, HOUR_MEANS, HOURS, HOURS_SEEN, type State } from './state.ts'
import { countSample, surprise } from './surprise.ts'

const HOUR_MS = 3_600_000

/** Weight of each mean's newest sample. */
const FAST = 0.5
const MID = 0.03
const SLOW = 0.01
const HOUR = 0.02
const VARIANCE_FAST = 0.05
const VARIANCE_SLOW = 0.003
/** An hour's mean is of so many samples that one more makes no difference. */
const hourSeenMax = 1_000
/** Usual distances are at least this share of the level: smaller ones are noise of the reading. */
const LEAST = 0.001
const TINY = 1e-9
/** A sample is learned from as if it were at most so many usual distances away: one of 1e15 is soon forgotten. */
const CLIP = 100
/** What a feature's rarity counts, in the order of FEATURES. */
const WEIGHTS = [0.8, 1, 0.9, 0.8] as const
/** Outside of all that was seen by this share of the range: nats more, and so many again per doubling. */
const OUTSIDE = 0.05
const OUTSIDE_NATS = 3
const doublingsMax = 6
/** So many samples are only learned from: at first, and after the interval has changed. */
const LEARN = 150
const LEARN_AGAIN = 60
/** What was as rare within so many samples is the same event: it scores this share. */
const HOLD = 120
const REPEATED = 0.01
/** The surprise, in nats, that scores a half. */
const HALF_NATS = 7
/** An interval or clock so different is believed after so many samples. */
const INTERVAL_TIMES = 3
const strangeMax = 10
/** Beyond this nothing can be squared. */
const valueMax = 1e100
/** The last time that a Date can say. */
const timeMax = 8.64e15

export type Unjudged = 'gap' | 'learning' | 'clock' | 'number' | 'interval'

/** What the last sample was; one object is filled again and again, as there are many samples. */
export interface Verdict {
  /** 0 to 1; an event's first and rarest samples score, what follows is near 0. */
  score: number
  /** 0 to 1 for this sample alone. */
  unusual: number
  /** What was rarest. */
  feature: Feature
  /** The feature's size: times the usual distance; for `shape`, times the usual variance or its inverse. */
  times: number
  /** The value left the range of all values before. */
  outside: boolean
  /** Why there is no score. */
  unjudged: Unjudged | null
}

export const createVerdict = (): Verdict => ({
  ...{ score: 0, unusual: 0, feature: 'jump', times: 0, outside: false, unjudged: 'learning' },
})

function cannotJudge(verdict: Verdict, why: Unjudged): number {
  verdict.score = verdict.unusual = verdict.times = 0
  verdict.outside = false
  verdict.unjudged = why
  return 0
}

/** Surprise in nats → 0..1. */
const scoreOf = (nats: number): number => nats / (nats + HALF_NATS)

/**
 * Learns one sample and scores it. Allocates nothing.
 * @param at ms since 1970; samples come in the order of time
 * @param reason why there is no value; nothing is learned from a gap
 * @returns the score, as in `verdict`
 */
export function step(
  state: State,
  at: number,
  value: number | null,
  reason: GapReason | null,
  verdict: Verdict,
): number {
  if (reason !== null || value === null) return cannotJudge(verdict, 'gap')
  if (!(Math.abs(value) < valueMax) || !(at >= 0 && at < timeMax))
    return cannotJudge(verdict, 'number')
  const time = follow(state.numbers, at)
  if (time === 'clock') return cannotJudge(verdict, 'clock')
  if (state.numbers[AT.seen] === 0) begin(state.numbers, value)
  const nats = learn(state, at, value, verdict)
  const fresh = isFresh(state.numbers, nats)
  if (time !== null) return cannotJudge(verdict, time)
  verdict.unjudged = null
  verdict.unusual = scoreOf(nats)
  verdict.score = scoreOf(fresh ? nats : nats * REPEATED)
  return verdict.score
}

/** Keeps track of clock and interval; says why this sample is not judged. */
function follow(numbers: Float64Array, at: number): Unjudged | null {
  const seen = numbers[AT.seen] ?? 0
  const distance = at - (numbers[AT.last] ?? 0)
  if (seen > 0 && distance <= 0) {
    // A clock set back is believed when it stays there; a repeated time never lasts.
    if (isLasting(numbers)) numbers[AT.last] = at
    return 'clock'
  }
  numbers[AT.last] = at
  if (seen > 0) followInterval(numbers, seen, distance)
  if (seen < LEARN) return 'learning'
  if (!numbers[AT.quiet]) return null
  numbers[AT.quiet] = (numbers[AT.quiet] ?? 0) - 1
  return 'interval'
}

function followInterval(numbers: Float64Array, seen: number, distance: number): void {
  const usual = numbers[AT.interval] ?? 0
  const fits = distance <= usual * INTERVAL_TIMES && usual <= distance * INTERVAL_TIMES
  if (seen === 1 || fits) {
    numbers[AT.strange] = 0
    numbers[AT.interval] = usual + Math.max(0.1, 1 / seen) * (distance - usual)
  } else if (isLasting(numbers)) {
    numbers[AT.interval] = distance
    numbers[AT.quiet] = LEARN_AGAIN
  }
}

/** One more strange time in a row; true once there are enough to believe them. */
function isLasting(numbers: Float64Array): boolean {
  const strange = (numbers[AT.strange] ?? 0) + 1
  const lasts = strange >= strangeMax
  numbers[AT.strange] = lasts ? 0 : strange
  return lasts
}

function begin(numbers: Float64Array, value: number): void {
  numbers[AT.fast] = numbers[AT.mid] = numbers[AT.slow] = value
  numbers[AT.low] = numbers[AT.high] = value
}

/** Asks the features, then learns from the sample. Gives the surprise in nats. */
function learn(state: State, at: number, value: number, verdict: Verdict): number {
  const { numbers, counts } = state
  const seen = numbers[AT.seen] ?? 0
  const fast = numbers[AT.fast] ?? 0
  const mid = numbers[AT.mid] ?? 0
  const slow = numbers[AT.slow] ?? 0
  const spread = numbers[AT.spread] ?? 0
  const hourSpread = numbers[AT.hourSpread] ?? 0
  const varianceFast = numbers[AT.varianceFast] ?? 0
  const varianceSlow = numbers[AT.varianceSlow] ?? 0
  const hour = Math.floor(at / HOUR_MS) % HOURS
  const before = counts[HOURS_SEEN + hour] ?? 0
  const hourMean = numbers[HOUR_MEANS + hour] ?? 0
  const usual = before > 0 ? hourMean : slow
  const least = LEAST * Math.abs(slow) + TINY
  const jump = Math.abs(value - fast)
  const season = Math.abs(value - usual)

  let nats = -1
  const ask = (feature: number, size: number, times: number) => {
    const weighed = (WEIGHTS[feature] ?? 0) * surprise(state, feature, size)
    if (weighed <= nats) return
    nats = weighed
    verdict.feature = FEATURES[feature] ?? 'jump'
    verdict.times = times
  }
  const jumps = jump / (spread + least)
  const seasons = season / (hourSpread + least)
  const levels = Math.abs(mid - slow) / (spread + least)
  const variances = (varianceFast + least * least) / (varianceSlow + least * least)
  ask(0, jumps, jumps)
  ask(1, seasons, seasons)
  ask(2, levels, levels)
  ask(3, Math.abs(Math.log(variances)), variances)
  countSample(state)

  const weight = 1 / (seen + 1)
  const learned = Math.min(jump, CLIP * (spread + least))
  const taken = value > fast ? fast + learned : fast - learned
  const toward = (mean: number, target: number, least: number) =>
    mean + Math.max(least, weight) * (target - mean)
  numbers[AT.spread] = toward(spread, learned, SLOW)
  numbers[AT.hourSpread] = toward(hourSpread, Math.min(season, CLIP * (hourSpread + least)), SLOW)
  numbers[AT.varianceFast] = toward(varianceFast, learned * learned, VARIANCE_FAST)
  numbers[AT.varianceSlow] = toward(varianceSlow, learned * learned, VARIANCE_SLOW)
  numbers[AT.fast] = fast + FAST * (taken - fast)
  numbers[AT.mid] = toward(mid, taken, MID)
  numbers[AT.slow] = toward(slow, taken, SLOW)
  numbers[HOUR_MEANS + hour] = hourMean + Math.max(HOUR, 1 / (before + 1)) * (taken - hourMean)
  counts[HOURS_SEEN + hour] = Math.min(hourSeenMax, before + 1)
  numbers[AT.seen] = seen + 1
  return nats + leaving(numbers, value, least, verdict)
}

/** Nats for leaving the range of all values seen, which widens. */
function leaving(numbers: Float64Array, value: number, least: number, verdict: Verdict): number {
  const low = numbers[AT.low] ?? 0
  const high = numbers[AT.high] ?? 0
  const share = Math.max(value - high, low - value) / (high - low + least)
  if (value > high) numbers[AT.high] = value
  if (value < low) numbers[AT.low] = value
  verdict.outside = share > OUTSIDE
  if (!verdict.outside) return 0
  return OUTSIDE_NATS + Math.min(doublingsMax, Math.log2(share / OUTSIDE))
}

/** Rarer than all of the last samples. */
function isFresh(numbers: Float64Array, nats: number): boolean {
  const age = (numbers[AT.heldFor] ?? 0) + 1
  const fresh = nats > (numbers[AT.held] ?? 0) || age > HOLD
  numbers[AT.heldFor] = fresh ? 0 : age
  if (fresh) numbers[AT.held] = nats
  return fresh
}
