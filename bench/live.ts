// What newest values in Redis cost: CPU of this process and of Redis for each sample, bytes of Redis
// for each series, and the time of a read. Starts a Redis of its own. Prints, judges not.
//   node bench/live.ts [streams] [rounds]

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { createRedisLive } from '../server/live/redis.ts'
import type { AcceptedCollection } from '../server/model/accepted.ts'
import { freePort, startPart } from '../test/parts/find.ts'

const streams = Number(process.argv[2] ?? 2000)
const rounds = Number(process.argv[3] ?? 20)
const [rows, metrics, batch] = [10, 10, 500]
const series = rows * metrics
/** Of /proc's clock. */
const ticksPerSecond = 100

const ROWS = Array.from({ length: rows }, (_, row) => `GigabitEthernet0/${row}`)

/** Rates of five digits, as the profiles publish them; two metrics of ten are small integers. */
function collection(uid: number, at: number): AcceptedCollection {
  const columns = Array.from({ length: metrics }, (_, metric): [string, number[]] => [
    `metric_${metric}_rate`,
    ROWS.map(() =>
      metric < 2 ? Math.floor(Math.random() * 5) : Number((Math.random() * 1e5).toPrecision(5)),
    ),
  ])
  const head = { deviceUid: uid, group: 'interface', at, rows: [...ROWS] }
  return { ...head, metrics: new Map(columns), gaps: new Map(), failed: null }
}

async function cpuSecondsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
}

const dir = await mkdtemp(path.join(os.tmpdir(), 'pollux-bench-'))
const port = await freePort()
const url = `redis://127.0.0.1:${port}`
const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '']
const server = await startPart('redis-server', fixed, async () => {
  const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  probe.on('error', () => {})
  try {
    await probe.connect()
    return true
  } finally {
    probe.disconnect()
  }
})
const admin = new Redis(url)
await once(admin, 'ready')
const live = createRedisLive({ url, site: 'bench', log: pino({ level: 'silent' }) })
while (!live.connected) await sleep(10)

const pid = server.child.pid ?? 0
const empty = await usedMemory(admin)
let [client, redis] = [0, 0]
for (let round = 0; round <= rounds; round++) {
  for (let first = 1; first <= streams; first += batch) {
    const count = Math.min(batch, streams - first + 1)
    const made = Array.from({ length: count }, (_, i) => collection(first + i, 1000 + round))
    const [before, theirs] = [process.cpuUsage(), await cpuSecondsOf(pid)]
    await Promise.all(made.map(one => live.put(one)))
    const used = process.cpuUsage(before)
    // The first round makes the keys and warms up.
    if (round === 0) continue
    client += (used.user + used.system) / 1e6
    redis += (await cpuSecondsOf(pid)) - theirs
  }
}
const samples = streams * series * rounds
const each = (seconds: number) =>
  `${(samples / seconds / 1e6).toFixed(2)} M samples per CPU-second, ${((seconds / samples) * series * 1e6).toFixed(1)} us a collection`
console.log(`${streams} streams x ${series} series, ${rounds} rounds`)
console.log(`this process  ${each(client)}`)
console.log(`Redis         ${each(redis)}`)
const bytes = ((await usedMemory(admin)) - empty) / streams / series
console.log(`memory        ${bytes.toFixed(1)} B a series`)

// As a process that only shows pages reads it: it holds nothing itself.
const reader = createRedisLive({ url, site: 'bench', log: pino({ level: 'silent' }) })
while (!reader.connected) await sleep(10)
const times: number[] = []
let wrong = 0
for (let i = 0; i < 2000; i++) {
  const start = performance.now()
  const { length } = await reader.latest(1 + (i % streams))
  times.push(performance.now() - start)
  if (length !== series) wrong++
}
times.sort((a, b) => a - b)
console.log(`latest()      p50 ${times[1000]?.toFixed(2)} ms, p99 ${times[1980]?.toFixed(2)} ms`)
if (wrong > 0) console.log(`${wrong} reads did not give all values`)
console.log(JSON.stringify(live.stats()))

await reader.close()
await live.close()
admin.disconnect()
await server.stop()
await rm(dir, { recursive: true })
