// Measured: the whole poll role as the program runs it: poller with its threads, schedule, profiles
// and rates, JSON, the spool on disk with its fsync, and MQTT to a broker in another process. Its CPU
// is that of all its threads; the broker's, the receiver's and the simulator's are not in it.

import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { connectBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import type { Target } from '../../server/collectors/collector.ts'
import { spoolCollections } from '../../server/compose/polling.ts'
import { connected } from '../../server/compose/samples.ts'
import { createPoller } from '../../server/poll/poller.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { COMMUNITY, fleetAddress, V3 } from './fleet-facts.ts'
import { cpuOf, cpuSecondsByThread, type Job, jobOf, report, rssMb } from './measure.ts'

export interface RoleJob extends Job {
  broker: { url: string; user: string; password: string; site: string }
  dir: string
  /** Interval of each device; null: each is polled again as soon as it was. */
  every: string | null
  /** True: devices that answer at once, so that all but the reading is measured. */
  given: boolean
  /** From the second read of all to the measuring, at least. */
  warmSeconds: number
  /** Poll threads; null: as many as the pool starts. */
  threads: number | null
}

/** For all devices to be read twice, before measuring begins all the same. */
const warmMsMax = 180_000
/** Threads are started one by one as they are found too busy: none for so long, and all are there. */
const steadyMs = 15_000
/** Messages that may wait in the spool before flat-out polling holds back. */
const waitingMax = 500

const job = jobOf<RoleJob>()
const { fleet, broker } = job
const { site } = broker
const log = pino({ level: process.env.POLLUX_LOG_LEVEL ?? 'warn' }, pino.destination(2))

const sources = await loadSources({ shippedDir: path.join(import.meta.dirname, 'profiles') })
const catalogue = buildCatalogue(sources)
const [problem] = catalogue.problems
if (problem) throw new Error(JSON.stringify(problem))
const bus = connectBus({
  ...{ url: broker.url, username: broker.user, password: broker.password },
  ...{ clientId: 'bench-poller', log },
})
await connected(bus, log)
const sender = await createSender({
  ...{ bus, site, dir: path.join(job.dir, 'spool'), log },
  // Flat out is more than the program allows itself after an outage.
  ...(job.every === null ? { perSecondMax: 100_000 } : {}),
})
const give = spoolCollections(sender, site)

const resting: string[] = []
const poller = createPoller({
  node: sender.src,
  targets: async () => Array.from({ length: fleet.devices }, (_, device) => target(device)),
  catalogue,
  snmpTransport: job.transport,
  networks: ['127.0.0.0/8'],
  onCollection(parts, body) {
    give(parts, body)
    if (job.every === null && parts.channel === 'samples') resting.push(parts.device)
  },
  onReceipt: () => {},
  ...(job.threads === null ? {} : { threadsMin: job.threads, threadsMax: job.threads }),
  ...(job.given ? { workerUrl: new URL('./given-worker.ts', import.meta.url) } : {}),
  log,
})

function target(device: number): Target {
  const common = {
    ...{ id: `sw-${device}`, name: `sw-${device}`, kind: 'snmp' as const },
    ...{ address: fleetAddress(device), port: fleet.port, profiles: ['bench-switch'] },
    ...{ every: job.every ?? '5m', timeout: '3s', retries: 1, enabled: true },
  }
  if (job.security === 'v2c') {
    const credentials = { version: '2c' as const, community: { secret: 'community' } }
    const config = { ...common, credentials }
    return { config, version: 1, secrets: { community: COMMUNITY }, identity: null }
  }
  const credentials = {
    ...{ version: '3' as const, user: V3.user, level: 'authPriv' as const },
    auth: { protocol: 'sha256' as const, key: { secret: 'auth' } },
    priv: { protocol: 'aes' as const, key: { secret: 'priv' } },
  }
  const secrets = { auth: V3.auth, priv: V3.priv }
  return { config: { ...common, credentials }, version: 1, secrets, identity: null }
}

/** Flat out: what was read is read again, as fast as the spool drains. */
function again(): void {
  if (sender.ledger.waiting > waitingMax) return
  for (const id of resting.splice(0)) poller.pollNow(id)
}

await poller.start()
if (job.every === null) {
  for (let device = 0; device < fleet.devices; device++) poller.pollNow(`sw-${device}`)
  setInterval(again, 5)
}
/** Every device was identified, read, and read again. */
const warm = () => poller.stats().reads.good >= 2 * fleet.devices
const until = performance.now() + warmMsMax
while (!warm() && performance.now() < until) await delay(100)
await delay(job.warmSeconds * 1000)
if (job.threads === null) await steady()
/** So that no thread's start is measured as the cost of polls. */
async function steady(): Promise<void> {
  let count = 0
  for (let since = 0; performance.now() - since < steadyMs && performance.now() < until; ) {
    const now = poller.stats().threads.length
    if (now !== count) since = performance.now()
    count = now
    await delay(100)
  }
}
const { user, system } = process.cpuUsage()
const threadsBefore = await cpuSecondsByThread()
const before = { ...poller.stats().reads, dropped: sender.ledger.dropped }
const { cpuSeconds, wallSeconds } = await cpuOf(() => delay(job.seconds * 1000))
const after = { ...poller.stats().reads, dropped: sender.ledger.dropped }
const threadsAfter = await cpuSecondsByThread()
const { lateness, threads } = poller.stats()
const { waiting, refused } = sender.ledger
report({
  polls: after.good - before.good,
  lost: after.failed - before.failed + after.dropped - before.dropped + refused,
  ...{ cpuSeconds, wallSeconds, rssMb: rssMb() },
  startCpuSeconds: (user + system) / 1e6,
  threads: Object.fromEntries(
    Object.entries(threadsAfter).map(([name, cpu]) => [name, cpu - (threadsBefore[name] ?? 0)]),
  ),
  note: `${threads.length} threads, ${waiting} waiting, late ${JSON.stringify(lateness)}`,
})
process.exit(0)
