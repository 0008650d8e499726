// The databases under the benchmark, started for it alone, and what they cost.

import { spawn } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import type { Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../../test/parts/find.ts'
import { rawRows, startMariaDb } from '../../test/parts/mariadb.ts'
import { cpuSecondsOf } from '../snmp/measure.ts'

/** Where each table's name begins; partitions and classes are summed. */
const TABLES = ['block', 'r15m', 'r1h', 'daily_value', 'poll'] as const

const ends: (() => unknown)[] = []
const t = { teardown: (fn: () => unknown) => void ends.push(fn) }

export const onEnd = (end: () => unknown) => void ends.push(end)

/** Ends what was started, the last first. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end()
}

export const log = pino({ level: 'warn' })
export const say = (line: string) => process.stdout.write(`${line}\n`)
export const newDir = () => tempDir(t)

export interface Engine {
  name: string
  store: Store
  url: string
  /** Bytes in use by kind of table. */
  sizes(): Promise<Record<string, number>>
  /** Of the database's own process; 0 where it is in ours. */
  serverCpu(): Promise<number>
  serverPid: number | null
}

export async function openSqlite(): Promise<Engine> {
  const file = path.join(await tempDir(t), 'bench.db')
  const url = `sqlite:${file}`
  const store = await openStore({ url, log })
  return {
    ...{ name: 'sqlite', store, url, serverPid: null },
    async sizes() {
      const database = new DatabaseSync(file, { readOnly: true })
      const pragma = (name: string) =>
        Number(Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0])
      const used = (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
      database.close()
      return { file: used }
    },
    serverCpu: async () => 0,
  }
}

/** As docs/operations.md asks of a server for real sites. */
const SERVER = ['--innodb-buffer-pool-size=1G', '--innodb-log-file-size=256M']

export async function openMariaDb(): Promise<Engine> {
  const server = await startMariaDb(t, { durable: true, settings: SERVER })
  const url = await server.createDatabase()
  const store = await openStore({ url, log })
  const pid = server.pid ?? 0
  return {
    ...{ name: 'mariadb', store, url, serverPid: pid },
    async sizes() {
      // Pages in use: a file is larger by what InnoDB takes ahead, some MB for each partition.
      const rows = await rawRows(
        url,
        `select table_name as name, sum(data_length + index_length) as bytes
          from information_schema.partitions where table_schema = database() group by table_name`,
      )
      const sizes: Record<string, number> = {}
      for (const { name, bytes } of rows) {
        const kind = TABLES.find(one => String(name).startsWith(one)) ?? 'rest'
        sizes[kind] = (sizes[kind] ?? 0) + Number(bytes)
      }
      return sizes
    },
    serverCpu: () => cpuSecondsOf(pid),
  }
}

export interface Influx {
  url: string
  pid: number
  /** Bytes of its data directory. */
  bytes(): Promise<number>
}

/** @returns null where no influxd is installed */
export async function startInflux(port: number): Promise<Influx | null> {
  const dir = await tempDir(t)
  const env = {
    INFLUXDB_META_DIR: `${dir}/meta`,
    INFLUXDB_DATA_DIR: `${dir}/data`,
    INFLUXDB_DATA_WAL_DIR: `${dir}/wal`,
    INFLUXDB_DATA_QUERY_LOG_ENABLED: 'false',
    INFLUXDB_HTTP_BIND_ADDRESS: `127.0.0.1:${port}`,
    INFLUXDB_HTTP_LOG_ENABLED: 'false',
    INFLUXDB_BIND_ADDRESS: '127.0.0.1:0',
    INFLUXDB_REPORTING_DISABLED: 'true',
    INFLUXDB_MONITOR_STORE_ENABLED: 'false',
  }
  const child = spawn('influxd', ['-config', '/dev/null'], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  const gone = new Promise<true>(resolve => {
    child.once('error', () => resolve(true))
    child.once('exit', () => resolve(true))
  })
  t.teardown(async () => {
    child.kill()
    await gone
  })
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 200; tries++) {
    if ((await Promise.race([gone, delay(100)])) === true) return null
    const answer = await fetch(`${url}/ping`).catch(() => null)
    if (answer?.ok) return { url, pid: child.pid ?? 0, bytes: () => bytesIn(dir) }
  }
  return null
}

async function bytesIn(dir: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name))).size
  }
  return bytes
}

export interface Cost {
  client: number
  server: number
}

/** Runs `work` and adds the CPU seconds that it took here and in the server to `cost`. */
export async function counted<T>(
  { serverCpu }: Pick<Engine, 'serverCpu'>,
  cost: Cost,
  work: () => Promise<T>,
): Promise<T> {
  const before = process.cpuUsage()
  const serverBefore = await serverCpu()
  const result = await work()
  const used = process.cpuUsage(before)
  cost.client += (used.user + used.system) / 1e6
  cost.server += (await serverCpu()) - serverBefore
  return result
}

export function rateOf({ client, server }: Cost, samples: number): string {
  const million = samples / 1e6
  const rate = (million / (client + server)).toFixed(2)
  const of = `client ${(client / million).toFixed(3)}, server ${(server / million).toFixed(3)}`
  return `${rate} M samples per CPU-s (${of} CPU-s per M)`
}

const quantile = (sorted: readonly number[], q: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1)

export function timesOf(took: readonly number[]): string {
  const sorted = [...took].sort((a, b) => a - b)
  return `p50 ${quantile(sorted, 0.5)}, p99 ${quantile(sorted, 0.99)} ms`
}
