// Samples per CPU-second from a received MQTT message to a committed row: a real Mosquitto, ingest with
// live values and the status judge in this process, and SQLite or MariaDB.
//   node bench/ingest/main.ts [sqlite|mariadb] [collections]

import { spawn } from 'node:child_process'
import path from 'node:path'
import { pino } from 'pino'
import { createStatusJudge } from '../../server/alarms/status.ts'
import { connectBus } from '../../server/bus/client.ts'
import { accept } from '../../server/ingest/accept.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import { acceptOnce } from '../../server/ingest/once.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import type { KnownDevice } from '../../server/model/accepted.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../../test/parts/find.ts'
import { startMariaDb } from '../../test/parts/mariadb.ts'
import { startMosquitto } from '../../test/parts/mosquitto.ts'
import { cpuOf, cpuSecondsOf } from '../snmp/measure.ts'

const DEVICES = 200
const SERIES = 300
const SITE = 'bench'

const ends: (() => unknown)[] = []
const t = { teardown: (fn: () => unknown) => ends.push(fn) }
const log = pino({ level: 'warn' })
const [name = 'sqlite', count = '4000'] = process.argv.slice(2)

const database =
  name === 'mariadb'
    ? await startMariaDb(t, { durable: true }).then(async server => ({
        url: await server.createDatabase(),
        pid: server.pid,
      }))
    : { url: `sqlite:${path.join(await tempDir(t), 'bench.db')}`, pid: null }
const user = { username: 'bench', password: 'bench', publish: ['#'], subscribe: ['#'] }
const broker = await startMosquitto(t, [user])
const url = broker.url.replace('mqtt://', 'mqtt://bench:bench@')

const store = await openStore({ url: database.url, log })
const known = new Map<string, KnownDevice>()
for (let i = 0; i < DEVICES; i++) {
  const id = `dev-${i}`
  const config = {
    ...{ id, name: id, kind: 'snmp' as const, profiles: ['auto'], every: '60s' },
    ...{ timeout: '2s', retries: 1, enabled: true },
  }
  const { uid } = await store.devices.create(config, 'api', 0)
  known.set(id, { id, uid, everyMs: 60_000, enabled: true, kind: 'snmp' })
}
const devices = { get: (id: string) => known.get(id), all: () => known.values() }
const bus = connectBus({ url, clientId: 'ingest', log })
const live = createMemoryLive()
const gate = acceptOnce(accept)
const common = { bus, site: SITE, store, devices, log, accept: gate }
const ingest = createIngest({ ...common, live, consumers: [] })
await ingest.start()
const judge = createStatusJudge(common)
await judge.start()

const publish = (collections: number) =>
  new Promise<string>((resolve, reject) => {
    const file = path.join(import.meta.dirname, 'publisher.ts')
    const child = spawn(
      process.execPath,
      [file, url, SITE, ...[DEVICES, SERIES, collections].map(String)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.once('error', reject)
    child.once('close', () => resolve(text.trim()))
  })

await publish(DEVICES * 2)
const serverBefore = database.pid === null ? 0 : await cpuSecondsOf(database.pid)
const threadBefore = process.threadCpuUsage()
const { result, cpuSeconds, wallSeconds } = await cpuOf(() => publish(Number(count)))
const thread = process.threadCpuUsage(threadBefore)
const mainSeconds = (thread.user + thread.system) / 1e6
const server = database.pid === null ? 0 : (await cpuSecondsOf(database.pid)) - serverBefore
const samples = Number(count) * SERIES
process.stdout.write(
  `${name}: ${result}, ${samples} samples in ${wallSeconds.toFixed(1)} s (${Math.round(samples / wallSeconds)}/s); ` +
    `CPU ${cpuSeconds.toFixed(2)} s here (${mainSeconds.toFixed(2)} s main thread), ${server.toFixed(2)} s server: ` +
    `${Math.round(samples / (cpuSeconds + server))} samples per CPU-second\n`,
)
await judge.close()
await ingest.close()
await bus.close()
await store.close()
for (const end of ends.reverse()) await end()
