// A private redis-server for a test, or a database of the one that POLLUX_TEST_REDIS_URL names.

import { Redis } from 'ioredis'
import { freePort, program, startPart, type Teardown, tempDir, until } from './find.ts'

export interface RedisPart {
  url: string
  /** A connection of the test's own. */
  admin: Redis
  /** Null where the Redis is not ours to stop. */
  server: {
    stop(signal?: NodeJS.Signals): Promise<void>
    /** Again on the same port, empty. */
    start(): Promise<void>
    pid(): number
  } | null
}

/** A running Redis, stopped after the test. `args` are added to redis-server's. */
export async function startRedis(t: Teardown, args: readonly string[] = []): Promise<RedisPart> {
  const given = process.env.POLLUX_TEST_REDIS_URL
  if (given && args.length === 0) {
    const admin = await connect(t, given)
    await admin.flushdb()
    return { url: given, admin, server: null }
  }
  return startPrivateRedis(t, args)
}

/** As `startRedis`, but always ours: for tests that stop it or fill it. */
export async function startPrivateRedis(
  t: Teardown,
  args: readonly string[] = [],
): Promise<RedisPart & { server: NonNullable<RedisPart['server']> }> {
  const binary = await program('redis-server', 'redis-server')
  const port = await freePort()
  const dir = await tempDir(t)
  const url = `redis://127.0.0.1:${port}`
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir]
  const run = () =>
    startPart(binary, [...fixed, '--save', '', '--appendonly', 'no', ...args], () => answers(url))
  let part = await run()
  t.teardown(() => part.stop('SIGKILL'))
  const server = {
    stop: (signal?: NodeJS.Signals) => part.stop(signal),
    async start() {
      part = await run()
    },
    pid: () => part.child.pid ?? 0,
  }
  return { url, admin: await connect(t, url), server }
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return (await redis.ping()) === 'PONG'
  } finally {
    redis.disconnect()
  }
}

async function connect(t: Teardown, url: string): Promise<Redis> {
  const redis = new Redis(url, { retryStrategy: () => 100 })
  redis.on('error', () => {})
  t.teardown(async () => redis.disconnect())
  await until(() => redis.status === 'ready', `Redis at ${url}`)
  return redis
}
