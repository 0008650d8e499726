// The newest values in Redis, for several processes: a blob for each device and group, a set of each
// device's groups, and a channel for each device. Redis is a cache: when it is away, full or emptied,
// this process's own copy answers. The blob is the writer's whole copy of the group; what another
// process wrote meanwhile is merged first.

import { randomUUID } from 'node:crypto'
import type { Logger } from '../log.ts'
import type { AcceptedCollection } from '../model/accepted.ts'
import { messageOf } from '../model/errors.ts'
import { blobOf, collectionOf, createStamps, decodeBlob, encodeBlob, STAMP_CHARS } from './blob.ts'
import { createChannels } from './channels.ts'
import { type GroupColumns, mergeGroup, samplesOf } from './columns.ts'
import type { Live } from './contract.ts'
import { createLink } from './link.ts'
import { createMemoryLive, groupsPerDeviceMax, type MemoryLiveStats } from './memory.ts'
import { createPut } from './put.ts'

/** Writes that Redis has not answered; beyond, they are skipped. */
const writesInFlightMax = 1000
/** A group that nothing came of for this long goes, and a device's set of groups, ms. */
const keepMs = 7 * 86_400_000
/** How often a group is put down in its device's set again, ms. */
const listEveryMs = 3_600_000
/** Writes of one collection: each but the first because another process wrote meanwhile. */
const attemptsMax = 5

export interface RedisLiveStats extends MemoryLiveStats {
  /** Collections that Redis did not get: away, slow, too large, or too many at once. */
  skipped: number
  /** Collections that Redis had no room for; they were only published. */
  full: number
  /** Reads that this process's own copy answered alone. */
  fallbacks: number
  /** Messages on our channels and blobs under our keys that were not ours, or damaged. */
  foreign: number
}

export interface RedisLive extends Live {
  readonly connected: boolean
  stats(): RedisLiveStats
}

export interface RedisLiveOptions {
  /** `redis://[user:password@]host:port[/db]` or `rediss://…` */
  url: string
  /** Two installations may share one Redis. */
  site: string
  log: Logger
  devicesMax?: number
}

/** What this process believes to lie in Redis of a group. */
interface Written {
  stamp: string | null
  /** When it was put down in the device's set; monotonic ms. */
  listedAt: number
}

export function createRedisLive({ url, site, log, ...memoryOptions }: RedisLiveOptions): RedisLive {
  const memory = createMemoryLive(memoryOptions)
  const counts = { skipped: 0, full: 0, fallbacks: 0, foreign: 0 }
  const prefix = `pollux:${site}:live:`
  const channelOf = (uid: number) => `${prefix}${uid}`
  // In a cluster, what is in braces puts a device's keys side by side.
  const setOf = (uid: number) => `${prefix}{${uid}}`
  const keyOf = (uid: number, group: string) => `${setOf(uid)}:${group}`
  const link = createLink(url, 'values', log)
  const putBlob = createPut(link.redis, keepMs)
  const stamps = createStamps(randomUUID().slice(0, 6))
  const written = new WeakMap<GroupColumns, Written>()
  let inFlight = 0

  const channels = createChannels(url, log, text => {
    const blob = decodeBlob(text)
    if (!blob) counts.foreign++
    else void memory.put(collectionOf(blob))
  })
  const ours = (text: string, uid: number, group: string) => {
    const blob = decodeBlob(text)
    if (blob?.deviceUid === uid && blob.group === group) return blob.columns
    counts.foreign++
    return null
  }

  /** @returns what another process wrote, where that lies there; null: done */
  const send = async (collection: AcceptedCollection, columns: GroupColumns) => {
    const { deviceUid, group } = collection
    const stamp = stamps()
    const blob = encodeBlob({ deviceUid, group, columns }, stamp)
    const message = holdsOnly(columns, collection) ? blob : encodeBlob(blobOf(collection), stamp)
    if (!blob || !message) {
      counts.skipped++
      return null
    }
    const known = written.get(columns)
    const now = performance.now()
    const isListed = known !== undefined && now - known.listedAt < listEveryMs
    // Before it is there: the next write of this group follows at once, in the same connection.
    written.set(columns, { stamp, listedAt: isListed ? known.listedAt : now })
    const keys = { blob: keyOf(deviceUid, group), set: setOf(deviceUid) }
    const where = { keys, group, channel: channelOf(deviceUid), isListed }
    return putBlob({ ...where, known: known?.stamp ?? null, blob, message })
  }
  const sendMerged = async (collection: AcceptedCollection, columns: GroupColumns) => {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const there = await send(collection, columns)
      if (!there) return
      const stamp = there.slice(0, STAMP_CHARS)
      written.set(columns, { stamp, listedAt: Number.NEGATIVE_INFINITY })
      const theirs = ours(there, collection.deviceUid, collection.group)
      if (!theirs) continue
      mergeGroup(columns, theirs)
      // The others have newer already.
      if (theirs.at > collection.at) return
    }
    counts.skipped++
  }
  const write = async (collection: AcceptedCollection, columns: GroupColumns) => {
    if (!link.ready || inFlight >= writesInFlightMax) {
      counts.skipped++
      return
    }
    inFlight++
    try {
      await sendMerged(collection, columns)
    } catch (error) {
      if (!messageOf(error).includes('OOM')) counts.skipped++
      else {
        // Publishing takes no room, so the other processes still hear of it.
        counts.full++
        const message = encodeBlob(blobOf(collection), stamps())
        if (message)
          await link.redis.publish(channelOf(collection.deviceUid), message).catch(() => {})
      }
    } finally {
      inFlight--
    }
  }

  const read = async (uid: number): Promise<Map<string, GroupColumns>> => {
    const groups = new Map(memory.groups(uid))
    const listed = (await link.redis.smembers(setOf(uid))).slice(0, groupsPerDeviceMax)
    const names = [...new Set([...groups.keys(), ...listed])]
    if (names.length === 0) return groups
    const blobs = await link.redis.mget(names.map(name => keyOf(uid, name)))
    for (const [i, name] of names.entries()) {
      const text = blobs[i]
      const own = groups.get(name)
      // What this process wrote itself holds nothing that it does not know.
      if (!text || (own && isStamped(text, written.get(own)?.stamp))) continue
      const columns = ours(text, uid, name)
      if (!columns) continue
      if (own) mergeGroup(columns, own)
      groups.set(name, columns)
    }
    return groups
  }
  const forgetThere = async (uid: number, own: readonly string[]) => {
    const names = new Set([...own, ...(await link.redis.smembers(setOf(uid)))])
    await link.redis.del(setOf(uid), ...[...names].map(name => keyOf(uid, name)))
  }

  return {
    get connected() {
      return link.ready
    },
    async put(collection) {
      const columns = memory.take(collection)
      if (columns) await write(collection, columns)
    },
    async latest(deviceUid) {
      try {
        if (!link.ready) throw new Error('away')
        const groups = await read(deviceUid)
        return [...groups].flatMap(([name, columns]) => samplesOf(name, columns))
      } catch {
        counts.fallbacks++
        return memory.latest(deviceUid)
      }
    },
    subscribe(deviceUid, listener) {
      const stopLocal = memory.subscribe(deviceUid, listener)
      const isAll = deviceUid === 'all'
      const stopRemote = channels.listen(isAll ? `${prefix}*` : channelOf(deviceUid), isAll)
      return () => {
        stopLocal()
        stopRemote()
      }
    },
    async forget(deviceUid) {
      const own = [...memory.groups(deviceUid).keys()]
      await memory.forget(deviceUid)
      // What stays because Redis is away goes when its time is over.
      if (link.ready) await forgetThere(deviceUid, own).catch(() => {})
    },
    async close() {
      link.close()
      channels.close()
      await memory.close()
    },
    stats: () => ({ ...memory.stats(), ...counts }),
  }
}

/** Whether the group is this collection and nothing else: then one blob says both. */
function holdsOnly({ columns, failed }: GroupColumns, collection: AcceptedCollection): boolean {
  const { metrics, part, some } = collection
  if (failed || part !== undefined || some || columns.size !== metrics.size) return false
  return [...columns].every(([name, { values }]) => values === metrics.get(name))
}

function isStamped(text: string, stamp: string | null | undefined): boolean {
  return stamp ? text.startsWith(stamp) : false
}
