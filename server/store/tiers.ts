// How long samples are kept and how coarse they become: three classes of retention, each with a table
// of blocks and two of roll-ups.

import { RETENTION_CLASSES, type RetentionClass } from '../model/retention.ts'

export { RETENTION_CLASSES, type RetentionClass }

/** From fine to coarse. */
export const TIERS = ['raw', 'r15m', 'r1h'] as const
export type Tier = (typeof TIERS)[number]
export type RollUpTier = Exclude<Tier, 'raw'>

export type BlockTable = `${'block' | 'r15m' | 'r1h'}_${RetentionClass}`

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs
export const weekMs = 7 * dayMs

/** Of a roll-up: how long one point is, and the time that one block covers; ms. */
export const ROLL_UPS: Record<RollUpTier, { width: number; period: number }> = {
  r15m: { width: hourMs / 4, period: dayMs },
  // A month in one block would be 370,000 values: too much for one step of the event loop.
  r1h: { width: hourMs, period: weekMs },
}

/** Days that each class keeps, where the settings say nothing else. */
export const DAYS_KEPT: Record<RetentionClass, Record<Tier, number>> = {
  short: { raw: 7, r15m: 90, r1h: 365 },
  default: { raw: 30, r15m: 365, r1h: 5 * 365 },
  long: { raw: 90, r15m: 2 * 365, r1h: 10 * 365 },
}

export const tableOf = (tier: Tier, kept: RetentionClass): BlockTable =>
  `${tier === 'raw' ? 'block' : tier}_${kept}`

export const BLOCK_TABLES: readonly BlockTable[] = TIERS.flatMap(tier =>
  RETENTION_CLASSES.map(kept => tableOf(tier, kept)),
)

/** A class that only a newer version knows is kept as the default one. */
export const retentionClass = (text: string): RetentionClass =>
  RETENTION_CLASSES.find(kept => kept === text) ?? 'default'

export const floorTo = (at: number, width: number): number => Math.floor(at / width) * width
