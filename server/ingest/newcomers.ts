// Devices that we do not know, but perhaps another ingester does already: a device that was just added
// must not lose its first collections to the ingester that reads the list of devices later.

/** The list of devices is read again every 30 s; a sender sends again after 10, 30 and 70 s. */
const graceMs = 60_000
/** Unknown topics remembered; beyond, the one seen first is forgotten, and gets its time again. */
const topicsMax = 10_000

export interface Newcomers {
  /** True while this topic's device may still turn up: its messages are neither taken nor refused. */
  has(topic: string, now: number): boolean
}

export function createNewcomers(): Newcomers {
  const seen = new Map<string, number>()
  return {
    has(topic, now) {
      const since = seen.get(topic) ?? now
      if (!seen.has(topic)) {
        const [first] = seen.keys()
        if (seen.size >= topicsMax && first !== undefined) seen.delete(first)
        seen.set(topic, now)
      }
      return now - since < graceMs
    },
  }
}
