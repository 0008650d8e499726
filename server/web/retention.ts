// What is kept, for how long and what it costs, and what an admin may change of it: the days of each
// class, and of hourly rows for SQL. Sizes are counted beside the pages, which wait for them only a moment.

import type { Audit } from '../audit.ts'
import type { Logger } from '../log.ts'
import type { FieldError } from '../model/errors.ts'
import { RETENTION_CLASSES, type RetentionClass } from '../model/retention.ts'
import type { Actor } from '../model/user.ts'
import type { DaysKept, KeptSize, RetentionStore } from '../store/contract.ts'
import { hourlyDaysMax } from '../store/plain-rows.ts'
import { daysMax } from '../store/retention.ts'
import { dayMs, TIERS, type Tier } from '../store/tiers.ts'

/** Days that every sample may be kept. */
const rawDaysMax = 3650
/** Counted again after this. */
const freshMs = 60_000
/** A page waits for sizes at most so long. */
const waitMs = 1000

const yearDays = 365

export const TIER_TITLES: Record<Tier, string> = {
  raw: 'Every sample',
  r15m: '15-minute points',
  r1h: '1-hour points',
}

export interface KeptRow {
  tier: Tier
  title: string
  days: number
  bytes: number
  /** In a year, at the rate of the last days; null: not known yet. */
  yearBytes: number | null
  oldestAt: number | null
}

export interface KeptClass {
  kept: RetentionClass
  /** Devices that have samples in it. */
  devices: number
  rows: KeptRow[]
}

export interface RetentionReport {
  classes: KeptClass[]
  /** Days of hourly rows for SQL; 0: none. */
  hourlyDays: number
  /** False: sizes are still being counted, all are 0. */
  isCounted: boolean
}

export interface Retention {
  report(): Promise<RetentionReport>
  days(kept: RetentionClass): Promise<DaysKept>
  /** `days` were checked by `readDays`. */
  change(kept: RetentionClass, days: DaysKept, by: Actor): Promise<void>
  hourlyDays(): Promise<number>
  /** `days` were checked by `readHourlyDays`. */
  changeHourly(days: number, by: Actor): Promise<void>
}

export function createRetention(options: {
  store: RetentionStore
  audit: Audit
  log: Logger
  now?: () => number
}): Retention {
  const { store, audit, log, now = Date.now } = options
  let counted: { at: number; sizes: KeptSize[] } | null = null
  let counting: Promise<void> | null = null

  const count = async () => {
    try {
      counted = { at: now(), sizes: await store.sizes() }
    } catch (error) {
      log.warn({ err: error }, 'what is kept was not counted')
    } finally {
      counting = null
    }
  }
  const sizes = async (): Promise<KeptSize[] | null> => {
    if (!counted || now() - counted.at >= freshMs) {
      counting ??= count()
      await Promise.race([counting, moment()])
    }
    return counted?.sizes ?? null
  }
  const days = async (kept: RetentionClass) => (await store.days())[kept]

  return {
    days,
    async report() {
      const [kept, found, devices, hourlyDays] = await Promise.all([
        store.days(),
        sizes(),
        store.devices(),
        store.hourlyDays(),
      ])
      const classes = classesOf(kept, found ?? [], devices, now())
      return { classes, hourlyDays, isCounted: found !== null }
    },
    async change(kept, after, by) {
      const before = await days(kept)
      await store.setDays(kept, after)
      await audit.record(by, 'retention.change', `retention:${kept}`, { before, after })
    },
    hourlyDays: () => store.hourlyDays(),
    async changeHourly(after, by) {
      const before = await store.hourlyDays()
      await store.setHourlyDays(after)
      await audit.record(by, 'retention.change', 'retention:hourly-rows', {
        before: { days: before },
        after: { days: after },
      })
    },
  }
}

function moment(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, waitMs).unref())
}

function classesOf(
  days: Record<RetentionClass, DaysKept>,
  sizes: readonly KeptSize[],
  devices: Record<RetentionClass, number>,
  now: number,
): KeptClass[] {
  const rowOf = (kept: RetentionClass, tier: Tier): KeptRow => {
    const size = sizes.find(one => one.kept === kept && one.tier === tier)
    return {
      tier,
      title: TIER_TITLES[tier],
      days: days[kept][tier],
      bytes: size?.bytes ?? 0,
      yearBytes: size ? bytesInAYear(size, days[kept][tier], now) : null,
      oldestAt: size?.oldestAt ?? null,
    }
  }
  return RETENTION_CLASSES.map(kept => ({
    kept,
    devices: devices[kept],
    rows: TIERS.map(tier => rowOf(kept, tier)),
  }))
}

/** What is written until then and is still kept, and what of today's is. */
export function bytesInAYear(size: KeptSize, days: number, now: number): number | null {
  const { bytes, bytesPerDay, oldestAt } = size
  if (bytesPerDay === null || oldestAt === null) return null
  const age = Math.max(1, (now - oldestAt) / dayMs)
  const stays = Math.min(1, Math.max(0, days - yearDays) / age)
  return bytesPerDay * Math.min(days, yearDays) + bytes * stays
}

/** The days of a posted form, or what is wrong with which field. */
export function readDays(
  values: Record<string, string>,
): { ok: true; days: DaysKept } | { ok: false; errors: FieldError[] } {
  const errors: FieldError[] = []
  const days: DaysKept = { raw: 0, r15m: 0, r1h: 0 }
  let least = 1
  for (const tier of TIERS) {
    const text = values[tier]?.trim() ?? ''
    const most = tier === 'raw' ? rawDaysMax : daysMax
    days[tier] = /^\d{1,6}$/.test(text) ? Number(text) : 0
    if (days[tier] < 1 || days[tier] > most)
      errors.push({ path: tier, message: `must be a whole number of days, 1 to ${most}` })
    else if (days[tier] < least)
      errors.push({ path: tier, message: `must be at least ${least} days, as the finer ones` })
    else least = days[tier]
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, days }
}

/** The days of hourly rows of a posted form, or what is wrong with them. */
export function readHourlyDays(
  values: Record<string, string>,
): { ok: true; days: number } | { ok: false; errors: FieldError[] } {
  const text = values.hourly?.trim() ?? ''
  const days = /^\d{1,6}$/.test(text) ? Number(text) : -1
  if (days >= 0 && days <= hourlyDaysMax) return { ok: true, days }
  const message = `must be a whole number of days, 0 (none) to ${hourlyDaysMax}`
  return { ok: false, errors: [{ path: 'hourly', message }] }
}

/** What a change of hourly rows drops; empty: nothing. */
export function droppedHours(before: number, after: number, now: number): string[] {
  if (after >= before) return []
  const edge = new Date(now - after * dayMs).toISOString().slice(0, 10)
  return [
    `Hourly rows of before ${edge} (UTC): kept for ${before} days until now, then for ${after}.`,
  ]
}

/** What a change drops, a sentence for each resolution that is kept shorter; empty: nothing. */
export function droppedBy(before: DaysKept, after: DaysKept, now: number): string[] {
  return TIERS.filter(tier => after[tier] < before[tier]).map(tier => {
    const edge = new Date(now - after[tier] * dayMs).toISOString().slice(0, 10)
    return `${TIER_TITLES[tier]} of before ${edge} (UTC): kept for ${before[tier]} days until now, then for ${after[tier]}.`
  })
}
