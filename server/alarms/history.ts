// Keeps in which state each device was, from when on, for availability: what judge sees is gathered and
// written every half minute, together with until when it is all that happened. What Pollux could not
// see, because it was off or the broker away, lies outside of these watches.

import { randomUUID } from 'node:crypto'
import type { Logger } from '../log.ts'
import type { DeviceState } from '../model/collection.ts'
import { messageOf } from '../model/errors.ts'
import { type StateChange, type StateStore, stateRenewMs } from '../store/states.ts'

const writeEveryMs = 30_000
/** Sooner where something happened. */
const newsEveryMs = 5000
/** Changes that wait for the store; beyond, nothing is known of the time since it went away. */
const waitingMax = 100_000
/** What was said while the broker was away for less than this comes when it is back. */
const deafMs = 30_000
/** Clocks drift less in half a minute: somebody set ours. */
const clockJumpMs = 5000

export interface StateHistory {
  /** Judge heard of a device: so it is, since then. */
  seen(deviceUid: number, state: DeviceState, at: number): void
  forget(deviceUid: number): void
  /** Time went on; `hearing`: devices could be heard. */
  tick(hearing: boolean): void
  /** Writes what waits. */
  close(): Promise<void>
}

export interface StateHistoryOptions {
  store: Pick<StateStore, 'write'>
  log: Logger
  now?: () => number
  mono?: () => number
}

interface Watch {
  id: string
  from: number
  /** States are said anew from here on. */
  renewedAt: number
}

/** What is to be written in one transaction. */
interface Batch {
  watch: Watch
  changes: StateChange[]
  until: number
}

export function createStateHistory(options: StateHistoryOptions): StateHistory {
  const { store, log, now = Date.now, mono = () => performance.now() } = options
  /** By uid; bounded by the devices that there are. */
  const known = new Map<number, { state: DeviceState; at: number }>()
  let watch: Watch | null = null
  let changes: StateChange[] = []
  let batches: Batch[] = []
  let writtenAt = Number.NEGATIVE_INFINITY
  let heardAt = 0
  /** Wall clock less monotonic clock, ms. */
  let offset = now() - mono()
  let writing: Promise<void> | null = null

  const begin = (): Watch => {
    const from = now()
    heardAt = from
    known.clear()
    return { id: randomUUID(), from, renewedAt: from }
  }
  const seal = (of: Watch, until: number) => {
    batches.push({ watch: of, changes, until: Math.max(of.from, until) })
    changes = []
  }
  const end = () => {
    if (watch) seal(watch, heardAt)
    watch = null
    known.clear()
  }
  const renew = (of: Watch, at: number) => {
    of.renewedAt = at
    for (const [deviceUid, one] of known) {
      if (one.at >= at) continue
      changes.push({ deviceUid, at, state: one.state, until: null })
      one.at = at
    }
  }
  const writeAll = async () => {
    for (let batch = batches[0]; batch; batch = batches[0]) {
      try {
        const { watch: of, until } = batch
        await store.write(batch.changes, { id: of.id, from: of.from, until })
        batches.shift()
      } catch (error) {
        log.debug({ error: messageOf(error) }, 'states of devices are written later')
        forgetOldest()
        return
      }
    }
  }
  /** Too much waits: the watch ends where it was last written, so that no time is told wrongly. */
  const forgetOldest = () => {
    const waiting = batches.reduce((sum, one) => sum + one.changes.length, changes.length)
    if (waiting <= waitingMax && batches.length <= waitingMax / 100) return
    log.warn({ changes: waiting }, 'states of devices were not stored: that time counts as unknown')
    batches = []
    changes = []
    watch = null
    known.clear()
  }
  const flush = (): Promise<void> => {
    writing ??= writeAll().finally(() => {
      writing = null
    })
    return writing
  }

  return {
    seen(deviceUid, state, at) {
      const before = known.get(deviceUid)
      if (before?.state === state) return
      watch ??= begin()
      const time = Math.floor(Math.max(watch.from, Math.min(at, now())))
      // What came late from a spool says better what was: it takes the place of what was guessed.
      const until = before && before.at >= time ? before.at : null
      changes.push({ deviceUid, at: time, state, until })
      known.set(deviceUid, { state, at: time })
    },
    forget: deviceUid => void known.delete(deviceUid),
    tick(hearing) {
      const at = now()
      const jumped = Math.abs(at - mono() - offset) > clockJumpMs
      offset = at - mono()
      if (jumped || (!hearing && at - heardAt >= deafMs)) end()
      if (hearing) {
        watch ??= begin()
        heardAt = at
        if (at - watch.renewedAt >= stateRenewMs) renew(watch, at)
      }
      const everyMs = changes.length > 0 ? newsEveryMs : writeEveryMs
      if (mono() - writtenAt < everyMs || writing !== null) return
      writtenAt = mono()
      if (watch && hearing) seal(watch, at)
      void flush()
    },
    async close() {
      if (watch) seal(watch, heardAt)
      watch = null
      await writing
      await flush()
    },
  }
}
