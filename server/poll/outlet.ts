// What the poller gives on of its devices: collections, gaps and receipts. Whoever takes them may
// fail: that is logged, and never ends a read.

import type { FailedBody } from '../collectors/collector.ts'
import type { Logger } from '../log.ts'
import type { Receipt } from '../model/collection.ts'
import type { DeviceTuning } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import { type Polled, usualGroups } from './polled.ts'
import type { Channel, CollectedMessage } from './protocol.ts'

const errorCharsMax = 1024

export interface OutletOptions {
  node: string
  onCollection(
    topicParts: { device: string; group: string; channel: Channel },
    body: Uint8Array,
  ): void
  onReceipt(device: string, receipt: Receipt): void
  /** What was learned of a device, to be given back as `Target.tuning` after a restart. */
  onTuning?(device: string, tuning: DeviceTuning): void
  log: Logger
}

export interface Outlet {
  receipt(device: Polled, rest: Pick<Receipt, 'stage'> & Partial<Receipt>): void
  /** The receipt of a read or a reader that failed; the same error is told once. */
  failed(device: Polled, error: string): void
  /** The receipt of a read that ended, where it is news. */
  outcome(device: Polled, message: CollectedMessage): void
  collection(device: Polled, group: string, channel: Channel, body: Uint8Array): void
  /** What was learned goes with the device from now on. */
  tuning(device: Polled, tuning: DeviceTuning): void
  /** The gap of a slot without a read, for the groups that a slot usually reads. */
  gap(device: Polled, at: number, reason: GapReason, error: string): void
}

export function createOutlet(options: OutletOptions): Outlet {
  const { node, log } = options

  const outlet: Outlet = {
    receipt(device, rest) {
      const { version } = device.target
      const thread = device.thread === null ? {} : { thread: device.thread }
      try {
        options.onReceipt(device.id, { at: Date.now(), version, node, ...thread, ...rest })
      } catch (error) {
        log.error({ device: device.id, error: messageOf(error) }, 'a receipt could not be given on')
      }
    },
    failed(device, error) {
      if (device.told === error) return
      device.told = error
      outlet.receipt(device, { stage: 'failed', error: error.slice(0, errorCharsMax) })
    },
    outcome(device, { outcome, error, reason }) {
      if (outcome === 'failed') {
        outlet.failed(device, error ?? reason ?? 'the read gave nothing')
      } else if (outcome === 'good') {
        device.told = null
        if (!device.good) outlet.receipt(device, { stage: 'first-good' })
        device.good = true
      }
    },
    collection(device, group, channel, body) {
      try {
        options.onCollection({ device: device.id, group, channel }, body)
      } catch (error) {
        const told = { device: device.id, group, error: messageOf(error) }
        log.error(told, 'a collection could not be given on')
      }
    },
    tuning(device, tuning) {
      device.target.tuning = tuning
      try {
        options.onTuning?.(device.id, tuning)
      } catch (error) {
        const told = { device: device.id, error: messageOf(error) }
        log.error(told, 'what was learned of a device could not be given on')
      }
    },
    gap(device, at, reason, error) {
      const body: FailedBody = { at, took: 0, ok: false, reason, error }
      const bytes = Buffer.from(JSON.stringify(body))
      for (const group of usualGroups(device)) outlet.collection(device, group, 'samples', bytes)
    },
  }
  return outlet
}
