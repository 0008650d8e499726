// An engine for tests: clocks that the test sets, rules of one metric, and what it told as short lines.

import { createEngine } from '../../server/alarms/engine.ts'
import type { Engine, EngineOptions } from '../../server/alarms/engine-contract.ts'
import { bookOf, type CompiledRule } from '../../server/alarms/rulebook.ts'
import type { AcceptedCollection, KnownDevice } from '../../server/model/accepted.ts'
import type { NewTransition } from '../../server/model/alarm.ts'
import type { Value } from '../../server/model/collection.ts'
import type { DeviceConfig } from '../../server/model/device.ts'
import type { GapReason } from '../../server/model/gap.ts'
import type { Rule, RuleDocument } from '../../server/model/rule.ts'
import type { AlarmMetric } from '../../server/profiles/alarms.ts'

export const START = 1_795_320_000_000
export const MINUTE = 60_000

export const metric = (more: Partial<AlarmMetric> = {}): AlarmMetric => ({
  ...{ group: 'cpu', groupTitle: 'CPU', table: false, metric: 'usage', title: 'Usage' },
  ...{ unit: '%', kind: 'gauge', role: 'cpu.usage', states: [], decimals: null, alarm: null },
  ...{ profile: 'test', siblings: ['usage', 'limit', 'admin'] },
  ...more,
})

export const OPER: AlarmMetric = metric({
  ...{ group: 'interface', groupTitle: 'Interfaces', table: true, metric: 'oper', title: 'Status' },
  ...{ unit: '1', kind: 'state', role: 'interface.status', siblings: ['oper', 'admin'] },
  states: [
    { value: 1, name: 'up', severity: null, color: 'ok' },
    { value: 2, name: 'down', severity: 'critical', color: null },
  ],
})

export const rule = (more: Partial<RuleDocument> = {}, id = 'r1'): Rule => ({
  ...{ id, version: 1, source: 'person', from: 'ann', changed: false, name: 'busy' },
  ...{ devices: { all: true }, condition: 'threshold', metric: 'cpu.usage', enabled: true },
  ...more,
})

export const device = (id: string, uid: number, more: Partial<KnownDevice> = {}): KnownDevice => ({
  ...{ id, uid, everyMs: MINUTE, enabled: true, kind: 'snmp' },
  ...more,
})

export interface Bench {
  engine: Engine
  /** `device row state severity @minute reason`, in order. */
  told: string[]
  steps: NewTransition[]
  clock: { now: number; mono: number }
  /** Time goes on by both clocks, and the engine is told. */
  pass(ms: number): void
  rules: Map<string, readonly CompiledRule[]>
  parents: Map<string, string[]>
  maintained: Set<string>
}

export function bench(
  metrics: readonly AlarmMetric[],
  people: readonly Rule[],
  more: Partial<EngineOptions> = {},
): Bench {
  const clock = { now: START, mono: 1000 }
  const told: string[] = []
  const steps: NewTransition[] = []
  const rules = new Map<string, readonly CompiledRule[]>()
  const parents = new Map<string, string[]>()
  const maintained = new Set<string>()
  const engine = createEngine({
    rules({ id }) {
      const config = { ...CONFIG, id, name: id }
      const known = rules.get(id) ?? bookOf({ config, version: 1, metrics, people }).rules
      rules.set(id, known)
      return { name: id, parents: parents.get(id) ?? [], rules: known }
    },
    everyMs: () => MINUTE,
    maintenance: id => maintained.has(id),
    emit(step) {
      steps.push(step)
      const { alarm, to, at, reason } = step
      const minute = Math.round(((at - START) / MINUTE) * 100) / 100
      told.push(`${alarm.device} ${alarm.row ?? '-'} ${to} ${alarm.severity} @${minute} ${reason}`)
    },
    now: () => clock.now,
    mono: () => clock.mono,
    ...more,
  })
  const pass = (ms: number) => {
    clock.now += ms
    clock.mono += ms
    engine.tick(true)
  }
  return { engine, told, steps, clock, pass, rules, parents, maintained }
}

export const CONFIG: DeviceConfig = {
  ...{ id: 'sw', name: 'sw', kind: 'snmp', profiles: ['auto'], every: '60s', timeout: '2s' },
  ...{ retries: 1, enabled: true },
}

/** Scalars of one group. */
export function sample(
  deviceUid: number,
  at: number,
  metrics: Record<string, Value>,
  group = 'cpu',
): AcceptedCollection {
  return table(deviceUid, at, null, wrapped(metrics), group)
}

const wrapped = (metrics: Record<string, Value>) =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, [value]]))

export function table(
  deviceUid: number,
  at: number,
  rows: string[] | null,
  metrics: Record<string, Value[]>,
  group = 'interface',
): AcceptedCollection {
  const gaps = Object.entries(metrics)
    .filter(([, values]) => values.includes(null))
    .map(([name, values]) => [name, values.map(one => (one === null ? 'partial' : null))] as const)
  return {
    ...{ deviceUid, group, at, rows, failed: null },
    metrics: new Map(Object.entries(metrics)),
    gaps: new Map(gaps),
  }
}

export const failure = (
  deviceUid: number,
  at: number,
  failed: GapReason,
  group = 'cpu',
): AcceptedCollection => ({
  ...{ deviceUid, group, at, rows: null, failed },
  metrics: new Map(),
  gaps: new Map(),
})
