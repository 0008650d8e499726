// Which metrics of a device can run out, by their meaning in the profiles, and where their limit lies. All of
// them are percentages, so a disk that is made larger changes nothing here.

import { FORECAST_KINDS, type ForecastKind } from '../../model/forecast.ts'
import type { AlarmMetric } from '../../profiles/alarms.ts'

export interface Target {
  kind: ForecastKind
  group: string
  metric: string
  title: string
  table: boolean
  limit: number
  direction: 'up' | 'down'
  /** Of an hour: a disk is full at its peak, a battery is empty at its low; a load is a mean. */
  fn: 'max' | 'min' | 'avg'
}

const BY_ROLE: Readonly<Record<string, ForecastKind>> = {
  'storage.percent': 'storage',
  'memory.percent': 'memory',
  'battery.charge': 'battery',
  'supply.percent': 'supply',
}
/** Percent of an interface's speed; profiles give these no role of their own. */
const LOAD_METRICS = new Set(['in_percent', 'out_percent'])
/** An interface that is used more than this over an hour is full in its busy minutes. */
const LOAD_LIMIT = 90

/** Those that people miss most come first. */
export function targetsOf(metrics: readonly AlarmMetric[]): Target[] {
  const interfaces = new Set(
    metrics.filter(({ role }) => role === 'interface.in').map(({ group }) => group),
  )
  const kindOf = ({ role, metric, group }: AlarmMetric): ForecastKind | null =>
    LOAD_METRICS.has(metric) && interfaces.has(group) ? 'interface' : (BY_ROLE[role ?? ''] ?? null)
  return metrics
    .filter(({ unit }) => unit === '%')
    .flatMap(one => {
      const kind = kindOf(one)
      if (!kind) return []
      const { group, metric, title, table } = one
      const direction: Target['direction'] = kind === 'battery' || kind === 'supply' ? 'down' : 'up'
      const limit = direction === 'down' ? 0 : kind === 'interface' ? LOAD_LIMIT : 100
      const fn: Target['fn'] = direction === 'down' ? 'min' : kind === 'storage' ? 'max' : 'avg'
      return [{ kind, group, metric, title, table, limit, direction, fn }]
    })
    .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
}

const ORDER: readonly ForecastKind[] = [
  'storage',
  'supply',
  'battery',
  'memory',
  ...FORECAST_KINDS.filter(kind => kind === 'interface'),
]
