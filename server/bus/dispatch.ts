// Hands received messages to handlers: in order of arrival, a bounded number at a time, and with
// back-pressure that is bounded in time, so that one slow handler cannot stall the broker for all.

import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import type { BusMessage } from './contract.ts'
import { filterLevels, levelsMatch } from './topics.ts'

/** Messages that may wait for one subscription's handler. */
const queueMax = 2000
/** Bytes of payload that may wait for one subscription's handler. */
const queueBytesMax = 16 * 1024 * 1024
/** How long reading is paused for a full queue before its messages are dropped, ms. */
const pauseMsMax = 2000

export type Handler = (message: BusMessage) => void | Promise<void>

export interface DispatchStats {
  received: number
  /** Messages whose handler threw or rejected. */
  failed: number
  /** Messages that a full queue did not take. */
  dropped: number
}

export interface Subscription {
  readonly filter: string
}

export interface Dispatcher {
  readonly stats: Readonly<DispatchStats>
  filters(): string[]
  add(filter: string, handler: Handler): Subscription
  /** True when nobody wants this filter any more. */
  remove(subscription: Subscription): boolean
  /** Null when taken; else a promise: read no further until it resolves (at most 2 s). */
  deliver(message: BusMessage): Promise<void> | null
}

interface Slot extends Subscription {
  readonly levels: readonly string[]
  handler: Handler
  queue: BusMessage[]
  bytes: number
  running: number
  /** Set while full for longer than the pause: messages are dropped until there is room. */
  shedding: boolean
  /** Called once when there is room again. */
  onRoom: (() => void) | null
}

/** `handlersMax`: calls of one handler that may be unfinished at a time; they start in order. */
export function createDispatcher(options: { handlersMax: number; log: Logger }): Dispatcher {
  const { handlersMax, log } = options
  const slots = new Set<Slot>()
  const stats: DispatchStats = { received: 0, failed: 0, dropped: 0 }

  function failed(slot: Slot, error: unknown): void {
    stats.failed++
    log.error({ filter: slot.filter, err: messageOf(error) }, 'a message handler failed')
  }

  function run(slot: Slot, message: BusMessage): void {
    slot.running++
    let result: void | Promise<void> | null = null
    try {
      result = slot.handler(message)
    } catch (error) {
      failed(slot, error)
    }
    if (result instanceof Promise) {
      result
        .catch(error => failed(slot, error))
        .finally(() => {
          slot.running--
          drain(slot)
        })
    } else {
      slot.running--
    }
  }

  function drain(slot: Slot): void {
    while (slot.running < handlersMax) {
      const next = slot.queue.shift()
      if (!next) break
      slot.bytes -= next.payload.length
      run(slot, next)
    }
    if (!hasRoom(slot)) return
    if (slot.shedding && slot.queue.length < queueMax / 2) {
      slot.shedding = false
      log.info({ filter: slot.filter, dropped: stats.dropped }, 'messages are handled again')
    }
    slot.onRoom?.()
    slot.onRoom = null
  }

  function hasRoom(slot: Slot): boolean {
    return slot.queue.length < queueMax && slot.bytes < queueBytesMax
  }

  function enqueue(slot: Slot, message: BusMessage): void {
    slot.queue.push(message)
    slot.bytes += message.payload.length
    drain(slot)
  }

  function drop(slot: Slot): void {
    stats.dropped++
    if (slot.shedding) return
    slot.shedding = true
    log.warn({ filter: slot.filter }, 'the handler is too slow: messages are dropped')
  }

  async function waitForRoom(slot: Slot, message: BusMessage): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, pauseMsMax)
      const previous = slot.onRoom
      slot.onRoom = () => {
        clearTimeout(timer)
        previous?.()
        resolve()
      }
    })
    if (!slots.has(slot)) return
    if (hasRoom(slot)) enqueue(slot, message)
    else drop(slot)
  }

  return {
    stats,
    filters: () => [...new Set([...slots].map(slot => slot.filter))],
    add(filter, handler) {
      const slot: Slot = {
        filter,
        levels: filterLevels(filter),
        handler,
        queue: [],
        bytes: 0,
        running: 0,
        shedding: false,
        onRoom: null,
      }
      slots.add(slot)
      return slot
    },
    remove(subscription) {
      for (const slot of slots) {
        if (slot !== subscription) continue
        slot.queue.length = 0
        slot.onRoom?.()
        slots.delete(slot)
      }
      return ![...slots].some(slot => slot.filter === subscription.filter)
    },
    deliver(message) {
      stats.received++
      const waits: Promise<void>[] = []
      const levels = message.topic.split('/')
      for (const slot of slots) {
        if (!levelsMatch(slot.levels, message.topic, levels)) continue
        if (hasRoom(slot)) enqueue(slot, message)
        else if (slot.shedding) drop(slot)
        else waits.push(waitForRoom(slot, message))
      }
      return waits.length === 0 ? null : Promise.all(waits).then(() => undefined)
    },
  }
}
