// The last values of all devices for Prometheus to scrape, `/metrics/devices`. What is old is left out:
// Prometheus would take it for new.

import { Readable } from 'node:stream'
import Type, { type Static } from 'typebox'
import { type Labels, seriesLabels } from '../../export/labels.ts'
import { type Exported, exportedMetrics, scaled } from '../../export/metrics.ts'
import type { LatestSample } from '../../live/contract.ts'
import type { Device } from '../../model/device.ts'
import { parser } from '../../validate.ts'
import { seriesFacts } from '../api/series-facts.ts'
import type { Handler, WebContext } from '../context.ts'
import { createExposition, type Exposition } from './exposition.ts'

/** Series in one answer: some 40 MB of text. */
const seriesMax = 200_000
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

async function addValues(
  exposition: Exposition,
  web: WebContext,
  device: Device,
  query: Query,
): Promise<void> {
  const exported = wantedMetrics(web, device, query)
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
    exposition.add({ name, help, type }, labels, scaled(value, factor))
  }
}

/** By `group.metric`. */
function wantedMetrics(
  web: WebContext,
  device: Device,
  { metric: wanted }: Query,
): Map<string, Exported> {
  const isNamed = ({ id, group, name }: Exported) =>
    wanted.length === 0 || [id, group, name].some(one => wanted.includes(one))
  const exported = exportedMetrics(device, web.plan).filter(isNamed)
  return new Map(exported.map(metric => [metric.id, metric]))
}
