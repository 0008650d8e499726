// What judge sends out: statuses, retained, and gap marks for the store. Both are tried again while
// the other side is away; of a status only the newest counts.

import type { Bus } from '../bus/contract.ts'
import { statusTopic } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import type { AcceptedCollection } from '../model/accepted.ts'
import type { DeviceStatus } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { SampleStore } from '../store/contract.ts'

/** Statuses under way to the broker at once. */
const publishingMax = 64
/** Gap marks that wait for the store; beyond, the oldest go. */
const marksMax = 100_000
const marksBatchMax = 200

export interface Outlet {
  readonly marksDropped: number
  readonly waiting: number
  /** Null clears what the broker retains. */
  status(id: string, status: DeviceStatus | null): void
  marks(marks: readonly AcceptedCollection[]): void
  /** Sends what waits; called after each change and again from time to time. Never rejects. */
  flush(): Promise<void>
}

export interface OutletOptions {
  bus: Bus
  site: string
  store: Pick<SampleStore, 'write'> | null
  log: Logger
}

export function createOutlet({ bus, site, store, log }: OutletOptions): Outlet {
  const statuses = new Map<string, DeviceStatus | null>()
  let marks: AcceptedCollection[] = []
  let marksDropped = 0
  let flushing: Promise<void> | null = null

  const publish = async (id: string, status: DeviceStatus | null) => {
    try {
      const text = status === null ? '' : JSON.stringify(status)
      await bus.publish(statusTopic(site, id), text, { retain: true, qos: 1 })
    } catch (error) {
      if (!statuses.has(id)) statuses.set(id, status)
      log.debug({ device: id, error: messageOf(error) }, 'a status waits for the broker')
      return false
    }
    return true
  }
  const publishAll = async () => {
    while (statuses.size > 0 && bus.connected) {
      const some = [...statuses].slice(0, publishingMax)
      for (const [id] of some) statuses.delete(id)
      const done = await Promise.all(some.map(([id, status]) => publish(id, status)))
      if (done.includes(false)) return
    }
  }
  const writeAll = async () => {
    while (store && marks.length > 0) {
      const batch = marks.slice(0, marksBatchMax)
      marks = marks.slice(batch.length)
      try {
        await store.write(batch)
      } catch (error) {
        if (error instanceof AppError && error.passing) {
          marks = [...batch, ...marks]
          return
        }
        marksDropped += batch.length
        log.error({ error: messageOf(error) }, 'the store refused gap marks')
      }
    }
  }

  return {
    get marksDropped() {
      return marksDropped
    },
    get waiting() {
      return statuses.size + marks.length
    },
    status(id, status) {
      statuses.set(id, status)
    },
    marks(more) {
      if (!store) return
      const all = [...marks, ...more]
      marks = all.slice(-marksMax)
      marksDropped += all.length - marks.length
    },
    async flush() {
      flushing ??= Promise.all([publishAll(), writeAll()])
        .then(() => {})
        .finally(() => {
          flushing = null
        })
      await flushing
    },
  }
}
