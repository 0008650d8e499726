// From which table each part of a time is read: the coarsest one that is fine enough for the points
// asked for, and coarser ones where the finer are not kept any more. Pure.

import { dayMs, hourMs, TIERS, type Tier, weekMs } from './tiers.ts'

/** Buckets from these widths on are made of roll-ups, ms: several points of them to a bucket. */
const QUARTERS_FROM = hourMs / 2
const HOURS_FROM = 4 * hourMs

export interface Segment {
  tier: Tier
  /** Both ends are included. */
  from: number
  to: number
}

/** Unix ms before which a class keeps nothing in its table of blocks, of quarters, of hours. */
export type Edges = Record<Tier, number>

/** @param width of a bucket, ms; null: every sample */
export function tierFor(width: number | null): Tier {
  if (width === null || width < QUARTERS_FROM) return 'raw'
  return width < HOURS_FROM ? 'r15m' : 'r1h'
}

/** Oldest first; together they are the whole time. */
export function segmentsOf(from: number, to: number, tier: Tier, edges: Edges): Segment[] {
  const base = TIERS.indexOf(tier)
  // A point must not begin in one segment and end in the next.
  const rawFrom = Math.ceil(edges.raw / dayMs) * dayMs
  const quartersFrom = Math.min(rawFrom, Math.ceil(edges.r15m / weekMs) * weekMs)
  const parts: Segment[] = [
    { tier: 'r1h', from, to: Math.min(to, quartersFrom - 1) },
    { tier: 'r15m', from: Math.max(from, quartersFrom), to: Math.min(to, rawFrom - 1) },
    { tier: 'raw', from: Math.max(from, rawFrom), to },
  ]
  const segments: Segment[] = []
  for (const part of parts) {
    if (part.from > part.to) continue
    const known = segments.at(-1)
    const coarse = TIERS[Math.max(base, TIERS.indexOf(part.tier))] ?? part.tier
    if (known?.tier === coarse) known.to = part.to
    else segments.push({ ...part, tier: coarse })
  }
  return segments
}
