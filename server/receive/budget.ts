// How much of each sender is read: a message costs one and what its length costs, and each sender has
// so much a second. What is above is counted without being read. Pure.

/** Of one sender, and of all together, a second. */
export const costPerSecondMax = 1000
export const totalPerSecondMax = 8000
/** Octets that cost as much as a message. */
const octetsPerUnit = 256
/** Senders that are counted apart within one second; further ones share one count. */
const sendersMax = 10_000

export interface Budget {
  /** Whether there is enough left to read so many octets of this sender. */
  takes(sender: string, octets: number): boolean
}

export function createBudget(now: () => number = () => performance.now()): Budget {
  let second = -1
  let total = 0
  const spent = new Map<string, number>()
  return {
    takes(sender, octets) {
      const current = Math.floor(now() / 1000)
      if (current !== second) {
        second = current
        total = 0
        spent.clear()
      }
      const key = spent.size < sendersMax || spent.has(sender) ? sender : ''
      const before = spent.get(key) ?? 0
      if (before >= costPerSecondMax || total >= totalPerSecondMax) return false
      const cost = 1 + Math.floor(octets / octetsPerUnit)
      spent.set(key, before + cost)
      total += cost
      return true
    },
  }
}
