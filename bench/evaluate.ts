// What it costs to make a device's collections of its raw read: from readings to JSON bytes, without
// the network. 52 interfaces: a profile of 8 rates, 2 states and 1 gauge (572 values and sysUpTime),
// and the shipped if-mib (15 columns). Prints, judges not.
//   node bench/evaluate.ts [devices] [rounds]

import { readFileSync } from 'node:fs'
import type { RawValue, Reading } from '../server/model/raw.ts'
import { RAW_CODE, type RawTable, tableOf } from '../server/model/rawtable.ts'
import { encodeCollected } from '../server/poll/encode.ts'
import { buildCatalogue } from '../server/profiles/build.ts'
import { createEvaluator } from '../server/profiles/evaluator.ts'
import type { Evaluator } from '../server/profiles/face.ts'
import { compilePlan, type PlanSource } from '../server/profiles/plan.ts'

const devices = Number(process.argv[2] ?? 200)
const rounds = Number(process.argv[3] ?? 100)
const rows = 52
const everyMs = 60_000
const start = 1_795_320_000_000

const IF = '1.3.6.1.2.1.2.2.1'
const IFX = '1.3.6.1.2.1.31.1.1.1'

const rate = (title: string, oid: string, scale = 1) => ({
  title,
  unit: '{thing}/s',
  kind: 'rate',
  oid,
  scale,
})
const ELEVEN = {
  title: 'Eleven columns',
  tables: {
    port: {
      title: 'Ports',
      index: ['if_index'],
      key: ['if_name'],
      name: ['if_name'],
      labels: ['if_index', 'if_alias'],
      columns: {
        if_name: { oid: `${IFX}.1`, as: 'text', every: '1h' },
        if_alias: { oid: `${IFX}.18`, as: 'text', every: '1h' },
      },
      metrics: {
        in: { ...rate('In', `${IFX}.6`, 8), unit: 'bit/s' },
        out: { ...rate('Out', `${IFX}.10`, 8), unit: 'bit/s' },
        in_ucast: rate('In unicast', `${IFX}.7`),
        out_ucast: rate('Out unicast', `${IFX}.11`),
        in_errors: rate('In errors', `${IF}.14`),
        out_errors: rate('Out errors', `${IF}.20`),
        in_discards: rate('In discards', `${IF}.13`),
        out_discards: rate('Out discards', `${IF}.19`),
        admin: { title: 'Admin', oid: `${IF}.7`, states: { '1': 'up', '2': 'down' } },
        oper: { title: 'Status', oid: `${IF}.8`, states: { '1': 'up', '2': 'down' } },
        speed: { title: 'Speed', oid: `${IFX}.15`, unit: 'bit/s', scale: 1_000_000 },
      },
    },
  },
}

/** What an instance of a column begins with, and how much it grows with a poll at most. */
function firstValue(source: string, row: number): { raw: RawValue; step: number } {
  const column = source.slice(source.lastIndexOf('.') + 1)
  if (source.startsWith(`${IFX}.`)) {
    if (column === '1') return { raw: octets(`ge-0/0/${row}`), step: 0 }
    if (column === '18') return { raw: octets(`customer ${row}`), step: 0 }
    if (column === '15') return { raw: { type: 'gauge32', value: 10_000 }, step: 0 }
    if (column === '19') return { raw: { type: 'ticks', value: 0 }, step: 0 }
    return { raw: { type: 'counter64', value: 10n ** 12n * BigInt(row + 1) }, step: 40_000_000_000 }
  }
  if (column === '2') return { raw: octets(`GigabitEthernet0/${row}`), step: 0 }
  if (column === '6') return { raw: octets('abcdef'), step: 0 }
  if (column === '5') return { raw: { type: 'gauge32', value: 4_294_967_295 }, step: 0 }
  if (['3', '7', '8'].includes(column)) return { raw: { type: 'integer', value: 1 }, step: 0 }
  return { raw: { type: 'counter32', value: 1_000_000 * row }, step: 50_000 }
}

const octets = (text: string): RawValue => ({ type: 'octets', value: Buffer.from(text) })

/** A device that answers what it is asked, and whose counters go on. */
class Device {
  readonly evaluator: Evaluator
  private readonly sources: ReadonlyMap<string, PlanSource>
  /** By what was asked: rows stay the same, so does their list. */
  private readonly tables = new Map<string, RawTable>()

  constructor(evaluator: Evaluator, sources: readonly PlanSource[]) {
    this.evaluator = evaluator
    this.sources = new Map(sources.map(source => [source.source, source]))
  }

  read(round: number): Reading {
    const at = start + round * everyMs
    const groups: Reading['groups'] = new Map()
    for (const { group, sources } of this.evaluator.due(at, everyMs)) {
      const key = sources.join()
      const table = this.tables.get(key)
      const next = table ? later(table) : this.table(sources)
      this.tables.set(key, next)
      groups.set(group, { table: next, partial: false })
    }
    return { at, monotonicMs: round * everyMs, upTicks: 100_000 + round * 6000, groups }
  }

  private table(sources: readonly string[]): RawTable {
    const isTable = sources.some(source => this.sources.get(source)?.table)
    const columns = sources.map(source => {
      const values = isTable
        ? INDEXES.map((index, row) => [index, firstValue(source, row).raw] as const)
        : [['', { type: 'ticks', value: 0 }] as const]
      return [source, new Map(values)] as const
    })
    return tableOf(isTable ? INDEXES : [''], new Map(columns))
  }
}

const INDEXES = Array.from({ length: rows }, (_, row) => String(row + 1))

/** The same rows, read again: a table of its own, as every read gives. */
function later(table: RawTable): RawTable {
  const { indexes, sources, types, others } = table
  const next = {
    indexes,
    sources,
    types: types.slice(),
    hi: table.hi.slice(),
    lo: table.lo.slice(),
  }
  for (const [column, source] of sources.entries()) {
    const { step } = firstValue(source, 0)
    for (let row = 0; row < indexes.length && step > 0; row++) {
      const cell = column * indexes.length + row
      const before = (next.hi[cell] ?? 0) * 2 ** 32 + (next.lo[cell] ?? 0)
      const now = before + Math.floor(Math.random() * step)
      next.lo[cell] = now
      if (next.types[cell] === RAW_CODE.counter64) next.hi[cell] = Math.floor(now / 2 ** 32)
    }
  }
  return { ...next, others }
}

function run(name: string, text: string): void {
  const catalogue = buildCatalogue([{ id: name, file: `oids/${name}.json`, text, from: 'shipped' }])
  for (const { message } of catalogue.problems) throw new Error(message)
  const plan = compilePlan(catalogue, [name])
  const all = Array.from(
    { length: devices },
    () => new Device(createEvaluator(plan), plan.definition.sources),
  )
  // The first rounds name the rows and are compiled; one in 60 reads the slow columns again.
  const warm = 5
  const cost = { evaluate: 0, encode: 0, bytes: 0 }
  for (let round = 0; round < warm + rounds; round++) {
    if (round === warm) Object.assign(cost, { evaluate: 0, encode: 0, bytes: 0 })
    const readings = all.map(device => device.read(round))
    const cpu = process.cpuUsage()
    const evaluated = all.map(({ evaluator }, i) => evaluator.evaluate(readings[i] ?? NOTHING, 40))
    const between = process.cpuUsage()
    const encoded = evaluated.map(one => encodeCollected(one))
    cost.encode += microseconds(process.cpuUsage(between))
    cost.evaluate += microseconds(between) - microseconds(cpu)
    for (const { body } of encoded.flat()) cost.bytes += body.length
  }
  const each = (sum: number) => (sum / devices / rounds).toFixed(1)
  console.info(
    `${name}: ${each(cost.evaluate + cost.encode)} us CPU a poll: evaluate ${each(cost.evaluate)}, ` +
      `encode ${each(cost.encode)}; ${each(cost.bytes)} octets`,
  )
}

const NOTHING: Reading = { at: 0, monotonicMs: 0, upTicks: null, groups: new Map() }

function microseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

run('eleven-columns', JSON.stringify(ELEVEN))
if (process.argv[4] !== 'one')
  run('if-mib', readFileSync(new URL('../oids/if-mib.json', import.meta.url), 'utf8'))
