// Between the main thread and a poll thread one message costs more than what is in it. So what one
// turn of an event loop says, or a few milliseconds of it, goes over together.

import type { EncodedBody, FromThread } from './protocol.ts'

/** Bytes of bodies after which a message goes at once. */
const gatheredBytesMax = 1024 * 1024

export interface Gatherer<T> {
  say(what: T, bytes?: number): void
  /** What was said is on its way when it returns. */
  flush(): void
}

/**
 * `post` gets what was said since, in order, once `later` lets it.
 * @param later runs its argument soon, once
 */
export function createGatherer<T>(
  post: (all: T[]) => void,
  later: (flush: () => void) => unknown,
): Gatherer<T> {
  let gathered: T[] = []
  let bytes = 0

  const flush = () => {
    const all = gathered
    gathered = []
    bytes = 0
    if (all.length > 0) post(all)
  }

  return {
    say(what, size = 0) {
      gathered.push(what)
      bytes += size
      if (bytes > gatheredBytesMax) flush()
      else if (gathered.length === 1) later(flush)
    },
    flush,
  }
}

/** Moves all bodies into one buffer, which can be transferred; null where there are none. */
export function intoOneBuffer(messages: readonly FromThread[]): ArrayBuffer | null {
  const bodies: EncodedBody[] = []
  for (const message of messages) if ('bodies' in message) bodies.push(...message.bodies)
  const bytes = bodies.reduce((sum, { body }) => sum + body.length, 0)
  if (bytes === 0) return null
  const buffer = new ArrayBuffer(bytes)
  let at = 0
  for (const one of bodies) {
    const moved = new Uint8Array(buffer, at, one.body.length)
    moved.set(one.body)
    one.body = moved
    at += moved.length
  }
  return buffer
}
