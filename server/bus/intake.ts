// How a connection of the embedded broker is read: no packet above its limit, and no faster than its
// user may send. What waits meanwhile stays in the kernel, so TCP slows the sender down.

import type { Socket } from 'node:net'
import type { FrameGuard } from './frames.ts'

/** Bytes that are read at a time of somebody with a limit: many small messages are a long work. */
const stepBytesMax = 8 * 1024

export interface Pace {
  messagesPerSecondMax: number
  bytesPerSecondMax: number
}

export interface Intake {
  /** From now on; before, only the packet limit holds. */
  limit(pace: Pace): void
  readonly isHeld: boolean
}

/**
 * Puts itself before `read()`, by which aedes takes what came.
 * @param events.onHeld each time it sends more than it may
 */
export function guardReads(
  socket: Socket,
  guard: FrameGuard,
  events: { onBroken(): void; onHeld(): void },
): Intake {
  const read = socket.read.bind(socket)
  let pace: Pace | null = null
  /** Until when what was read is paid for, ms of the monotonic clock; reading goes on then. */
  let paidUntil = 0
  let isHeld = false

  function resume(): void {
    isHeld = false
    if (!socket.destroyed) socket.emit('readable')
  }

  function pay(packets: number, bytes: number, now: number): void {
    if (!pace) return
    const { messagesPerSecondMax, bytesPerSecondMax } = pace
    const ms = 1000 * Math.max(packets / messagesPerSecondMax, bytes / bytesPerSecondMax)
    // What it did not use in the last second it may use now.
    paidUntil = Math.max(paidUntil, now - 1000) + ms
  }

  socket.read = size => {
    // The stream itself asks for nothing, to have more brought in.
    if (size === 0) return read(0)
    if (isHeld) return null
    const now = performance.now()
    if (pace && paidUntil > now) {
      isHeld = true
      events.onHeld()
      setTimeout(resume, paidUntil - now).unref()
      return null
    }
    const step = pace ? Math.min(socket.readableLength, stepBytesMax) : 0
    const chunk: Buffer | null = read(step || size)
    if (chunk === null) return null
    const before = guard.packets
    if (guard.push(chunk)) {
      pay(guard.packets - before, chunk.length, now)
      // Not at once: aedes reads on in the middle of parsing, and expects to find nothing then.
      if (socket.readableLength > 0) {
        isHeld = true
        setImmediate(resume)
      }
      return chunk
    }
    if (!socket.destroyed) events.onBroken()
    socket.destroy()
    return null
  }

  return {
    limit(wanted) {
      pace = wanted
    },
    get isHeld() {
      return isHeld
    },
  }
}
