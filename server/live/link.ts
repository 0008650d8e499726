// The connections to Redis: commands fail at once while it is away instead of piling up, a silent
// connection is ended, and both come back by themselves. What the commands mean is not known here.

import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'

const connectMs = 2000
/** A command that is not answered in this time has failed, ms. */
const commandMs = 1000
/** A connection that owes an answer for this long is ended, ms. */
const silenceMs = 3000
const reconnectMsMax = 5000
/** How often a connection is asked whether it is still there, ms. */
const pingMs = 10_000

const OPTIONS = {
  connectTimeout: connectMs,
  commandTimeout: commandMs,
  socketTimeout: silenceMs,
  retryStrategy: attempt => Math.min(100 * 2 ** Math.min(attempt, 10), reconnectMsMax),
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  // RESP2 is spoken by every Redis and everything that calls itself one.
  protocol: 2,
} satisfies RedisOptions

export interface Link {
  readonly ready: boolean
  /** For commands; they reject while it is not ready. */
  readonly redis: Redis
  close(): void
}

/** @param onReady called at each connect */
export function createLink(
  url: string,
  name: string,
  log: Logger,
  onReady: (redis: Redis) => void = () => {},
): Link {
  const redis = new Redis(url, OPTIONS)
  let wasAway = false
  const away = (error: unknown) => {
    if (!wasAway) log.warn({ error: messageOf(error), name }, 'Redis is away: going on without it')
    wasAway = true
  }
  redis.on('error', away)
  redis.on('close', () => away('the connection ended'))
  redis.on('ready', () => {
    if (wasAway) log.info({ name }, 'Redis is there')
    wasAway = false
    onReady(redis)
  })
  const timer = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(away)
  }, pingMs)
  timer.unref()
  return {
    get ready() {
      return redis.status === 'ready'
    },
    redis,
    close() {
      clearInterval(timer)
      wasAway = true
      redis.disconnect()
    },
  }
}
