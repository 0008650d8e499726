// A set of whole numbers kept as inclusive ranges: small while the numbers are mostly consecutive.

export interface RangeSet {
  /** Adds one number or an inclusive range. */
  add(from: number, to?: number): void
  has(number: number): boolean
  /** How many numbers of this inclusive range are in the set. */
  countIn(from: number, to: number): number
  /** The highest numbers from 1 to this one that are not in the set, as an inclusive range. */
  lastGap(to: number): [number, number] | null
  ranges(): [number, number][]
}

export function createRangeSet(initial: readonly (readonly [number, number])[] = []): RangeSet {
  const ranges: [number, number][] = []

  /** Index of the first range that ends at or after this number. */
  function firstEndingAt(number: number): number {
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ranges[middle]?.[1] ?? 0) < number) low = middle + 1
      else high = middle
    }
    return low
  }

  function add(from: number, to: number = from): void {
    if (to < from) return
    const first = firstEndingAt(from - 1)
    let merged: [number, number] = [from, to]
    let last = first
    for (let next = ranges[last]; next && next[0] <= to + 1; next = ranges[last]) {
      merged = [Math.min(merged[0], next[0]), Math.max(merged[1], next[1])]
      last++
    }
    ranges.splice(first, last - first, merged)
  }

  for (const [from, to] of initial) add(from, to)

  return {
    add,
    has(number) {
      const range = ranges[firstEndingAt(number)]
      return range !== undefined && range[0] <= number
    },
    countIn(from, to) {
      let count = 0
      for (let i = firstEndingAt(from); i < ranges.length; i++) {
        const range = ranges[i]
        if (!range || range[0] > to) break
        count += Math.min(to, range[1]) - Math.max(from, range[0]) + 1
      }
      return count
    },
    lastGap(to) {
      const at = firstEndingAt(to)
      const covering = ranges[at]
      const top = covering && covering[0] <= to ? covering[0] - 1 : to
      const below = ranges[at - 1]
      const from = below ? below[1] + 1 : 1
      return from <= top ? [from, top] : null
    },
    ranges: () => ranges.map(range => [...range]),
  }
}
