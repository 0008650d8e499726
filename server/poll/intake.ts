// What a new list of targets changes: devices that are new, gone, or configured in another way. What was
// learned of a device stays with it where its config says that it is still the same one.

import type { Target } from '../collectors/collector.ts'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import type { Outlet } from './outlet.ts'
import { createPolled, type Polled } from './polled.ts'
import type { Pool } from './pool.ts'
import type { Schedule } from './schedule.ts'
import { changeBetween, everyMsOf, type Fingerprint, fingerprint } from './targets.ts'

/** Devices that are no longer polled, and remembered. */
const leftMax = 10_000

/** What stays with a device when its config changes. */
type Known = Pick<Target, 'identity' | 'tuning'>

export interface IntakeParts {
  /** By id; what is taken in stands here. */
  polled: Map<string, Polled>
  schedule: Pick<Schedule, 'add' | 'remove'>
  pool: Pick<Pool, 'assign' | 'drop'>
  outlet: Pick<Outlet, 'gap' | 'receipt'>
  pollNow: (id: string) => void
  log: Logger
}

/** The function that takes all targets of this node. */
export function createIntake(parts: IntakeParts): (targets: readonly Target[]) => void {
  const { polled, schedule, pool, outlet, pollNow, log } = parts
  /** Devices that were polled before: one may come back with another address or other profiles. */
  const left = new Map<string, Fingerprint>()

  const put = (target: Target, print: Fingerprint, everyMs: number, before: Polled | undefined) => {
    const { id } = target.config
    const device = before ?? createPolled(target, print, everyMs)
    const fresh = { announce: true, good: false, told: null, silence: null }
    Object.assign(device, { target, print, everyMs, ...fresh })
    polled.set(id, device)
    schedule.add(id, everyMs, Date.now())
    pool.assign(device)
  }

  /** Only what people read of it changed: its reader goes on, and reads at once for the receipt. */
  const describe = (device: Polled, target: Target, print: Fingerprint) => {
    const { identity, tuning = null } = device.target
    // Assigned again only when its thread dies, and then with the new document.
    const known = { ...target, identity, tuning }
    Object.assign(device, { target: known, print, good: false, told: null })
    const nextPollAt = Date.now()
    outlet.receipt(device, { stage: 'loaded', nextPollAt })
    pollNow(device.id)
  }

  /** Who answered before says nothing of another address, and was not asked what other profiles ask. */
  const known = ({ config, identity, tuning = null }: Target, print: Fingerprint): Known => {
    const before = polled.get(config.id)?.print ?? left.get(config.id)
    const isSame = before === undefined || before.identity === print.identity
    return isSame ? { identity, tuning } : { identity: null, tuning: null }
  }

  const applyOne = (target: Target) => {
    const before = polled.get(target.config.id)
    const print = fingerprint(target)
    const change = before ? changeBetween(before.print, print) : 'identity'
    if (change === 'same') return
    if (before && change === 'described') return describe(before, target, print)
    const { identity, tuning = null } =
      change === 'reading' && before ? before.target : known(target, print)
    if (before && change === 'identity') before.groups = [[], []]
    put({ ...target, identity, tuning }, print, everyMsOf(target), before)
    left.delete(target.config.id)
  }

  const take = (device: Polled, paused: boolean) => {
    pool.drop(device)
    schedule.remove(device.id)
    polled.delete(device.id)
    left.set(device.id, device.print)
    const [oldest] = left.keys()
    if (left.size > leftMax && oldest !== undefined) left.delete(oldest)
    if (paused) outlet.gap(device, Date.now(), 'paused', 'polling was paused')
    outlet.receipt(device, { stage: 'removed' })
  }

  return function apply(targets: readonly Target[]): void {
    const wanted = new Map(targets.map(target => [target.config.id, target]))
    for (const device of [...polled.values()]) {
      const target = wanted.get(device.id)
      if (!target?.config.enabled) take(device, target !== undefined)
    }
    for (const target of wanted.values()) {
      if (!target.config.enabled) continue
      try {
        applyOne(target)
      } catch (error) {
        const told = { device: target.config.id, error: messageOf(error) }
        log.error(told, 'a device config could not be taken')
      }
    }
  }
}
