// Failure runs of the sample path: 200 devices of 100 series each second through a real Mosquitto into
// MariaDB or SQLite, something goes wrong for a while, and the database is compared with what was sent.
//   npm run bench -- failures [--quick] [--json] [--only NAME,…] [--database sqlite|mariadb]

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import type { Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../../test/parts/find.ts'
import { type PrivateMariaDb, startMariaDb } from '../../test/parts/mariadb.ts'
import { startMosquitto } from '../../test/parts/mosquitto.ts'
import {
  deviceName,
  GROUP,
  type LoadJob,
  type LoadState,
  markOf,
  type ReceiverJob,
  type ReceiverState,
  ROWS,
} from './failure-data.ts'
import { FAULTS, type Fault } from './faults.ts'
import { startSlowProxy } from './slow-proxy.ts'

const SITE = 'bench'
/** Load before and after the fault, s. */
const CALM_S = 5
const USER = { username: 'bench', password: 'bench', publish: ['#'], subscribe: ['#'] }
const log = pino({ level: 'silent' })
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
    only: { type: 'string' },
    database: { type: 'string' },
  },
})
const devices = options.quick ? 50 : 200

export interface FailureResult {
  fault: string
  database: string
  sent: number
  /** In the database. */
  stored: number
  /** Of which the sender knows that they are: without those that it gave up before the answer came. */
  acknowledged: number
  /** Given up by the sender, and said so. */
  dropped: number
  resent: number
  /** Sent, not dropped, and not in the database. */
  lost: number
  /** Times or values that are in the database and were not sent so. */
  doubled: number
  longestGapMs: number
  rssMb: { load: number; ingest: number }
  spoolKb: number
}

interface Ends {
  teardown(fn: () => unknown): void
}

/** A program of ours beside this one; each of its lines is JSON. */
function program<T>(file: string, job: unknown, onLine: (line: T) => void, wrap: string[] = []) {
  const script = path.join(import.meta.dirname, file)
  const [command = '', ...args] = [...wrap, process.execPath, script, JSON.stringify(job)]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', line => onLine(JSON.parse(line)))
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  return { child, ended }
}

async function killed({ child, ended }: { child: ChildProcess; ended: Promise<unknown> }) {
  child.kill('SIGKILL')
  await ended
}

/** The command's words before the program: a small file system of its own for the spool. */
function onSmallDisk(dir: string, bytes: number): string[] {
  const asRoot = process.getuid?.() === 0 ? [] : ['-r']
  const script = `mount -t tmpfs -o size=${bytes} tmpfs "$1" && shift && exec "$@"`
  return ['unshare', ...asRoot, '-m', 'sh', '-c', script, 'sh', dir]
}

async function run(fault: Fault, kind: 'sqlite' | 'mariadb', t: Ends): Promise<FailureResult> {
  const seconds = options.quick ? Math.max(2, fault.seconds / 10) : fault.seconds
  const diskBytes =
    fault.diskBytes === undefined ? null : Math.round(fault.diskBytes / (options.quick ? 12 : 1))
  const dir = await tempDir(t)
  const broker = await startMosquitto(t, [USER])
  const url = `mqtt://bench:bench@127.0.0.1:${broker.port}`
  const mariadb = kind === 'mariadb' ? await proxied(t) : null
  const sqliteFile = kind === 'sqlite' ? path.join(dir, 'pollux.db') : null
  const database = mariadb ? await mariadb.createDatabase() : `sqlite:${sqliteFile}`
  const store = await openStore({ url: database, log })
  const uids: number[] = []
  for (let i = 0; i < devices; i++) uids.push(await addDevice(store, deviceName(i)))
  const through = new URL(database)
  if (mariadb) through.port = String(mariadb.proxy.port)

  const seen = { at: 0, longest: 0, rssKb: 0 }
  const startIngest = async () => {
    const job: ReceiverJob = { url, site: SITE, database: mariadb ? through.href : database }
    const first = Promise.withResolvers<void>()
    const started = program<ReceiverState>(
      'failure-receiver.ts',
      job,
      ({ stored, duplicate, rssKb }) => {
        first.resolve()
        seen.rssKb = Math.max(seen.rssKb, rssKb)
        if (stored + duplicate === 0) return
        if (seen.at > 0) seen.longest = Math.max(seen.longest, performance.now() - seen.at)
        seen.at = performance.now()
      },
    )
    ingest = started
    await first.promise
  }
  let ingest: ReturnType<typeof program> | null = null
  const killIngest = async () => {
    if (ingest) await killed(ingest)
  }
  t.teardown(killIngest)
  await startIngest()

  const from = Date.now() - 3_600_000
  const common = { url, site: SITE, devices, memoryBytesMax: diskBytes }
  // New devices take the store longest: their series are there before the clock runs.
  const warmUp = { ...common, dir: path.join(dir, 'first'), seconds: 1, from: from - 60_000 }
  await program('failure-load.ts', warmUp satisfies LoadJob, () => {}).ended
  seen.at = 0
  const spool = path.join(dir, 'spool')
  await mkdir(spool)
  const job: LoadJob = {
    ...{ ...common, dir: spool, seconds: Math.ceil(2 * CALM_S + seconds), from },
  }
  let state: LoadState | null = null
  const wrap = diskBytes === null ? [] : onSmallDisk(spool, diskBytes)
  const load = program<LoadState>('failure-load.ts', job, line => (state = line), wrap)
  t.teardown(() => killed(load))
  await delay(CALM_S * 1000)
  await fault.run({ broker, mariadb, sqliteFile, killIngest, startIngest }, seconds * 1000)
  await load.ended
  const said = finished(state)
  const found = await compare(store, uids, from, said.ticks)
  await store.close()
  const { sent, dropped } = said.ledger
  return {
    ...{ fault: fault.name, database: kind, sent, stored: found.stored, dropped },
    ...{ acknowledged: said.ledger.stored, resent: said.resent, doubled: found.doubled },
    lost: Math.max(0, sent - dropped - found.stored),
    longestGapMs: Math.round(seen.longest),
    rssMb: { load: Math.round(said.rssKb / 1024), ingest: Math.round(seen.rssKb / 1024) },
    spoolKb: Math.round(said.spoolBytesPeak / 1024),
  }
}

function finished(state: LoadState | null): LoadState {
  if (!state?.done) throw new Error(`the load did not finish: ${JSON.stringify(state)}`)
  return state
}

async function proxied(t: Ends) {
  const server: PrivateMariaDb = await startMariaDb(t, { durable: true })
  const proxy = await startSlowProxy(server.port)
  t.teardown(() => proxy.close())
  return {
    ...{ port: server.port, proxy, stop: server.stop, start: server.start },
    createDatabase: server.createDatabase,
    statementLog: server.statementLog,
    get pid() {
      return server.pid
    },
  }
}

async function addDevice(store: Store, id: string): Promise<number> {
  const config = {
    ...{ id, name: id, kind: 'snmp' as const, profiles: ['auto'], every: '10s' },
    ...{ timeout: '2s', retries: 1, enabled: true },
  }
  return (await store.devices.create(config, 'api', 0)).uid
}

/** Each device's column that says which device and time it is of, in every row. */
async function compare(store: Store, uids: readonly number[], from: number, ticks: number) {
  const query = { group: GROUP, metrics: ['n'], from, to: from + ticks * 1000 }
  let stored = 0
  let doubled = 0
  for (const [device, deviceUid] of uids.entries()) {
    const series = await store.samples.read({ ...query, deviceUid })
    const rows = new Map<number, number>()
    for (const { points } of series) {
      for (const { at, value } of points) {
        const tick = (at - from) / 1000
        if (value === markOf(device, tick)) rows.set(at, (rows.get(at) ?? 0) + 1)
        else doubled++
      }
    }
    for (const count of rows.values()) {
      if (count >= ROWS) stored++
      if (count > ROWS) doubled++
    }
  }
  return { stored, doubled }
}

const COLUMNS: [title: string, value: (result: FailureResult) => string | number][] = [
  ['fault', ({ fault }) => fault],
  ['database', ({ database }) => database],
  ['sent', ({ sent }) => sent],
  ['stored', ({ stored }) => stored],
  ['acknowledged', ({ acknowledged }) => acknowledged],
  ['dropped', ({ dropped }) => dropped],
  ['sent again', ({ resent }) => resent],
  ['lost', ({ lost }) => lost],
  ['doubled', ({ doubled }) => doubled],
  ['no commit for', ({ longestGapMs }) => `${(longestGapMs / 1000).toFixed(1)} s`],
  ['RSS sender/ingest', ({ rssMb }) => `${rssMb.load}/${rssMb.ingest} MB`],
  ['spool peak', ({ spoolKb }) => `${spoolKb} kB`],
]

function table(results: readonly FailureResult[]): string {
  const lines = [
    COLUMNS.map(([title]) => title),
    ...results.map(result => COLUMNS.map(([, value]) => String(value(result)))),
  ]
  const widths = COLUMNS.map((_, i) => Math.max(...lines.map(line => line[i]?.length ?? 0)))
  return lines.map(line => line.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ')).join('\n')
}

const only = options.only?.split(',')
const results: FailureResult[] = []
const ends: (() => unknown)[] = []
const endAll = async () => {
  for (const end of ends.splice(0).reverse()) await end()
}
// Servers must not outlive us.
process.once('SIGTERM', () => void endAll().finally(() => process.exit(1)))
for (const fault of FAULTS.filter(({ name }) => only?.includes(name) ?? true)) {
  for (const kind of fault.over.filter(kind => kind === (options.database ?? kind))) {
    const result = await run(fault, kind, { teardown: fn => void ends.push(fn) }).finally(endAll)
    results.push(result)
    const line = options.json ? JSON.stringify(result) : `${fault.name}, ${kind}: done`
    process.stdout.write(`${line}\n`)
  }
}
if (!options.json) process.stdout.write(`\n${table(results)}\n`)
