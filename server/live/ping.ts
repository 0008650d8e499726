// One question to Redis: is it there, does it take us.

import { Redis } from 'ioredis'
import { AppError, messageOf } from '../model/errors.ts'

const waitMs = 5000

/** @throws AppError E_REDIS with what Redis, or the network, said */
export async function pingRedis(url: string): Promise<void> {
  let heard: unknown = null
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: waitMs,
    commandTimeout: waitMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    protocol: 2,
  })
  redis.on('error', error => {
    heard ??= error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (cause) {
    throw new AppError('E_REDIS', messageOf(heard ?? cause), { cause })
  } finally {
    redis.disconnect()
  }
}
