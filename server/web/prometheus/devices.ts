// The last values of all devices for Prometheus to scrape, `/metrics/devices`. What is old is left out:
// Prometheus would take it for new.

import { Readable } from 'node:stream'
import Type, { type Static } from 'typebox'
import type { LatestSample } from '../../live/contract.ts'
import { shownProfiles } from '../../model/beside.ts'
import type { Device } from '../../model/device.ts'
import { parseDuration } from '../../model/duration.ts'
import type { PageGroup, PageMetric } from '../../profiles/face.ts'
import { pageOf } from '../../profiles/page.ts'
import { parser } from '../../validate.ts'
import { seriesFacts } from '../api/series-facts.ts'
import type { Handler, WebContext } from '../context.ts'
import { createExposition, type Exposition } from './exposition.ts'
import { type Labels, seriesLabels } from './labels.ts'
import { type ExportName, exportName } from './names.ts'

/** Series in one answer: some 40 MB of text. */
const seriesMax = 200_000
/** A value is old after so many intervals of its group, and never before `freshMsMin`. */
const freshIntervals = 3
const freshMsMin = 5 * 60_000
const filtersMax = 100

const Some = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: filtersMax })
const Query = Type.Object(
  { device: Some, tag: Some, metric: Some },
  { additionalProperties: false },
)
type Query = Static<typeof Query>
const parseQuery = parser(Query, 'E_REQUEST', 'the query')

export function deviceMetricsText(web: WebContext): Handler {
  return async (request, reply) => {
    const query = queryOf(request.url)
    const devices = (await web.devices.list()).filter(device => isWanted(device, query))
    const exposition = createExposition(seriesMax)
    for (const device of devices) addState(exposition, web, device)
    for (const device of devices) await addValues(exposition, web, device, query)
    reply.type('text/plain; version=0.0.4; charset=utf-8')
    return reply.send(Readable.from(exposition.texts()))
  }
}

/** Each parameter may be repeated. @throws AppError E_REQUEST that names what is not one */
function queryOf(url: string): Query {
  const { searchParams } = new URL(url, 'http://here')
  const given = Object.fromEntries(
    [...new Set(searchParams.keys())].map(key => [key, searchParams.getAll(key)]),
  )
  return parseQuery({ device: [], tag: [], metric: [], ...given })
}

/** One of the devices, and all of the tags. */
function isWanted({ config }: Device, { device, tag }: Query): boolean {
  const { id, tags = [] } = config
  return (device.length === 0 || device.includes(id)) && tag.every(one => tags.includes(one))
}

const INFO = {
  name: 'pollux_device_info',
  help: 'A device of Pollux; its labels join to the other series by `device`.',
  type: 'gauge',
} as const
const UP = {
  name: 'pollux_device_up',
  help: 'Whether the device answers; absent while that is unknown or it is paused.',
  type: 'gauge',
} as const

function addState(exposition: Exposition, web: WebContext, { config }: Device): void {
  const { id, kind, name, location = '', tags = [] } = config
  const address = 'address' in config ? (config.address ?? '') : ''
  const facts: Labels = [
    ...([
      ['device', id],
      ['name', name ?? id],
      ['kind', kind],
    ] as const),
    ...([
      ['address', address],
      ['location', location],
      ['tags', tags.join(',')],
    ] as const),
  ]
  exposition.add(INFO, facts, 1)
  const state = web.devices.status(id)?.state
  const isUp = state === 'up' || state === 'degraded'
  if (isUp || state === 'down') exposition.add(UP, [['device', id]], isUp ? 1 : 0)
}

interface Exported extends ExportName {
  help: string
  freshMs: number
  isText: boolean
}

async function addValues(
  exposition: Exposition,
  web: WebContext,
  device: Device,
  query: Query,
): Promise<void> {
  const exported = exportedMetrics(web, device, query)
  if (exported.size === 0) return
  const [latest, facts] = await Promise.all([web.live.latest(device.uid), seriesFacts(web, device)])
  const now = Date.now()
  for (const sample of latest) {
    const metric = exported.get(`${sample.group}.${sample.metric}`)
    if (!metric || !isShown(sample, metric.freshMs, now)) continue
    const { group, row } = sample
    const labels = seriesLabels(device.config.id, group, row, facts.row(group, row))
    addValue(exposition, metric, labels, sample)
  }
}

/** Neither a gap nor old. */
export function isShown(
  { at, gap }: Pick<LatestSample, 'at' | 'gap'>,
  freshMs: number,
  now: number,
): boolean {
  return gap === null && now - at <= freshMs
}

function addValue(
  exposition: Exposition,
  { name, factor, type, help, isText }: Exported,
  labels: Labels,
  { value }: LatestSample,
): void {
  if (isText) {
    if (typeof value !== 'string') return
    const family = { name: `${name}_info`, help, type: 'gauge' } as const
    exposition.add(family, [...labels, ['value', value]], 1)
  } else if (typeof value === 'number') {
    exposition.add({ name, help, type }, labels, factor === 1 ? value : scaled(value, factor))
  }
}

/** Without the noise of binary fractions: 7 % are 0.07. */
const scaled = (value: number, factor: number) => Number((value * factor).toPrecision(15))

/** By `group.metric`. */
function exportedMetrics(
  web: WebContext,
  { identity, config }: Device,
  { metric: wanted }: Query,
): Map<string, Exported> {
  const groups = pageOf(web.plan(shownProfiles(config, identity?.profiles ?? []))).flatMap(
    section => section.groups,
  )
  const everyMs = parseDuration(config.every)
  return new Map(
    groups.flatMap(group =>
      group.metrics
        .map(
          metric => [`${group.id}.${metric.id}`, exportedMetric(group, metric, everyMs)] as const,
        )
        .filter(([id, { name }]) => {
          return wanted.length === 0 || [id, group.id, name].some(one => wanted.includes(one))
        }),
    ),
  )
}

function exportedMetric(group: PageGroup, metric: PageMetric, everyMs: number): Exported {
  const freshMs = freshIntervals * Math.max(everyMs, group.everyMs ?? 0)
  return {
    ...exportName(group.id, metric),
    help: helpOf(group, metric),
    freshMs: Math.max(freshMsMin, freshMs),
    isText: metric.kind === 'text',
  }
}

function helpOf(group: PageGroup, { title, description, states }: PageMetric): string {
  const numbers = states.flatMap(({ value, name }) => (value === null ? [] : [`${value} ${name}`]))
  const parts = [`${group.title}: ${title}`, description, numbers.join(', ')]
  return parts.filter(part => part !== '').join('. ')
}
