// A real SQLite store for the tests of ingest, and a door in front of it that can be shut, slowed
// down or made to choke.

import path from 'node:path'
import { AppError } from '../../server/model/errors.ts'
import type { EventStore, SampleStore, Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { type Teardown, tempDir } from '../parts/find.ts'
import { silent } from './messages.ts'

export async function sqlite(t: Teardown): Promise<Store> {
  const dir = await tempDir(t)
  const store = await openStore({ url: `sqlite:${path.join(dir, 'p.db')}`, log: silent })
  t.teardown(() => store.close())
  return store
}

/** Adds a device; gives its uid. */
export async function addDevice(store: Store, id: string): Promise<number> {
  const config = {
    ...{ id, name: id, kind: 'snmp' as const, address: '192.0.2.1', profiles: ['auto'] },
    ...{ every: '60s', timeout: '2s', retries: 1, enabled: true },
  }
  return (await store.devices.create(config, 'api', 1)).uid
}

export interface Door {
  samples: Pick<SampleStore, 'write' | 'writeRows'>
  events: Pick<EventStore, 'write'>
  neighbours: Pick<Store['neighbours'], 'write'>
  /** Every call fails with this while it is set. */
  error: AppError | null
  /** Calls wait here while it is set. */
  hold: Promise<void> | null
  /** A batch that holds such a collection fails. */
  poison: ((at: number) => boolean) | null
  /** Collections in each call that came through. */
  batches: number[]
}

export const unavailable = () =>
  new AppError('E_STORE_UNAVAILABLE', 'connection refused', { passing: true })

export function door(store: Store): Door {
  const opened: Door = {
    ...{ error: null, hold: null, poison: null, batches: [] },
    samples: {
      async write(batch) {
        if (opened.hold) await opened.hold
        if (opened.error) throw opened.error
        if (opened.poison && batch.some(({ at }) => opened.poison?.(at))) {
          throw new AppError('E_STORE_FAILED', 'the database refused: poison')
        }
        opened.batches.push(batch.length)
        return store.samples.write(batch)
      },
      async writeRows(...rows) {
        if (opened.hold) await opened.hold
        if (opened.error) throw opened.error
        return store.samples.writeRows(...rows)
      },
    },
    events: {
      async write(batch) {
        if (opened.hold) await opened.hold
        if (opened.error) throw opened.error
        return store.events.write(batch)
      },
    },
    neighbours: {
      async write(read) {
        if (opened.hold) await opened.hold
        if (opened.error) throw opened.error
        return store.neighbours.write(read)
      },
    },
  }
  return opened
}
