// What it costs to make a device's collections of its raw read: from readings to JSON bytes, without
// the network. 52 interfaces: a profile of 8 rates, 2 states and 1 gauge (572 values and sysUpTime),
// and the shipped if-mib (15 columns). Prints, judges not.
//   node bench/evaluate.ts [devices] [rounds]

import { readFileSync } from 'node:fs'
import type { RawValue, Reading } from '../server/model/raw.ts'
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
  private readonly columns = new Map<string, { raw: RawValue; step: number }[]>()

  constructor(evaluator: Evaluator, sources: readonly PlanSource[]) {
    this.evaluator = evaluator
    for (const { source, table } of sources) {
      if (!table) this.columns.set(source, [{ raw: { type: 'ticks', value: 0 }, step: 0 }])
      else {
        const column = Array.from({ length: rows }, (_, row) => firstValue(source, row))
        this.columns.set(source, column)
      }
    }
  }

  private tick(): void {
    for (const column of this.columns.values()) {
      for (const { raw, step } of column) {
        if (step === 0) continue
        const more = Math.floor(Math.random() * step)
        if (raw.type === 'counter64') raw.value += BigInt(more)
        else if (raw.type === 'counter32') raw.value = (raw.value + more) >>> 0
      }
    }
  }

  read(round: number): Reading {
    this.tick()
    const at = start + round * everyMs
    const groups: Reading['groups'] = new Map()
    for (const { group, sources } of this.evaluator.due(at, everyMs)) {
      const cells = new Map<string, Map<string, RawValue>>()
      for (const source of sources) {
        for (const [row, { raw }] of (this.columns.get(source) ?? []).entries()) {
          const index = String(row + 1)
          const own = cells.get(index) ?? new Map<string, RawValue>()
          cells.set(index, own.set(source, raw))
        }
      }
      groups.set(group, { rows: cells, partial: false })
    }
    return { at, monotonicMs: round * everyMs, upTicks: 100_000 + round * 6000, groups }
  }
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
    const encoded = evaluated.map(one => encodeCollected({ ...one, identity: null }))
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
run('if-mib', readFileSync(new URL('../oids/if-mib.json', import.meta.url), 'utf8'))
