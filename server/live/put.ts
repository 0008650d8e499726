// Blobs to Redis, those of one turn of the event loop in one round trip: each is written where what
// lies there is what the writer knows, so that no process overwrites what another has heard and this
// one has not.

import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { messageOf } from '../model/errors.ts'
import { FORMAT, STAMP_CHARS } from './blob.ts'

/** Blobs of one round trip, and their characters: Redis does nothing else meanwhile. */
const batchMax = 50
const batchCharsMax = 1024 * 1024

/**
 * KEYS, for each: the blob, the set of the device's groups. ARGV: ms to keep, and for each: the known
 * stamp, the blob, the message (empty: the blob), group, channel, '1' where the group is to be put down
 * in the set. A key of another type, of another format or older is as good as none. Gives for each the
 * blob that lies there where it is another's, else 1.
 */
const PUT = `
local answers = {}
for i = 1, #KEYS / 2 do
  local key, set, base = KEYS[2 * i - 1], KEYS[2 * i], 6 * i - 5
  local known, blob, message = ARGV[base + 1], ARGV[base + 2], ARGV[base + 3]
  local there = redis.pcall('GETRANGE', key, 0, ${STAMP_CHARS - 1})
  if type(there) == 'table' then
    redis.call('DEL', key)
    there = ''
  end
  local isOurs = string.sub(there, 1, ${FORMAT.length}) == '${FORMAT}'
  if isOurs and there ~= known then
    answers[i] = redis.call('GET', key)
  else
    redis.call('SET', key, blob, 'PX', ARGV[1])
    if not isOurs or ARGV[base + 6] == '1' then
      if type(redis.pcall('SADD', set, ARGV[base + 4])) == 'table' then
        redis.call('DEL', set)
        redis.call('SADD', set, ARGV[base + 4])
      end
      redis.call('PEXPIRE', set, ARGV[1])
    end
    redis.call('PUBLISH', ARGV[base + 5], message == '' and blob or message)
    answers[i] = 1
  end
end
return answers`
const SHA1 = createHash('sha1').update(PUT).digest('hex')

export interface Put {
  keys: { blob: string; set: string }
  group: string
  channel: string
  /** Whether the device's set has this group, as far as is known. */
  isListed: boolean
  /** What the writer last wrote or read there. */
  known: string | null
  blob: string
  /** To the channel; the blob itself where that says the same. */
  message: string
}

interface Waiting {
  put: Put
  resolve: (there: string | null) => void
  reject: (error: unknown) => void
}

/** @returns a function that gives the blob which lies there, where another process wrote it, else null */
export function createPut(redis: Redis, keepMs: number): (put: Put) => Promise<string | null> {
  let waiting: Waiting[] = []
  let chars = 0

  const run = async (puts: readonly Put[]): Promise<unknown> => {
    const keys = puts.flatMap(put => [put.keys.blob, put.keys.set])
    const args = puts.flatMap(({ known, blob, message, group, channel, isListed }) => {
      const told = message === blob ? '' : message
      return [known ?? '', blob, told, group, channel, isListed ? '' : '1']
    })
    const all = [...keys, keepMs, ...args]
    return redis.evalsha(SHA1, keys.length, ...all).catch(error => {
      // It was started or emptied since.
      if (messageOf(error).includes('NOSCRIPT')) return redis.eval(PUT, keys.length, ...all)
      throw error
    })
  }
  const flush = async () => {
    const batch = waiting
    waiting = []
    chars = 0
    try {
      const answers = await run(batch.map(({ put }) => put))
      const list: unknown[] = Array.isArray(answers) ? answers : []
      for (const [i, { resolve }] of batch.entries()) {
        const there = list[i]
        resolve(typeof there === 'string' ? there : null)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return put =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => waiting.length > 0 && void flush())
      waiting.push({ put, resolve, reject })
      chars += put.blob.length + put.message.length
      if (waiting.length >= batchMax || chars > batchCharsMax) void flush()
    })
}
