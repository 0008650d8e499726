// What is done for the poll threads by the clock: finds those that hang or fill up, starts more or
// empties one as load asks, and keeps load even. How a thread is replaced is the pool's business.

import type { Balancer } from './balance.ts'
import type { PoolLimits } from './limits.ts'
import { createSizer, leastLoaded } from './placement.ts'
import type { Slot, SlotRole } from './slot.ts'

/** What the pool lends to its upkeep. */
export interface UpkeepParts {
  limits: PoolLimits
  slots: ReadonlyMap<number, Slot>
  working(): Slot[]
  balancer: Balancer
  startSlot(role: SlotRole): Slot | null
  /** It did not answer for so long. */
  hangs(slot: Slot, silentMs: number): void
  /** Because the others are too busy. */
  grown(): void
  /** It is drained: no device is left in it. */
  emptied(slot: Slot): void
}

export interface Upkeep {
  start(): void
  stop(): void
}

export function createUpkeep(parts: UpkeepParts): Upkeep {
  const { limits, slots, working, balancer } = parts
  const size = createSizer({
    min: limits.threadsMin,
    max: limits.threadsMax,
    hotMs: limits.hotMs,
    coldMs: limits.coldMs,
    skewMs: limits.skewMs,
  })
  let lastTickAt = performance.now()
  let ticker: NodeJS.Timeout | undefined
  let guard: NodeJS.Timeout | undefined

  const watch = (now: number) => {
    // Where this loop itself stood still, beats wait unread in the queue: look again next time.
    if (now - lastTickAt > 2 * limits.tickMs + 500) return
    for (const slot of [...slots.values()]) {
      const silentMs = now - slot.thread.beatAt
      const allowedMs = slot.thread.ready ? limits.hangMs : limits.startMs
      if (silentMs >= allowedMs) parts.hangs(slot, silentMs)
    }
  }

  const resize = (now: number) => {
    const threads = working()
    if (threads.some(slot => !slot.thread.ready)) return
    const loads = threads.map(({ thread, load }) => ({ utilisation: thread.utilisation, load }))
    const verdict = size(loads, now)
    if (verdict === 'grow' && parts.startSlot('working')) parts.grown()
    if (verdict === 'grow' || verdict === 'rebalance') balancer.begin()
    if (verdict === 'shrink') {
      const least = leastLoaded(threads)
      if (least) least.role = 'draining'
    }
  }

  const tick = () => {
    const now = performance.now()
    watch(now)
    lastTickAt = now
    while (working().length < limits.threadsMin && parts.startSlot('working')) {}
    resize(now)
    for (const slot of [...slots.values()]) {
      if (slot.role !== 'draining') continue
      balancer.drain(slot)
      if (slot.devices.size === 0) parts.emptied(slot)
    }
    balancer.tick()
  }

  return {
    start() {
      lastTickAt = performance.now()
      ticker = setInterval(tick, limits.tickMs)
      guard = setInterval(() => {
        for (const { thread } of slots.values()) thread.measure()
      }, limits.guardMs)
    },
    stop() {
      clearInterval(ticker)
      clearInterval(guard)
    },
  }
}
