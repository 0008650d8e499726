// Ingest and judge of one process get the same message from the bus, and both send it through the same
// gate: what it gave is remembered for as long as the message lives.

import type { Accept } from '../model/accepted.ts'

/** As `accept`, which must be pure but for its clock, but once for each payload and retention. */
export function acceptOnce(accept: Accept): Accept {
  const given = new WeakMap<
    Uint8Array,
    { topic: string; retentionMs: number; result: ReturnType<Accept> }
  >()
  return (message, context) => {
    const { topic, payload } = message
    const { retentionMs } = context
    const known = given.get(payload)
    if (known?.topic === topic && known.retentionMs === retentionMs) return known.result
    const result = accept(message, context)
    given.set(payload, { topic, retentionMs, result })
    return result
  }
}
