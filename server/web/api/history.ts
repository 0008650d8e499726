// GET /api/v1/samples: what one metric of a device was over a time, raw or in buckets.

import Type, { type Static } from 'typebox'
import type { Value } from '../../model/collection.ts'
import type { Device } from '../../model/device.ts'
import { AppError, type FieldError } from '../../model/errors.ts'
import type { GapReason } from '../../model/gap.ts'
import { SAMPLE_FUNCTIONS, type SeriesPoints } from '../../store/contract.ts'
import type { Route, WebContext } from '../context.ts'
import { call, closed } from './call.ts'
import { knownDevice } from './device-answer.ts'
import { unitsOf } from './series-facts.ts'
import { timeSpan } from './times.ts'

const pointsMax = 5000
/** Rows in one answer. */
const rowsMax = 200

const Query = Type.Object(
  {
    device: Type.String(),
    metric: Type.String({ maxLength: 100, pattern: '^[a-z0-9_]+\\.[a-z0-9_]+$' }),
    row: Type.Optional(Type.Array(Type.String({ maxLength: 512 }), { maxItems: rowsMax })),
    from: Type.Optional(Type.String({ maxLength: 40 })),
    to: Type.Optional(Type.String({ maxLength: 40 })),
    points: Type.Optional(Type.Integer({ minimum: 1, maximum: pointsMax })),
    fn: Type.Optional(Type.Enum(SAMPLE_FUNCTIONS)),
  },
  closed,
)
type Query = Static<typeof Query>

export interface HistoryAnswer {
  device: string
  metric: string
  unit: string | null
  /** Unix ms, both included. */
  from: number
  to: number
  series: {
    /** null: the metric is no table's. */
    row: string | null
    points: [at: number, value: NonNullable<Value>][]
    gaps: [at: number, reason: GapReason][]
  }[]
}

export function historyCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/samples',
    permission: 'devices.read',
    summary: 'What a metric was over a time',
    query: Query,
    async answer({ query }): Promise<HistoryAnswer> {
      const device = await knownDevice(web, query.device)
      const { from, to, errors } = timeSpan(query, Date.now())
      if (query.fn !== undefined && query.points === undefined)
        errors.push({ path: 'fn', message: 'needs points: without, every sample is answered' })
      if (errors.length > 0) throw refused(errors)
      const [group = '', metric = ''] = query.metric.split('.')
      const unit = unitsOf(web, device).get(query.metric) ?? null
      await assertRows(web, device, { group, metric, isKnown: unit !== null }, query)
      const series = await web.store.samples
        .read({
          deviceUid: device.uid,
          group,
          metrics: [metric],
          from,
          to,
          ...(query.row ? { rows: query.row } : {}),
          ...(query.points === undefined ? {} : { points: query.points }),
          ...(query.fn === undefined ? {} : { fn: query.fn }),
        })
        .catch(tooMuch)
      return {
        device: query.device,
        metric: query.metric,
        unit,
        from,
        to,
        series: series.map(seriesAnswer),
      }
    },
  })
}

function refused(errors: FieldError[]): AppError {
  const [first] = errors
  return new AppError(
    'E_SAMPLE_QUERY',
    `the query is not valid: ${first?.path} ${first?.message}`,
    {
      errors,
    },
  )
}

/**
 * The metric and the rows asked for exist, and are not too many for one answer. A metric that a
 * profile of the device reads, and of which nothing is stored yet, has no rows yet.
 */
async function assertRows(
  web: WebContext,
  device: Device,
  wanted: { group: string; metric: string; isKnown: boolean },
  { metric, row: asked }: Query,
): Promise<void> {
  const { id } = device.config
  const rows = (await web.store.samples.series(device.uid))
    .filter(one => one.group === wanted.group && one.metric === wanted.metric)
    .map(one => one.row)
  if (rows.length === 0 && wanted.isKnown) return
  if (rows.length === 0) {
    const message = `"${id}" has no samples of "${metric}": GET /api/v1/devices/${id}/series lists what it has`
    throw refused([{ path: 'metric', message }])
  }
  const known = new Set(rows)
  const unknown = (asked ?? []).filter(key => !known.has(key))
  if (unknown.length > 0)
    throw refused(
      unknown.slice(0, 20).map(key => ({ path: 'row', message: `"${key}" is unknown` })),
    )
  if (!asked && rows.length > rowsMax) {
    const message = `"${metric}" has ${rows.length} rows: name at most ${rowsMax} of them`
    throw refused([{ path: 'row', message }])
  }
}

/** The store's own bounds, with the field that mends it. */
function tooMuch(error: unknown): never {
  if (error instanceof AppError && error.code === 'E_SAMPLE_QUERY')
    throw refused([
      { path: 'from', message: `${error.message}: ask for a shorter time or fewer rows` },
    ])
  throw error
}

function seriesAnswer({ row, points }: SeriesPoints): HistoryAnswer['series'][number] {
  const answer: HistoryAnswer['series'][number] = { row, points: [], gaps: [] }
  for (const { at, value, gap } of points) {
    if (value !== null) answer.points.push([at, value])
    else if (gap !== null) answer.gaps.push([at, gap])
  }
  return answer
}
