// The newest values in this process's memory: the default, and the copy that the Redis one falls
// back to. Nothing here outlives the process.

import type { AcceptedCollection } from '../model/accepted.ts'
import { applyCollection, emptyGroup, type GroupColumns, samplesOf } from './columns.ts'
import type { Live } from './contract.ts'

/** Devices held; beyond, the one whose last collection is oldest goes. */
const devicesMax = 100_000
/** Groups of a device; beyond, a new one is not taken. */
export const groupsPerDeviceMax = 512

type Listener = (collection: AcceptedCollection) => void

export interface MemoryLiveStats {
  devices: number
  /** Devices that went because of the bound. */
  evicted: number
  /** Collections that were not taken: older than what is here, or of one group too many. */
  ignored: number
  listenerErrors: number
}

export interface MemoryLive extends Live {
  /** As `put`. @returns what the group holds now; null where the collection brought nothing new */
  take(collection: AcceptedCollection): GroupColumns | null
  /** The groups of a device as they are; only newer values may be merged into them. */
  groups(deviceUid: number): ReadonlyMap<string, GroupColumns>
  stats(): MemoryLiveStats
}

export function createMemoryLive(options: { devicesMax?: number } = {}): MemoryLive {
  const most = options.devicesMax ?? devicesMax
  const devices = new Map<number, Map<string, GroupColumns>>()
  const listeners = new Map<number | 'all', Set<Listener>>()
  const counts = { evicted: 0, ignored: 0, listenerErrors: 0 }

  const evict = () => {
    const [oldest] = devices.keys()
    if (oldest === undefined) return
    devices.delete(oldest)
    counts.evicted++
  }
  const hold = (collection: AcceptedCollection): GroupColumns | null => {
    const { deviceUid, group } = collection
    const groups = devices.get(deviceUid) ?? new Map<string, GroupColumns>()
    if (!groups.has(group) && groups.size >= groupsPerDeviceMax) return null
    const columns = groups.get(group) ?? emptyGroup()
    if (!applyCollection(columns, collection)) return null
    groups.set(group, columns)
    devices.delete(deviceUid)
    devices.set(deviceUid, groups)
    if (devices.size > most) evict()
    return columns
  }
  const tell = (collection: AcceptedCollection) => {
    for (const key of [collection.deviceUid, 'all'] as const) {
      for (const listener of listeners.get(key) ?? []) {
        try {
          listener(collection)
        } catch {
          counts.listenerErrors++
        }
      }
    }
  }

  const take = (collection: AcceptedCollection): GroupColumns | null => {
    const columns = hold(collection)
    if (columns) tell(collection)
    else counts.ignored++
    return columns
  }

  return {
    async put(collection) {
      take(collection)
    },
    take,
    async latest(deviceUid) {
      const groups = devices.get(deviceUid) ?? []
      return [...groups].flatMap(([name, columns]) => samplesOf(name, columns))
    },
    subscribe(deviceUid, listener) {
      const of = listeners.get(deviceUid) ?? new Set()
      listeners.set(deviceUid, of)
      of.add(listener)
      return () => {
        of.delete(listener)
        if (of.size === 0 && listeners.get(deviceUid) === of) listeners.delete(deviceUid)
      }
    },
    async forget(deviceUid) {
      devices.delete(deviceUid)
    },
    async close() {
      devices.clear()
      listeners.clear()
    },
    groups: deviceUid => devices.get(deviceUid) ?? new Map(),
    stats: () => ({ devices: devices.size, ...counts }),
  }
}
