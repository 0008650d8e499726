// What the rehearsal of a rule costs: 30 days of many devices, read and judged again in its thread, and how
// many turns the event loop of the program had meanwhile. Prints, judges nothing.
//   node bench/rehearsal.ts [devices] [rows] [sqlite|mariadb]

import { createRehearsals, type RehearsalJob } from '../server/alarms/rehearsals.ts'
import type { AcceptedCollection } from '../server/model/accepted.ts'
import type { Store } from '../server/store/contract.ts'
import { endAll, openMariaDb, openSqlite, say } from './store/engines.ts'
import { DAY, makeDevices } from './store/fill.ts'
import { randomFrom } from './store/mix.ts'

const devices = Number(process.argv[2] ?? 50)
const rows = Array.from({ length: Number(process.argv[3] ?? 48) }, (_, row) => `Gi1/0/${row + 1}`)
const days = 30
const rounds = 5
/** Older days are roll-ups by now: what those were made of does not matter. */
const everyMs = (age: number) => (age < 2 * DAY ? 60_000 : 300_000)
const now = Math.floor(Date.now() / DAY) * DAY + 15 * 3_600_000

async function fill(store: Store, uids: readonly number[]): Promise<void> {
  const random = randomFrom(7)
  let batch: AcceptedCollection[] = []
  for (let at = now - days * DAY; at < now; at += everyMs(now - at)) {
    for (const deviceUid of uids) {
      const busy = rows.map(() => Math.round((random() < 0.001 ? 90 : 30) + 10 * random()))
      batch.push({
        ...{ deviceUid, group: 'interface', at, rows, failed: null },
        ...{ metrics: new Map([['in_percent', busy]]), gaps: new Map() },
      })
    }
    if (batch.length < 1000) continue
    await store.samples.write(batch)
    batch = []
  }
  await store.samples.write(batch)
  // A day that changes is rolled up a while later.
  for (const later of [0, 3_600_000]) await tend(store, now + later)
}

async function tend(store: Store, at: number): Promise<void> {
  while ((await store.maintenance.step(at)) === 'worked');
}

function jobFor(uids: readonly number[]): RehearsalJob {
  return {
    rule: {
      ...{ id: 'bench', version: 1, source: 'person', from: '', changed: false, name: 'Busy' },
      ...{ devices: { all: true }, condition: 'threshold', metric: 'interface.in_percent' },
      ...{ warning: '> 80', clear: '< 70', enabled: true },
    },
    metrics: [
      {
        ...{ group: 'interface', groupTitle: 'Interface', table: true, metric: 'in_percent' },
        ...{ title: 'In', unit: '%', kind: 'gauge', role: null, states: [], decimals: null },
        ...{ alarm: null, profile: 'if-mib', siblings: ['in_percent'] },
      },
    ],
    targets: uids.map(uid => ({
      device: { uid, id: `dev-${uid}`, name: `dev-${uid}` },
      metrics: [0],
    })),
    ...{ now, zone: 'Europe/Paris' },
  }
}

const engine = process.argv[4] === 'mariadb' ? await openMariaDb() : await openSqlite()
const rehearsals = createRehearsals({ databaseUrl: engine.url, logLevel: 'warn' })
try {
  const uids = await makeDevices(engine.store, 0, devices)
  await fill(engine.store, uids)
  say(`${engine.name}: ${devices} devices, ${rows.length} rows each, ${days} days`)
  for (let round = 0; round < rounds; round++) {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const cpu = process.cpuUsage()
    const begun = performance.now()
    const made = await rehearsals.run(jobFor(uids))
    const took = performance.now() - begun
    clearInterval(timer)
    const { user, system } = process.cpuUsage(cpu)
    say(
      `  ${took.toFixed(0)} ms, ${((user + system) / 1e6).toFixed(2)} CPU s, ${turns} turns of the event loop; ` +
        `${made.series} series, ${made.times} alarms`,
    )
  }
} finally {
  await rehearsals.close()
  await engine.store.close()
  await endAll()
}
