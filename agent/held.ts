// What was measured before the server's time was known: kept in memory, bounded, until it is. A host
// whose clock is wrong must not write into a past or a future that never was.

/** At 10 s and a dozen groups some hours. */
const heldMax = 20_000

export interface HeldItem {
  /** By the clock's steady scale, ms. */
  moment: number
  /** @param at Unix ms by the server's clock */
  send(at: number): void
}

export interface Held {
  /** Gives how many were dropped for it: 0 or 1. */
  add(item: HeldItem): number
  /** All of them, oldest first; they are held no longer. */
  take(): HeldItem[]
  readonly size: number
}

export function createHeld(max = heldMax): Held {
  let items: HeldItem[] = []
  return {
    add(item) {
      items.push(item)
      if (items.length <= max) return 0
      items.shift()
      return 1
    },
    take() {
      const all = items
      items = []
      return all
    },
    get size() {
      return items.length
    },
  }
}
