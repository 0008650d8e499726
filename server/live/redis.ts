// The newest values in Redis, for several processes: a hash for each device with the newest
// collection of each group and set of metrics, and a channel for each device. Redis is a cache: when
// it is away, full or emptied, this process's own copy answers.

import { createHash } from 'node:crypto'
import type { Logger } from '../log.ts'
import type { AcceptedCollection } from '../model/accepted.ts'
import { messageOf } from '../model/errors.ts'
import { createChannels } from './channels.ts'
import { applyCollection, emptyGroup, type GroupColumns, mergeGroup, samplesOf } from './columns.ts'
import type { Live } from './contract.ts'
import { createLink } from './link.ts'
import { createMemoryLive, type MemoryLiveStats } from './memory.ts'
import { decodeCollection, encodeCollection } from './message.ts'

/** Characters of one collection; a larger one stays in this process. */
const bodyCharsMax = 4 * 1024 * 1024
/** Fields of one device's hash; beyond, it starts anew. */
const fieldsMax = 1024
/** Writes that Redis has not answered; beyond, they are skipped. */
const writesInFlightMax = 1000
/** A device that nothing came of for this long goes, ms. */
const keepMs = 7 * 86_400_000

/**
 * One round trip: an older collection than the newest of its group changes nothing.
 * KEYS: the device's hash. ARGV: group, at, set of metrics, body, ms to keep, fields, channel.
 */
const PUT = `
local newest = redis.call('HGET', KEYS[1], 'at|' .. ARGV[1])
if newest and tonumber(newest) > tonumber(ARGV[2]) then return 0 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'at|' .. ARGV[1], ARGV[2], 'c|' .. ARGV[1] .. '|' .. ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PUBLISH', ARGV[7], ARGV[4])
return 1`

export interface RedisLiveStats extends MemoryLiveStats {
  /** Collections that Redis did not get: away, slow, or too many at once. */
  skipped: number
  /** Collections that Redis had no room for; they were only published. */
  full: number
  /** Reads that this process's own copy answered alone. */
  fallbacks: number
  /** Messages on our channels and fields in our hashes that were not ours. */
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

export function createRedisLive({ url, site, log, ...memoryOptions }: RedisLiveOptions): RedisLive {
  const memory = createMemoryLive(memoryOptions)
  const counts = { skipped: 0, full: 0, fallbacks: 0, foreign: 0 }
  const prefix = `pollux:${site}:live:`
  const keyOf = (uid: number) => `${prefix}${uid}`
  const link = createLink(url, 'values', log)
  let inFlight = 0

  const channels = createChannels(url, log, text => {
    const collection = text.length > bodyCharsMax ? null : decodeCollection(text)
    if (!collection) counts.foreign++
    else void memory.put(collection)
  })

  const write = async (collection: AcceptedCollection) => {
    const key = keyOf(collection.deviceUid)
    const body = encodeCollection(collection)
    if (!link.ready || inFlight >= writesInFlightMax || body.length > bodyCharsMax) {
      counts.skipped++
      return
    }
    inFlight++
    try {
      const { group, at } = collection
      const args = [group, at, metricSetOf(collection), body, keepMs, fieldsMax, key]
      await link.redis.eval(PUT, 1, key, ...args)
    } catch (error) {
      if (!messageOf(error).includes('OOM')) counts.skipped++
      else {
        // Publishing takes no room, so the other processes still hear of it.
        counts.full++
        await link.redis.publish(key, body).catch(() => {})
      }
    } finally {
      inFlight--
    }
  }
  const read = async (uid: number): Promise<Map<string, GroupColumns>> => {
    const groups = new Map<string, GroupColumns>()
    const collections: AcceptedCollection[] = []
    for (const [field, body] of Object.entries(await link.redis.hgetall(keyOf(uid)))) {
      if (!field.startsWith('c|')) continue
      const collection = body.length > bodyCharsMax ? null : decodeCollection(body)
      if (collection) collections.push(collection)
      else counts.foreign++
    }
    for (const collection of collections.sort((a, b) => a.at - b.at)) {
      const columns = groups.get(collection.group) ?? emptyGroup()
      groups.set(collection.group, columns)
      applyCollection(columns, collection)
    }
    return groups
  }

  return {
    get connected() {
      return link.ready
    },
    async put(collection) {
      await Promise.all([memory.put(collection), write(collection)])
    },
    async latest(deviceUid) {
      try {
        if (!link.ready) throw new Error('away')
        const groups = await read(deviceUid)
        for (const [name, columns] of memory.groups(deviceUid)) {
          const merged = groups.get(name) ?? emptyGroup()
          groups.set(name, merged)
          mergeGroup(merged, columns)
        }
        return [...groups].flatMap(([name, columns]) => samplesOf(name, columns))
      } catch {
        counts.fallbacks++
        return memory.latest(deviceUid)
      }
    },
    subscribe(deviceUid, listener) {
      const stopLocal = memory.subscribe(deviceUid, listener)
      const isAll = deviceUid === 'all'
      const stopRemote = channels.listen(isAll ? `${prefix}*` : keyOf(deviceUid), isAll)
      return () => {
        stopLocal()
        stopRemote()
      }
    },
    async forget(deviceUid) {
      await memory.forget(deviceUid)
      if (link.ready) await link.redis.del(keyOf(deviceUid)).catch(() => {})
    },
    async close() {
      link.close()
      channels.close()
      await memory.close()
    },
    stats: () => ({ ...memory.stats(), ...counts }),
  }
}

/**
 * Collections of the same metrics replace each other; one with other metrics, or another part, lies
 * beside them, and so do others of a group that comes row by row.
 */
function metricSetOf({ metrics, rows, failed, part, some }: AcceptedCollection): string {
  if (failed !== null) return 'failed'
  const names = [...metrics.keys()].sort().join(',') + (some ? `|${rows?.join()}` : '')
  const set = createHash('sha1').update(names).digest('base64url').slice(0, 11)
  return part === undefined ? set : `${set}.${part}`
}
