// The whole path at a steady pace: a publisher, a real Mosquitto, ingest and store here, charts read
// meanwhile; what share of a core each process takes. Compaction runs beside it, but in a short run few
// windows close: what it costs per sample the other runs say.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { connectBus } from '../../server/bus/client.ts'
import { runMaintenance } from '../../server/compose/maintenance.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import type { KnownDevice } from '../../server/model/accepted.ts'
import { startMosquitto } from '../../test/parts/mosquitto.ts'
import { collectionText } from '../ingest/data.ts'
import { cpuSecondsOf } from '../snmp/measure.ts'
import { type Engine, log, onEnd, say, timesOf } from './engines.ts'
import { makeDevices } from './fill.ts'

const SITE = 'bench'
const SERIES = 500
/** Each device sends once in this time, s. */
const EVERY = 60
const CHARTS_PER_SECOND = 5
const WARM_UP = 10

export async function paced(
  open: () => Promise<Engine>,
  samplesPerSecond: number,
  seconds: number,
): Promise<void> {
  const engine = await open()
  const user = { username: 'bench', password: 'bench', publish: ['#'], subscribe: ['#'] }
  const broker = await startMosquitto({ teardown: onEnd }, [user])
  const url = broker.url.replace('mqtt://', 'mqtt://bench:bench@')
  const count = Math.ceil((samplesPerSecond * EVERY) / SERIES)
  const uids = await makeDevices(engine.store, 0, count)
  const known = new Map<string, KnownDevice>(
    uids.map((uid, index) => {
      const id = `dev-${index}`
      return [id, { id, uid, everyMs: EVERY * 1000, enabled: true, kind: 'snmp' }]
    }),
  )
  const devices = { get: (id: string) => known.get(id), all: () => known.values() }
  const bus = connectBus({ url, clientId: 'ingest', log })
  const ingest = createIngest({
    ...{ bus, site: SITE, store: engine.store, devices, log, live: createMemoryLive() },
    consumers: [],
  })
  await ingest.start()
  const maintenance = runMaintenance(engine.store.maintenance, () => ingest.stats().queued, log)
  await register(engine, uids)
  const publisher = startPublisher(url, count, WARM_UP + seconds + 5)
  await delay(WARM_UP * 1000)
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const cpu = () => cpuNow(engine, broker.pid, publisher.pid)
  const before = await cpu()
  const stored = ingest.stats().stored
  const began = performance.now()
  const took = await readCharts(engine, uids, seconds)
  const after = await cpu()
  loop.disable()
  const wall = (performance.now() - began) / 1000
  const samples = (ingest.stats().stored - stored) * SERIES
  say(
    `${engine.name}: ${Math.round(samples / wall)} samples/s for ${Math.round(wall)} s (${count} devices, ${SERIES} series)`,
  )
  for (const [name, used] of Object.entries(after)) {
    say(`  ${name}: ${(((used - (before[name] ?? 0)) / wall) * 100).toFixed(1)} % of a core`)
  }
  say(`  charts of 10 series, the time since the start: ${timesOf(took)}`)
  say(`  event loop: p99 ${(loop.percentile(99) / 1e6 - 1).toFixed(1)} ms late`)
  say(`  ${JSON.stringify({ ...ingest.stats(), recent: undefined })}`)
  publisher.kill()
  await maintenance.close()
  await ingest.close()
  await bus.close()
  await engine.store.close()
}

/** Every series gets its place: once in the life of a device, and not what is measured. */
async function register({ store }: Engine, uids: readonly number[]): Promise<void> {
  const sent: { rows: string[]; metrics: Record<string, number[]> } = JSON.parse(
    `{${collectionText(0, SERIES)}`,
  )
  const metrics = new Map(Object.entries(sent.metrics))
  const same = { group: 'interface', rows: sent.rows, metrics, gaps: new Map(), failed: null }
  const at = Date.now() - 60_000
  for (let from = 0; from < uids.length; from += 200) {
    const batch = uids.slice(from, from + 200)
    await store.samples.write(batch.map(deviceUid => ({ ...same, deviceUid, at })))
  }
}

async function cpuNow(
  engine: Engine,
  broker: number,
  publisher: number | undefined,
): Promise<Record<string, number>> {
  const { user, system } = process.cpuUsage()
  return {
    'ingest and store': (user + system) / 1e6,
    ...(engine.serverPid !== null && { [engine.name]: await engine.serverCpu() }),
    mosquitto: await cpuSecondsOf(broker),
    'publisher (not of Pollux)': publisher === undefined ? 0 : await cpuSecondsOf(publisher),
  }
}

async function readCharts(engine: Engine, uids: readonly number[], seconds: number) {
  const took: number[] = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const began = performance.now()
    const now = Date.now()
    await engine.store.samples.read({
      deviceUid: uids[(took.length * 7) % uids.length] ?? 0,
      ...{ group: 'interface', metrics: ['octets'], from: now - 86_400_000, to: now, points: 500 },
      rows: Array.from({ length: 10 }, (_, row) => `Gi1/0/${row}`),
    })
    took.push(performance.now() - began)
    await delay(1000 / CHARTS_PER_SECOND)
  }
  return took
}

function startPublisher(url: string, devices: number, seconds: number) {
  const file = path.join(import.meta.dirname, 'paced-publisher.ts')
  const child = spawn(
    process.execPath,
    [file, url, SITE, ...[devices, SERIES, EVERY, seconds].map(String)],
    { stdio: ['pipe', 'ignore', 'inherit'] },
  )
  onEnd(() => void child.kill())
  return child
}
