// What resolving a field for one row gave, and its last steps: scale, offset and range.

import type { GapReason } from '../model/gap.ts'
import { withoutDust } from './decimal.ts'
import type { Decoded, Field } from './definition.ts'

/** What resolving a field gave; one object is used again and again. */
export interface Hit {
  value: Decoded
  gap: GapReason
  served: number
  wraps: boolean
}

/** Scale, offset and range. */
export function finish(field: Field, hit: Hit): void {
  const { value } = hit
  if (typeof value !== 'number' && typeof value !== 'bigint') return
  const scaled =
    field.scale === 1 && field.offset === 0
      ? value
      : withoutDust(Number(value) * field.scale + field.offset)
  hit.value = scaled
  if (field.range && (scaled < field.range[0] || scaled > field.range[1])) {
    hit.value = null
    hit.gap = 'range'
  }
}
