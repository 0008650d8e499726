// What judging costs: samples a CPU second of the engine on one core, for switches under the rules of the
// shipped profiles. Every value of an accepted collection counts as a sample, with or without a rule.
// Prints, judges nothing.
//   node bench/alarms.ts [devices] [rounds]

import { createEngine } from '../server/alarms/engine.ts'
import { bookOf } from '../server/alarms/rulebook.ts'
import type { AcceptedCollection, KnownDevice } from '../server/model/accepted.ts'
import type { Value } from '../server/model/collection.ts'
import { SHIPPED_PROFILES_DIR } from '../server/paths.ts'
import { alarmMetrics } from '../server/profiles/alarms.ts'
import { buildCatalogue } from '../server/profiles/build.ts'
import { loadSources } from '../server/profiles/load.ts'
import { compilePlan } from '../server/profiles/plan.ts'

const devices = Number(process.argv[2] ?? 200)
const rounds = Number(process.argv[3] ?? 50)
const rows = Array.from({ length: 52 }, (_, i) => `Gi1/0/${i + 1}`)
const everyMs = 60_000
const start = 1_795_320_000_000

const catalogue = buildCatalogue(await loadSources({ shippedDir: SHIPPED_PROFILES_DIR }))
const metrics = alarmMetrics(compilePlan(catalogue, ['if-mib']))
const { rules } = bookOf({
  config: {
    ...{ id: 'sw', name: 'sw', kind: 'snmp', profiles: ['auto'], every: '60s', timeout: '2s' },
    ...{ retries: 1, enabled: true },
  },
  version: 1,
  metrics,
  people: [],
})
const columns = metrics.filter(({ group }) => group === 'interface')
const ruled = new Set(rules.map(({ metric }) => metric.metric))
/** Of 100 values so many are beyond a limit. */
const badShare = Number(process.argv[4] ?? 0.1) / 100

let transitions = 0
const engine = createEngine({
  rules: ({ id }) => ({ name: id, parents: [], rules }),
  everyMs: () => everyMs,
  maintenance: () => false,
  emit: () => void transitions++,
})

function collection(deviceUid: number, at: number): AcceptedCollection {
  const values = new Map<string, Value[]>()
  for (const { metric, kind } of columns) {
    const isBad = () => Math.random() < badShare
    values.set(
      metric,
      rows.map(() => (kind === 'state' ? (isBad() ? 2 : 1) : isBad() ? 99 : 0.5)),
    )
  }
  return {
    ...{ deviceUid, group: 'interface', at, rows, failed: null },
    ...{ metrics: values, gaps: new Map() },
  }
}

const known: KnownDevice[] = Array.from({ length: devices }, (_, i) => ({
  ...{ id: `sw-${i}`, uid: i + 1, everyMs, enabled: true, kind: 'snmp' },
}))
let samples = 0
let cpuMs = 0
for (let round = 0; round < rounds; round++) {
  const batch = known.map(one => collection(one.uid, start + round * everyMs))
  const before = process.cpuUsage()
  for (const [i, one] of known.entries()) {
    const heard = batch[i]
    if (heard) engine.collection(one, heard)
  }
  const used = process.cpuUsage(before)
  // The first rounds compile.
  if (round < 5) continue
  cpuMs += (used.user + used.system) / 1000
  samples += devices * rows.length * columns.length
}
const perSecond = Math.round(samples / (cpuMs / 1000))
process.stdout.write(
  `${devices} devices x ${rows.length} rows x ${columns.length} metrics, ${ruled.size} of them with rules, ` +
    `${badShare * 100} % beyond a limit\n` +
    `${samples} samples in ${(cpuMs / 1000).toFixed(2)} CPU s: ${perSecond} samples a CPU second\n` +
    `${transitions} transitions, ${JSON.stringify(engine.stats())}\n`,
)
