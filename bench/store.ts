// What the store costs and how fast it answers: samples per CPU-second (this process and MariaDB's) from
// a batch of collections to blocks, bytes per sample at rest, and charts of 10 series over a day, a month
// and a year. `node bench/store.ts [sqlite|mariadb] [devices] [days]`; not a test.

import { stat } from 'node:fs/promises'
import path from 'node:path'
import { pino } from 'pino'
import type { AcceptedCollection } from '../server/model/accepted.ts'
import type { Store } from '../server/store/contract.ts'
import { openStore } from '../server/store/open.ts'
import { tempDir } from '../test/parts/find.ts'
import { rawRows, startMariaDb } from '../test/parts/mariadb.ts'
import { cpuSecondsOf } from './snmp/measure.ts'
import { deviceOf, METRICS, ROWS, SERIES } from './store-mix.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Collections in one batch, as ingest makes them. */
const BATCH = 200
/** A Thursday. */
const T0 = Date.UTC(2026, 0, 1)
const TIERS = ['block', 'r15m', 'r1h', 'daily_value', 'poll'] as const

const ends: (() => unknown)[] = []
const t = { teardown: (fn: () => unknown) => ends.push(fn) }
const log = pino({ level: 'warn' })
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Bench {
  name: string
  store: Store
  /** Bytes on disk by kind of table; null: only the whole is known. */
  sizes(): Promise<Record<string, number>>
  serverCpu(): Promise<number>
}

interface Cost {
  client: number
  server: number
}

async function openSqlite(): Promise<Bench> {
  const file = path.join(await tempDir(t), 'bench.db')
  const store = await openStore({ url: `sqlite:${file}`, log })
  return {
    ...{ name: 'sqlite', store },
    sizes: async () => ({ file: (await stat(file)).size }),
    serverCpu: async () => 0,
  }
}

async function openMariaDb(): Promise<Bench> {
  const server = await startMariaDb(t, { durable: true })
  const url = await server.createDatabase()
  const store = await openStore({ url, log })
  return {
    ...{ name: 'mariadb', store },
    async sizes() {
      // Pages in use: a file is larger by what InnoDB takes ahead, some MB for each partition.
      const rows = await rawRows(
        url,
        `select table_name as name, sum(data_length + index_length) as bytes
          from information_schema.partitions where table_schema = database() group by table_name`,
      )
      const sizes: Record<string, number> = {}
      for (const { name, bytes } of rows) {
        const tier = TIERS.find(one => String(name).startsWith(one)) ?? 'rest'
        sizes[tier] = (sizes[tier] ?? 0) + Number(bytes)
      }
      return sizes
    },
    serverCpu: () => cpuSecondsOf(server.pid ?? 0),
  }
}

/** Runs `work` and adds what it cost to `cost`. */
async function counted(bench: Bench, cost: Cost, work: () => Promise<unknown>): Promise<void> {
  const before = process.cpuUsage()
  const serverBefore = await bench.serverCpu()
  await work()
  const used = process.cpuUsage(before)
  cost.client += (used.user + used.system) / 1e6
  cost.server += (await bench.serverCpu()) - serverBefore
}

const seconds = (bench: Bench, { client, server }: Cost, samples: number) => {
  const million = samples / 1e6
  const parts = bench.name === 'sqlite' ? '' : ` + server ${(server / million).toFixed(3)}`
  const rate = (million / (client + server)).toFixed(2)
  return `${rate} M samples per CPU-s (client ${(client / million).toFixed(3)}${parts} CPU-s per M)`
}

/** Steps until nothing is left to do at that time. @returns the longest step, ms */
async function maintain({ store }: Bench, now: number): Promise<number> {
  let longest = 0
  for (;;) {
    const began = performance.now()
    if ((await store.maintenance.step(now)) === 'idle') return longest
    longest = Math.max(longest, performance.now() - began)
  }
}

async function makeDevices(store: Store, count: number): Promise<number[]> {
  const uids: number[] = []
  for (let index = 0; index < count; index++) {
    const id = `dev-${index}`
    const config = {
      ...{ id, name: id, kind: 'snmp' as const, profiles: ['auto'], every: '60s' },
      ...{ timeout: '2s', retries: 1, enabled: true },
    }
    uids.push((await store.devices.create(config, 'api', 0)).uid)
  }
  return uids
}

/** The load: every device once a minute; every four hours what is closed is compacted. */
async function load(bench: Bench, uids: readonly number[], days: number): Promise<void> {
  const { store } = bench
  const devices = uids.map(deviceOf)
  await store.samples.write(devices.map(next => next(T0)))
  const writing: Cost = { client: 0, server: 0 }
  const compacting: Cost = { client: 0, server: 0 }
  let longest = 0
  for (let hour = 0; hour < days * 24; hour += 4) {
    const began = T0 + hour * HOUR
    for (let minute = hour === 0 ? 1 : 0; minute < 240; minute += 20) {
      const batches = batchesOf(devices, began + minute * MINUTE, Math.min(20, 240 - minute))
      await counted(bench, writing, async () => {
        for (const batch of batches) await store.samples.write(batch)
      })
    }
    await counted(bench, compacting, async () => {
      longest = Math.max(longest, await maintain(bench, began + 4 * HOUR + 3 * MINUTE))
    })
  }
  for (const later of [1, 8, 9]) {
    await counted(bench, compacting, () => maintain(bench, T0 + (days + later) * DAY))
  }
  const samples = uids.length * SERIES * days * 1440
  say(
    `${bench.name}: ${uids.length} devices, ${SERIES} series each, ${days} days: ${samples} samples`,
  )
  say(`  write: ${seconds(bench, writing, samples)}`)
  say(`  compaction and roll-ups: ${seconds(bench, compacting, samples)}`)
  const both = {
    client: writing.client + compacting.client,
    server: writing.server + compacting.server,
  }
  say(`  together: ${seconds(bench, both, samples)}; longest step ${longest.toFixed(0)} ms`)
  await sayBytes(bench, samples)
}

function batchesOf(
  devices: readonly ((at: number) => AcceptedCollection)[],
  from: number,
  minutes: number,
): AcceptedCollection[][] {
  const collections = Array.from({ length: minutes }, (_, minute) =>
    devices.map(next => next(from + minute * MINUTE)),
  ).flat()
  return Array.from({ length: Math.ceil(collections.length / BATCH) }, (_, index) =>
    collections.slice(index * BATCH, (index + 1) * BATCH),
  )
}

async function sayBytes(bench: Bench, samples: number): Promise<void> {
  const sizes = Object.entries(await bench.sizes())
  const each = sizes.map(([kind, bytes]) => `${kind} ${(bytes / samples).toFixed(2)}`).join(', ')
  const all = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  say(`  at rest on disk: ${(all / samples).toFixed(2)} bytes per sample (${each})`)
}

const quantile = (sorted: readonly number[], q: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1)

async function chart(
  { store }: Bench,
  what: string,
  uids: readonly number[],
  to: number,
  span: number,
) {
  const took: number[] = []
  let points = 0
  for (let index = 0; index < 200; index++) {
    const began = performance.now()
    const read = await store.samples.read({
      ...{
        deviceUid: uids[index % uids.length] ?? 0,
        group: 'interface',
        metrics: [`m${index % 10}`],
      },
      ...{ rows: ROWS, from: to - span, to: to - 1, points: 500 },
    })
    took.push(performance.now() - began)
    points = read.reduce((sum, one) => sum + one.points.length, 0)
  }
  took.sort((a, b) => a - b)
  say(
    `  chart ${what}, 10 series, ${points} points: p50 ${quantile(took, 0.5)}, p99 ${quantile(took, 0.99)} ms`,
  )
}

/** A year of a few devices, read every 15 minutes: as many blocks of roll-ups as at any interval. */
async function year(bench: Bench, uids: readonly number[], began: number): Promise<void> {
  const devices = uids.map(deviceOf)
  for (let day = 0; day < 365; day++) {
    const polls = devices.flatMap(next =>
      Array.from({ length: 96 }, (_, index) => next(began + day * DAY + index * 15 * MINUTE)),
    )
    for (let from = 0; from < polls.length; from += BATCH) {
      await bench.store.samples.write(polls.slice(from, from + BATCH))
    }
    if (day % 20 === 19) await maintain(bench, began + (day + 1) * DAY)
  }
  for (const day of [365, 366]) await maintain(bench, began + day * DAY)
}

const [only, devices = '100', days = '1'] = process.argv.slice(2)
for (const open of [openSqlite, openMariaDb]) {
  if (only && !open.name.toLowerCase().endsWith(only)) continue
  const bench = await open()
  const uids = await makeDevices(bench.store, Number(devices) + 3)
  const loaded = uids.slice(0, Number(devices))
  await load(bench, loaded, Number(days))
  await chart(bench, '24 h of blocks', loaded, T0 + Number(days) * DAY, DAY)
  const slow = uids.slice(-3)
  await year(bench, slow, T0 + 30 * DAY)
  const end = T0 + 395 * DAY
  await chart(bench, '30 days', slow, end, 30 * DAY)
  await chart(bench, '1 year', slow, end, 365 * DAY)
  say(
    `  series ${loaded.length * SERIES}, ${METRICS.length} metrics; ${JSON.stringify(bench.store.maintenance.stats())}`,
  )
  await bench.store.close()
}
for (const end of ends.reverse()) await end()
