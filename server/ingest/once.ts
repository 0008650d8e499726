// Ingest and judge of one process get the same message, over one connection or each over its own, and
// both send it through the same gate: what it gave to the first is kept for the second.

import type { Accept } from '../model/accepted.ts'

/** Payload bytes of the messages that one of the two has not had yet. */
const heldBytesMax = 8 * 1024 * 1024
/** The two get a message at nearly the same time; later, the devices may be others, ms. */
const keepMs = 5000

interface Given {
  payload: Uint8Array
  retentionMs: number
  now: number
  result: ReturnType<Accept>
}

/** As `accept`, which must be pure but for its clock, but once for a message that comes twice. */
export function acceptOnce(accept: Accept): Accept {
  /** By topic, oldest first. */
  const given = new Map<string, Given>()
  let bytes = 0
  const forget = (topic: string, { payload }: Given) => {
    if (given.delete(topic)) bytes -= payload.length
  }
  return (message, context) => {
    const { topic, payload } = message
    const { retentionMs, now } = context
    const known = given.get(topic)
    if (known) {
      forget(topic, known)
      const isSame =
        known.retentionMs === retentionMs &&
        Math.abs(now - known.now) < keepMs &&
        (known.payload === payload || Buffer.compare(known.payload, payload) === 0)
      if (isSame) return known.result
    }
    const result = accept(message, context)
    given.set(topic, { payload, retentionMs, now, result })
    bytes += payload.length
    for (const [oldest, held] of given) {
      if (bytes <= heldBytesMax) break
      forget(oldest, held)
    }
    return result
  }
}
