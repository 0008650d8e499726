// The samples of one stream over a time, column by column: what a block holds, in memory. All series
// share the times. Cells are as in a poll (codec.ts), but a TEXT cell's value is an index of `texts`.

import { ABSENT, GAP_LAST, type Poll, TEXT } from './codec.ts'

export interface Column {
  kinds: Uint8Array
  values: Float64Array
}

export interface Columns {
  /** Unix ms, rising. */
  times: Float64Array
  /** By slot; undefined: nothing there, or not asked for. */
  slots: (Column | undefined)[]
  texts: string[]
}

export const emptyColumns = (): Columns => ({ times: new Float64Array(0), slots: [], texts: [] })

/** Columns of `times` without any cell yet, cut from one piece: that spares the garbage collector. */
export function blankColumns(times: Float64Array, slots: number): Columns {
  const count = times.length
  const kinds = new Uint8Array(slots * count)
  const values = new Float64Array(slots * count)
  const cut = (_: unknown, slot: number): Column => ({
    kinds: kinds.subarray(slot * count, (slot + 1) * count),
    values: values.subarray(slot * count, (slot + 1) * count),
  })
  return { times, slots: Array.from({ length: slots }, cut), texts: [] }
}

/**
 * Puts a poll's cells into the row `index`: a number or text replaces a gap, a gap replaces nothing
 * but absence, the first of two values stays (as `mergePoll`).
 */
export function putPoll(columns: Columns, index: number, poll: Poll): void {
  for (let slot = 0; slot < poll.size; slot++) {
    const kind = poll.kinds[slot] ?? ABSENT
    const column = columns.slots[slot]
    if (kind === ABSENT || !column) continue
    const known = column.kinds[index] ?? ABSENT
    if (known > GAP_LAST || (known !== ABSENT && kind <= GAP_LAST)) continue
    column.kinds[index] = kind
    column.values[index] = poll.values[slot] ?? 0
  }
}

/**
 * `from` with room for more times, and the place of each in the new columns. What `from` has stays
 * before anything that is put there later.
 */
export function widened(from: Columns, times: readonly number[], slots: number): Columns {
  const all = Float64Array.from(new Set([...from.times, ...times])).sort()
  const wide = blankColumns(all, Math.max(slots, from.slots.length))
  wide.texts = [...from.texts]
  if (from.times.length === 0) return wide
  const places = Array.from(from.times, at => placeOf(all, at))
  from.slots.forEach((column, slot) => {
    const into = wide.slots[slot]
    if (!column || !into) return
    places.forEach((place, index) => {
      into.kinds[place] = column.kinds[index] ?? ABSENT
      into.values[place] = column.values[index] ?? 0
    })
  })
  return wide
}

/** The index of a time that is there. */
export function placeOf(times: Float64Array, at: number): number {
  let low = 0
  let high = times.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) < at) low = middle + 1
    else high = middle
  }
  return low
}

/** The text of a TEXT cell; null for a cell of another kind. */
export function textAt({ texts }: Columns, column: Column, index: number): string | null {
  return column.kinds[index] === TEXT ? (texts[column.values[index] ?? -1] ?? '') : null
}
