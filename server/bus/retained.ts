// How much the embedded broker keeps as retained messages, of each account and in all. It counts;
// the broker stores.

import type { Principal } from './principals.ts'
import { mayRetain } from './topics.ts'

/** Retained topics, and bytes of them and their payloads, that are kept; more are delivered only. */
const allMax = { topics: 200_000, bytes: 512 * 1024 * 1024 }
/** Of one principal that has no bounds of its own. */
const ownMax = { topics: 1000, bytes: 16 * 1024 * 1024 }

interface Kept {
  topics: number
  bytes: number
}

export interface RetainedBound {
  /** May this message be kept? An empty one deletes, and is let through. */
  mayKeep(principal: Principal, message: { topic: string; payload: string | Buffer }): boolean
  /** Forgets what this user had kept, and names the topics. */
  forget(username: string): string[]
}

/** @param onFull something is not kept since there is too much */
export function createRetainedBound(onFull: () => void): RetainedBound {
  /** By topic, who wrote it last. */
  const messages = new Map<string, { username: string; bytes: number }>()
  const all: Kept = { topics: 0, bytes: 0 }
  const byUser = new Map<string, Kept>()

  function count(username: string, topics: number, bytes: number): void {
    const own = byUser.get(username) ?? { topics: 0, bytes: 0 }
    for (const kept of [own, all]) {
      kept.topics += topics
      kept.bytes += bytes
    }
    if (own.topics === 0) byUser.delete(username)
    else byUser.set(username, own)
  }

  function remove(topic: string): void {
    const before = messages.get(topic)
    if (!before) return
    messages.delete(topic)
    count(before.username, -1, -before.bytes)
  }

  return {
    mayKeep({ username, retainedMax = ownMax }, { topic, payload }) {
      if (!mayRetain(topic)) return false
      if (payload.length === 0) {
        remove(topic)
        return true
      }
      const bytes = Buffer.byteLength(topic) + payload.length
      const before = messages.get(topic)
      const inOwn = before?.username === username ? before : null
      const fitsAll = fits(all, before ?? null, bytes, allMax)
      if (!fitsAll || !fits(byUser.get(username), inOwn, bytes, retainedMax)) {
        onFull()
        return false
      }
      remove(topic)
      messages.set(topic, { username, bytes })
      count(username, 1, bytes)
      return true
    },
    forget(username) {
      const topics = [...messages].flatMap(([topic, by]) => (by.username === username ? topic : []))
      for (const topic of topics) remove(topic)
      return topics
    },
  }
}

/** Is there room, once what it replaces is gone? */
function fits(
  { topics, bytes }: Kept = { topics: 0, bytes: 0 },
  before: { bytes: number } | null,
  more: number,
  max: Kept,
): boolean {
  return topics + (before ? 0 : 1) <= max.topics && bytes - (before?.bytes ?? 0) + more <= max.bytes
}
