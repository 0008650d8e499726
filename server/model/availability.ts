// Availability as arithmetic: from what was known of a device, when, to the time that it was up and
// down, with and without maintenance. Pure. All times are Unix ms; a span ends just before `until`.

import type { DeviceState } from './collection.ts'
import type { MaintenanceWindow } from './maintenance.ts'
import { WEEKDAYS } from './maintenance.ts'

const DAY_MS = 86_400_000

export interface Span {
  from: number
  until: number
}

/** In order of time, none touching another. */
export type Spans = readonly Span[]

/** What one device, or several together, did in a period. */
export interface Uptime {
  /** The part of the period in which it was there. */
  total: number
  up: number
  down: number
  /** Paused by somebody. */
  paused: number
  /** Pollux did not know: it was off, or nothing came. */
  unknown: number
  /** Maintenance, whatever the device did then. */
  maintenance: number
  /** What of `up` and `down` lay outside of maintenance: this is what counts. */
  countedUp: number
  countedDown: number
  /** Times that it went down, and the longest, outside of maintenance. */
  outages: number
  longest: number
}

export const NO_TIME: Uptime = {
  ...{ total: 0, up: 0, down: 0, paused: 0, unknown: 0, maintenance: 0 },
  ...{ countedUp: 0, countedDown: 0, outages: 0, longest: 0 },
}

/** 0 to 1: up of what was known outside of maintenance; null: nothing was. */
export function availability({ countedUp, countedDown }: Uptime): number | null {
  return countedUp + countedDown === 0 ? null : countedUp / (countedUp + countedDown)
}

/** The same with maintenance taken as any other time. */
export function availabilityOfAll({ up, down }: Uptime): number | null {
  return up + down === 0 ? null : up / (up + down)
}

export function sumOf(parts: readonly Uptime[]): Uptime {
  const sum = { ...NO_TIME }
  for (const part of parts) {
    for (const key of ['total', 'up', 'down', 'paused', 'unknown', 'maintenance'] as const)
      sum[key] += part[key]
    sum.countedUp += part.countedUp
    sum.countedDown += part.countedDown
    sum.outages += part.outages
    sum.longest = Math.max(sum.longest, part.longest)
  }
  return sum
}

/** Spans in order, with those that touch or lie over each other as one; empty ones are none. */
export function united(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const { from, until } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (until <= from) continue
    if (last && from <= last.until) last.until = Math.max(last.until, until)
    else result.push({ from, until })
  }
  return result
}

/** How much of this time lies in the spans. */
export function overlap(spans: Spans, from: number, until: number): number {
  let sum = 0
  for (let i = firstAfter(spans, from); i < spans.length; i++) {
    const span = spans[i]
    if (!span || span.from >= until) break
    sum += Math.min(until, span.until) - Math.max(from, span.from)
  }
  return sum
}

/** The place of the first span that ends after this time. */
function firstAfter(spans: Spans, at: number): number {
  let [low, high] = [0, spans.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((spans[middle]?.until ?? 0) > at) high = middle
    else low = middle + 1
  }
  return low
}

/** One device's time, told state by state in their order. */
export class Tally {
  /** Where something was known of devices at all. */
  readonly #watches: Spans
  readonly #period: Span
  readonly #maintenance: Spans
  readonly #uptime: Uptime = { ...NO_TIME }
  #state: DeviceState = 'unknown'
  #since = Number.NEGATIVE_INFINITY
  #outage = 0

  /** @param period the part of the month in which the device was there */
  constructor(period: Span, watches: Spans, maintenance: Spans) {
    this.#watches = watches
    this.#period = period
    this.#maintenance = maintenance
  }

  /** From here on it was so. Times go up. */
  at(time: number, state: DeviceState): void {
    this.#close(time)
    this.#since = time
    this.#state = state
  }

  /** Tells what it came to; call once, at the end. */
  result(): Uptime {
    const { from, until } = this.#period
    this.#close(until)
    this.#endOutage()
    const uptime = this.#uptime
    uptime.total = Math.max(0, until - from)
    uptime.maintenance = overlap(this.#maintenance, from, until)
    uptime.unknown = uptime.total - uptime.up - uptime.down - uptime.paused
    return uptime
  }

  /** The state that was, up to this time; never past the end of the watch in which it was seen. */
  #close(time: number): void {
    const watch = this.#watches[firstAfter(this.#watches, this.#since)]
    // Said after the end of its watch, it is not carried into the next one.
    if (watch === undefined || watch.from > this.#since) return
    const from = Math.max(this.#since, this.#period.from)
    const until = Math.min(time, watch.until, this.#period.until)
    const span = until - from
    if (span <= 0) return
    const uptime = this.#uptime
    const counted = span - overlap(this.#maintenance, from, until)
    if (this.#state === 'unknown') return
    if (this.#state === 'down') {
      uptime.down += span
      uptime.countedDown += counted
      this.#outage += counted
      return
    }
    if (this.#state === 'paused') uptime.paused += span
    else {
      uptime.up += span
      uptime.countedUp += counted
    }
    this.#endOutage()
  }

  /** An outage goes on over time of which nothing is known. */
  #endOutage(): void {
    if (this.#outage === 0) return
    this.#uptime.outages++
    this.#uptime.longest = Math.max(this.#uptime.longest, this.#outage)
    this.#outage = 0
  }
}

/**
 * When a window was in force within a period. A single one counts from its begin, also where it was
 * made afterwards; a weekly one from when it was made. Both end when they were removed.
 */
export function spansOf(
  { once, weekly }: Pick<MaintenanceWindow, 'once' | 'weekly'>,
  { madeAt, removedAt }: { madeAt: number; removedAt: number | null },
  period: Span,
): Span[] {
  const end = Math.min(period.until, removedAt ?? Number.POSITIVE_INFINITY)
  const within = (from: number, until: number): Span[] => {
    const span = { from: Math.max(from, period.from), until: Math.min(until, end) }
    return span.from < span.until ? [span] : []
  }
  if (once) return within(once.from, once.to)
  if (!weekly) return []
  const [hours = 0, minutes = 0] = weekly.at.split(':').map(Number)
  const lastMs = weekly.minutes * 60_000
  const spans: Span[] = []
  const firstDay = Math.floor((period.from - lastMs) / DAY_MS) * DAY_MS
  for (let day = firstDay; day < end; day += DAY_MS) {
    const name = WEEKDAYS[(new Date(day).getUTCDay() + 6) % 7]
    if (!weekly.days.some(one => one === name)) continue
    const from = day + hours * 3_600_000 + minutes * 60_000
    spans.push(...within(Math.max(from, madeAt), from + lastMs))
  }
  return united(spans)
}
