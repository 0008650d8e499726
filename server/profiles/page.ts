// The device page of a plan, from profiles alone: sections in fixed order, in them groups, in them
// charts. Nothing here knows a device by name.

import { type Role, SECTIONS, type Section } from '../model/profile.ts'
import type { Group, Metric } from './definition.ts'
import type { PageChart, PageGroup, PageMetric, PageSection, Plan } from './face.ts'

const TITLES: Record<Section, string> = {
  system: 'System',
  interfaces: 'Interfaces',
  cpu: 'CPU',
  memory: 'Memory',
  storage: 'Storage',
  sensors: 'Sensors',
  power: 'Power',
  wireless: 'Wireless',
  printer: 'Printer',
  routing: 'Routing',
  containers: 'Containers',
  inventory: 'Inventory',
  other: 'Other',
}

/** The page of these profiles; hidden groups are not on it. */
export function pageOf(plan: Plan): PageSection[] {
  const groups = [...plan.definition.groups.values()].map(({ group }) => group)
  return SECTIONS.flatMap(section => {
    const here = groups
      .filter(group => !group.hidden && group.section === section && metricsOf(group).length > 0)
      .sort((a, b) => a.order - b.order)
    return here.length === 0
      ? []
      : [{ id: section, title: TITLES[section], groups: here.map(pageGroup) }]
  })
}

/** Which metrics have a meaning that holds for every vendor. */
export function rolesOf(plan: Plan): { role: Role; group: string; metric: string }[] {
  return [...plan.definition.groups.values()].flatMap(({ group }) =>
    metricsOf(group).flatMap(({ id, role }) =>
      role === null ? [] : [{ role, group: group.id, metric: id }],
    ),
  )
}

function metricsOf(group: Group): Metric[] {
  return group.slots.flatMap(({ metric }) => (metric?.shown ? [metric] : []))
}

function pageGroup(group: Group): PageGroup {
  const { id, title, description, table, augments, everyMs } = group
  const metrics = metricsOf(group)
  const charts = [...writtenCharts(group), ...defaultCharts(group, metrics)]
  return {
    id,
    title,
    description,
    table,
    metrics: metrics.map(pageMetric),
    charts: charts.sort((a, b) => a.order - b.order),
    augments,
    everyMs,
  }
}

function pageMetric(metric: Metric): PageMetric {
  const { id, title, unit, kind, role, decimals, description, states } = metric
  return { id, title, unit, kind, role, decimals, description, states }
}

const CHART: Omit<PageChart, 'id' | 'title' | 'type' | 'metrics'> = {
  per: 'row',
  mirror: [],
  ceiling: null,
  min: null,
  max: null,
  top: 20,
  average: false,
  order: 100,
  headline: false,
}

function writtenCharts(group: Group): PageChart[] {
  return Object.entries(group.charts)
    .filter(([id]) => id !== '//')
    .map(([id, doc]) => ({
      ...CHART,
      id,
      title: doc.title,
      type: doc.type ?? 'line',
      per: doc.per ?? 'row',
      metrics: doc.metrics,
      mirror: doc.mirror ?? [],
      ceiling: doc.ceiling ?? null,
      min: doc.min ?? null,
      max: doc.max ?? null,
      top: doc.top ?? CHART.top,
      average: doc.average ?? false,
      order: doc.order ?? CHART.order,
      headline: doc.headline ?? false,
    }))
}

/**
 * Metrics in no chart get one by rule: in scalars one line chart for each unit, in tables one for
 * each metric; states and flags share a status strip, texts a table.
 */
function defaultCharts(group: Group, metrics: readonly Metric[]): PageChart[] {
  const drawn = new Set(
    Object.entries(group.charts).flatMap(([id, doc]) =>
      id === '//' ? [] : [...doc.metrics, doc.ceiling ?? ''],
    ),
  )
  const left = metrics.filter(metric => metric.chart && !drawn.has(metric.id))
  const states = left.filter(({ kind }) => kind === 'state' || kind === 'flags')
  const texts = left.filter(({ kind }) => kind === 'text')
  const numbers = left.filter(metric => !states.includes(metric) && !texts.includes(metric))
  const charts: PageChart[] = []
  const add = (id: string, title: string, type: PageChart['type'], of: readonly Metric[]) => {
    if (of.length === 0) return
    const per = group.table ? 'group' : 'row'
    charts.push({ ...CHART, id, title, type, per, metrics: of.map(metric => metric.id) })
  }
  add('auto_status', 'Status', 'status', states)
  if (group.table) {
    for (const metric of numbers)
      add(`auto_${metric.id}`, metric.title, lineFor([metric]), [metric])
  } else {
    for (const [unit, of] of Map.groupBy(numbers, metric => metric.unit)) {
      const title = of.length === 1 ? (of[0]?.title ?? group.title) : group.title
      add(`auto_${of[0]?.id ?? unit}`, title, lineFor(of), of)
    }
  }
  add('auto_text', 'Details', 'table', texts)
  return charts
}

/** Totals are shown as what was added in each step of time. */
function lineFor(metrics: readonly Metric[]): 'line' | 'bars' {
  return metrics.every(metric => metric.kind === 'total') ? 'bars' : 'line'
}
