// How much the embedded broker keeps as retained messages. It counts; the broker stores.

import { mayRetain } from './topics.ts'

/** Retained topics, and bytes of their payloads, that are kept; more are delivered, not kept. */
const retainedMax = 200_000
const retainedBytesMax = 512 * 1024 * 1024

/** May this retained message be kept? An empty one deletes, and is let through. */
export function createRetainedBound(
  onFull: () => void,
): (message: { topic: string; payload: string | Buffer }) => boolean {
  const sizes = new Map<string, number>()
  let bytes = 0
  return ({ topic, payload }) => {
    if (!mayRetain(topic)) return false
    const before = sizes.get(topic) ?? 0
    const size = payload.length
    if (size === 0) {
      sizes.delete(topic)
      bytes -= before
      return true
    }
    const full = !sizes.has(topic) && sizes.size >= retainedMax
    if (full || bytes - before + size > retainedBytesMax) {
      onFull()
      return false
    }
    sizes.set(topic, size)
    bytes += size - before
    return true
  }
}
