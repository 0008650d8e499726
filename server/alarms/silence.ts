// For rules about missing data: when something good last came of each row, by the monotonic clock.

import type { GapReason } from '../model/gap.ts'
import { rowsPerRuleMax, type Watched } from './watched.ts'

/** @param reason why nothing came; null: something good did. Of a row that never was good it says nothing */
export function hear(
  { heard }: Watched,
  row: string | null,
  reason: GapReason | null,
  mono: number,
): void {
  if (!heard) return
  const key = row ?? ''
  const known = heard.get(key)
  if (!known && heard.size >= rowsPerRuleMax) return
  if (reason === null) heard.set(key, { mono, reason: null })
  else if (known) known.reason = reason
}

/** Nothing came of any row. */
export function hearFailure(watched: Watched, reason: GapReason, mono: number): void {
  for (const key of watched.heard?.keys() ?? []) hear(watched, key, reason, mono)
}

/** Rows of which nothing good came for the rule's time, two intervals at least. */
export function silentRows(
  { one, heard, known }: Watched,
  mono: number,
): { key: string; reason: GapReason | null }[] {
  if (!heard || !known.device.enabled) return []
  const forMs = Math.max(one.forMs, 2 * known.device.everyMs)
  const silent: { key: string; reason: GapReason | null }[] = []
  for (const [key, { mono: since, reason }] of heard) {
    const isAbout = !one.rule.reasons || (reason !== null && one.rule.reasons.includes(reason))
    if (isAbout && mono - since >= forMs) silent.push({ key, reason })
  }
  return silent
}
