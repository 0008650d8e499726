// What the device page shows, as data for views/device: sections with their numbers, charts and
// tables, the steps of the last change, and the facts. The live stream renders from the same.

import { createHash } from 'node:crypto'
import type { Receipt } from '../model/collection.ts'
import { FACTS } from '../model/profile.ts'
import type { DevicePolling } from '../poll/contract.ts'
import type { PageGroup, PageSection } from '../profiles/face.ts'
import { agentNote } from './agent-note.ts'
import { type Cell, cellOf } from './cells.ts'
import { type Figure, groupFigures, metricsOf } from './charts.ts'
import type { WebContext } from './context.ts'
import { type DeviceView, loadDevice } from './device-data.ts'
import { type Step, stepsOf } from './device-steps.ts'
import type { Dictionary } from './languages/en.ts'
import { type Reader, wordsOf } from './languages/say.ts'
import { paceOf, type ReadLine, readsOf } from './reads.ts'
import { type TableFilter, type TableView, tableOf } from './tables.ts'
import { type TuningView, tuningView } from './tuning.ts'
import type { TimeWindow } from './window.ts'
import { plainText, type StatusView, statusView } from './words.ts'

export interface Stat extends Cell {
  group: string
  title: string
  description: string
  /** 0 to 100 for a bar; null: none. */
  percent: number | null
}

export interface SectionView {
  id: string
  title: string
  stats: Stat[]
  headline: Figure[]
  more: Figure[]
  tables: TableView[]
}

export interface Header {
  id: string
  name: string
  kind: string
  address: string
  location: string
  tags: string[]
  enabled: boolean
  source: string
  status: StatusView
}

/** How it is configured, what came of that, and what reading it costs. */
export interface About {
  version: number
  /** Unix ms of the last change. */
  changedAt: number
  steps: Step[]
  /** Its JSON document; secrets are names in it. */
  config: string
  /** Null: this process does not poll it. */
  cost: DevicePolling | null
}

export interface DevicePage extends Record<string, unknown> {
  id: string
  everyMs: number
  header: Header
  facts: { title: string; value: string }[]
  chosenBecause: string[]
  reads: ReadLine[]
  /** How the last reads went, as a sentence; empty where nothing is known. */
  pace: string
  tuning: TuningView | null
  sections: SectionView[]
  /** Empty where there is nothing new to tell. */
  steps: Step[]
  about: About
  /** Where an agent does not do yet what is asked of it; else empty. */
  agentNote: string
  /** A sentence in the place of the charts; empty where there are some. */
  waiting: string
  /** Changes when other charts or tables are to be shown. */
  shape: string
  window: TimeWindow
}

/** @throws AppError E_NOT_FOUND */
export async function devicePageData(
  web: WebContext,
  id: string,
  window: TimeWindow,
  filter: TableFilter | null,
  reader: Reader,
): Promise<DevicePage> {
  const words = wordsOf(reader)
  const view = await loadDevice(web, id)
  const sections = (
    await Promise.all(view.sections.map(section => sectionView(web, view, section, window, filter)))
  ).filter(isFilled)
  const header = headerOf(web, view, words)
  const { steps, isNews } = stepsOf(view, web.devices.receipts(id), Date.now(), words)
  const { identity } = view.device
  return {
    id,
    everyMs: view.everyMs,
    header,
    facts: factsOf(identity?.facts ?? {}, [header.name, header.location]),
    chosenBecause: (identity?.chosenBecause ?? []).map(text => plainText(text, 400)),
    reads: readsOf(web, view),
    pace: paceOf(web.polling?.(id) ?? null),
    tuning: tuningView(web, view),
    sections,
    steps: isNews ? steps : [],
    about: aboutOf(web, view, steps),
    agentNote: agentNote(view, words),
    waiting: sections.length > 0 ? '' : waitingText(view, header, web.devices.receipts(id), words),
    shape: shapeOf(sections, identity?.at ?? 0),
    window,
  }
}

function aboutOf(web: WebContext, { device, id }: DeviceView, steps: Step[]): About {
  return {
    version: device.version,
    changedAt: device.updatedAt,
    steps,
    config: JSON.stringify(device.config, null, 2),
    cost: web.polling?.(id) ?? null,
  }
}

const isFilled = (section: SectionView): boolean =>
  section.stats.length + section.headline.length + section.more.length + section.tables.length > 0

export function headerOf(web: WebContext, { device, id }: DeviceView, words: Dictionary): Header {
  const { name, kind, address, port, location, tags, enabled } = device.config
  const status = statusView(web.devices.status(id), words)
  return {
    id,
    name: plainText(name, 100),
    kind,
    address: plainText([address, port].filter(part => part !== undefined).join(':'), 255),
    location: plainText(location, 100),
    tags: (tags ?? []).map(tag => plainText(tag, 40)),
    enabled,
    source: device.source,
    // Judge says so a moment after the config; a person who has just paused it must see it at once.
    status: enabled
      ? status
      : { ...status, state: 'paused', symbol: 'paused', word: words.status.paused },
  }
}

export async function sectionView(
  web: WebContext,
  view: DeviceView,
  { id, title, groups }: PageSection,
  window: TimeWindow,
  filter: TableFilter | null,
): Promise<SectionView> {
  const figures = groups.map(group => groupFigures(view, group, window))
  const tables = await Promise.all(groups.map(group => tableOf(web.store, view, group, filter)))
  return {
    id,
    title,
    stats: groups.flatMap(group => statsOf(view, group)),
    headline: figures.flatMap(one => one.headline),
    more: figures.flatMap(one => one.more),
    tables: tables.filter(table => table !== null),
  }
}

/** Scalars that are no line of a chart: big values, and what no chart has. */
function statsOf(view: DeviceView, group: PageGroup): Stat[] {
  const values = view.values.get(group.id)
  if (group.table || !values) return []
  const inLines = new Set(
    group.charts
      .filter(({ type }) => type !== 'value' && type !== 'gauge' && type !== 'table')
      .flatMap(chart => metricsOf(group, chart)),
  )
  const gauges = new Set(
    group.charts.filter(({ type }) => type === 'gauge').flatMap(chart => chart.metrics),
  )
  return group.metrics.flatMap(metric => {
    const sample = values.get(null, metric.id)
    if (inLines.has(metric) || !sample || sample.gap === 'no-such-object') return []
    const isGauge = gauges.has(metric.id) || metric.unit === '%'
    const percent = isGauge && typeof sample.value === 'number' ? clamp(sample.value) : null
    const { title, description } = metric
    return [{ ...cellOf(metric, sample), group: group.id, title, description, percent }]
  })
}

const clamp = (value: number): number => Math.min(100, Math.max(0, value))

const FACT_TITLES: Partial<Record<string, string>> = { os: 'OS', descr: 'Description' }

/** What the device says of itself, but what its header says already. */
function factsOf(
  facts: Readonly<Record<string, string>>,
  known: readonly string[],
): DevicePage['facts'] {
  return FACTS.flatMap(fact => {
    const value = plainText(facts[fact], 300)
    const title = FACT_TITLES[fact] ?? `${fact.charAt(0).toUpperCase()}${fact.slice(1)}`
    return value === '' || known.includes(value) ? [] : [{ title, value }]
  })
}

/** Why there is nothing to draw yet, and when there will be. */
function waitingText(
  view: DeviceView,
  { status }: Header,
  receipts: readonly Receipt[],
  { device }: Dictionary,
): string {
  if (!view.device.config.enabled) return device.waitingPaused
  if (status.state === 'down') return device.waitingDown(status.why)
  const next = receipts.findLast(one => one.nextPollAt !== undefined)?.nextPollAt ?? Date.now()
  return device.waitingFirst(Math.ceil(Math.max(view.everyMs / 2, next - Date.now()) / 1000))
}

function shapeOf(sections: readonly SectionView[], identifiedAt: number): string {
  const parts = sections.map(({ id, stats, headline, more, tables }) => [
    id,
    stats.map(stat => stat.title),
    // Which rows are busiest changes all the time; those that are drawn stay until the next load.
    [...headline, ...more].map(({ id: figure, row, group, title: of }) =>
      row === '' ? figure : [group, of],
    ),
    tables.map(({ group, columns }) => [group, columns.map(({ metric }) => metric.id)]),
  ])
  return createHash('sha256')
    .update(JSON.stringify([identifiedAt, parts]))
    .digest('base64url')
    .slice(0, 12)
}
