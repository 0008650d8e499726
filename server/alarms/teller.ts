// Turns what judge hears into events: states of devices, restarts, and what happens to rows. One
// process makes them, so each is made once.

import type { AcceptedCollection, KnownDevice } from '../model/accepted.ts'
import type { DeviceStatus } from '../model/collection.ts'
import type { EventBody } from '../model/event.ts'
import { restartEvent, statusEvent, type Uptime } from './happened.ts'
import { type RowMemory, type WatchedGroup, watchRows } from './rowwatch.ts'

/** Rows that are watched, over all devices; tables beyond are not. */
const rowsMax = 1_000_000
/** Groups of one device, a part of a split collection counting as one. */
const groupsPerDeviceMax = 256

/** What of a group makes events; null: nothing. */
export interface Watch {
  table: WatchedGroup | null
  /** The metric that says for how long the device runs, s. */
  uptime: string | null
}

export interface TellerOptions {
  /** Asked for each collection: must answer from memory. */
  watch(device: KnownDevice, group: string): Watch | null
  tell(device: KnownDevice, event: EventBody): void
}

export interface EventTeller {
  status(device: KnownDevice, before: DeviceStatus, after: DeviceStatus): void
  /** Every accepted collection, in the order in which they come. */
  collection(device: KnownDevice, collection: AcceptedCollection): void
  /** The device is gone. */
  forget(deviceId: string): void
}

interface Known {
  uid: number
  groups: Map<string, RowMemory>
  uptimes: Map<string, Uptime>
}

export function createEventTeller({ watch, tell }: TellerOptions): EventTeller {
  const devices = new Map<string, Known>()
  let rows = 0

  const forget = (id: string) => {
    for (const memory of devices.get(id)?.groups.values() ?? []) rows -= memory.rows.length
    devices.delete(id)
  }
  const knownOf = ({ id, uid }: KnownDevice): Known => {
    const known = devices.get(id)
    if (known?.uid === uid) return known
    forget(id)
    const created = { uid, groups: new Map(), uptimes: new Map() }
    devices.set(id, created)
    return created
  }
  const table = (device: KnownDevice, group: WatchedGroup, collection: AcceptedCollection) => {
    const { groups } = knownOf(device)
    const key = `${collection.group} ${collection.part ?? ''}`
    const before = groups.get(key) ?? null
    const more = (collection.rows?.length ?? 0) - (before?.rows.length ?? 0)
    if (rows + more > rowsMax || (!before && groups.size >= groupsPerDeviceMax)) return
    const { events, memory } = watchRows(group, before, collection)
    if (memory && memory !== before) {
      groups.set(key, memory)
      rows += more
    }
    for (const event of events) tell(device, event)
  }
  const uptime = (
    device: KnownDevice,
    metric: string,
    { group, at, metrics }: AcceptedCollection,
  ) => {
    const value = metrics.get(metric)?.[0]
    if (typeof value !== 'number') return
    const { uptimes } = knownOf(device)
    const before = uptimes.get(group)
    if (before && at <= before.at) return
    if (!before && uptimes.size >= groupsPerDeviceMax) return
    uptimes.set(group, { at, value })
    const event = before && restartEvent(before, { at, value })
    if (event) tell(device, event)
  }
  return {
    status(device, before, after) {
      const event = statusEvent(before, after)
      if (event) tell(device, event)
    },
    collection(device, collection) {
      const watched = watch(device, collection.group)
      if (!watched || collection.failed !== null) return
      if (collection.rows === null) {
        if (watched.uptime !== null) uptime(device, watched.uptime, collection)
      } else if (watched.table) table(device, watched.table, collection)
    },
    forget,
  }
}
