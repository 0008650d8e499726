// One chart of a device or of a row as data for the script that draws it, as a page with a table, and
// as CSV: the same points each time.

import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import type { PageChart, PageGroup } from '../../profiles/face.ts'
import { checker } from '../../validate.ts'
import { numberText } from '../cells.ts'
import { type ChartData, type ChartSeries, readChart } from '../chart-data.ts'
import { chartForecast } from '../chart-forecast.ts'
import type { ChartPoint } from '../chart-points.ts'
import { rowPath } from '../charts.ts'
import type { Handler, WebContext } from '../context.ts'
import { csvLine } from '../csv.ts'
import { type DeviceView, loadDevice } from '../device-data.ts'
import { readerOf, wordsOf } from '../languages/say.ts'
import { page } from '../render.ts'
import { isLocal, type TimeWindow, windowOf, windowTools } from '../window.ts'
import { plainText } from '../words.ts'

const checkParams = checker(
  Type.Object({ id: Type.String(), group: Type.String(), chart: Type.String() }),
)
const checkRow = checker(Type.Object({ row: Type.Optional(Type.String({ maxLength: 512 })) }))

interface Asked {
  view: DeviceView
  group: PageGroup
  chart: PageChart
  row: { key: string; name: string } | null
  window: TimeWindow
  data: ChartData
}

/** @throws AppError E_NOT_FOUND, E_QUERY, E_WINDOW */
async function chartAsked(web: WebContext, request: FastifyRequest): Promise<Asked> {
  const params = checkParams(request.params)
  if (!params.ok) throw new AppError('E_NOT_FOUND', 'there is no such chart')
  const query = checkRow(request.query)
  if (!query.ok) throw new AppError('E_QUERY', 'the row is not valid', { errors: query.errors })
  const reader = readerOf(request)
  const window = windowOf(request.query, Date.now(), reader.zone)
  const view = await loadDevice(web, params.value.id)
  const group = view.groups.get(params.value.group)
  const chart = group?.charts.find(one => one.id === params.value.chart)
  if (!group || !chart) throw new AppError('E_NOT_FOUND', 'this device has no such chart')
  const key = query.value.row ?? null
  const row = key === null ? null : view.values.get(group.id)?.rows.find(one => one.key === key)
  if (row === undefined) throw new AppError('E_NOT_FOUND', 'this device has no such row')
  const data = await readChart(web.store, view, group, chart, window, key, wordsOf(reader))
  return { view, group, chart, row, window, data }
}

/** JSON of one chart: see ChartData; `ahead` is how it goes on. */
export function chartData(web: WebContext): Handler {
  return async (request, reply) => {
    const { view, group, chart, window, data } = await chartAsked(web, request)
    const reader = readerOf(request)
    const said = { words: wordsOf(reader).forecasts, language: reader.language }
    const asked = { view, group: group.id, chart, data }
    return reply.send({ ...data, ahead: await chartForecast(web, asked, window, said) })
  }
}

interface Moment {
  at: number
  points: (ChartPoint | undefined)[]
}

/** Each time at which any line has a point, newest first. */
function momentsOf(lines: readonly (readonly ChartPoint[])[]): Moment[] {
  const times = new Map<number, (ChartPoint | undefined)[]>()
  for (const [index, points] of lines.entries()) {
    for (const point of points) {
      const of = times.get(point[0]) ?? lines.map(() => undefined)
      times.set(point[0], of)
      of[index] = point
    }
  }
  return [...times].sort(([a], [b]) => b - a).map(([at, points]) => ({ at, points }))
}

/** The chart as a page without scripts: every point, with the reason where there is none. */
export function chartTable(web: WebContext): Handler {
  return async (request, reply) => {
    const { view, group, chart, row, window, data } = await chartAsked(web, request)
    const reader = readerOf(request)
    const words = wordsOf(reader)
    const { name } = view.device.config
    const about = [chart.title, row?.name, name].map(text => plainText(text, 100)).filter(Boolean)
    const keep = row ? `row=${encodeURIComponent(row.key)}&` : ''
    if (isLocal(request.query)) return reply.redirect(`?${keep}${window.query}`, 302)
    const moments = momentsOf(data.series.map(({ points }) => points))
    return page(request, reply, 'chart', {
      title: about.join(' · '),
      id: view.id,
      name: plainText(name, 100),
      heading: plainText(chart.title, 100),
      row: row && { name: plainText(row.name, 120), href: rowPath(view.id, group.id, row.key) },
      query: window.query,
      keep,
      csvHref: `csv?${keep}${window.query}`,
      window,
      tools: windowTools(window, Date.now(), reader.zone),
      columns: data.series.map(({ title }) => title),
      isState: data.type === 'status',
      moments: moments.map(({ at, points }) => ({
        at,
        cells: points.map((point, index) => cellText(data, data.series[index], point, words.gap)),
      })),
      gaps: data.gaps,
      maintenance: data.maintenance.filter(([from]) => from < data.to),
      maintenanceLeft: data.maintenanceLeft,
    })
  }
}

function cellText(
  data: ChartData,
  series: ChartSeries | undefined,
  point: ChartPoint | undefined,
  reasons: Readonly<Record<string, string>>,
): { text: string; isGap: boolean } {
  if (!point || !series) return { text: '', isGap: false }
  const [, value, gap] = point
  if (value === null) return { text: (gap && reasons[gap]) || '–', isGap: true }
  const state = data.states[series.metric]?.find(one => one.value === value)
  return { text: state?.name ?? numberText(data, value), isGap: false }
}

/** Times are ISO 8601 in UTC, oldest first; numbers are in the unit of the head, states are words. */
export function chartCsv(web: WebContext): Handler {
  return async (request, reply) => {
    const { view, group, chart, row, data } = await chartAsked(web, request)
    const lines = data.series.flatMap(({ before, points }) =>
      before.length > 0 ? [points, before] : [points],
    )
    const titles = data.series.flatMap(({ title, before }) => {
      const named = data.unit === '1' || data.type === 'status' ? title : `${title} (${data.unit})`
      return before.length > 0 ? [named, `${named}, a week before`] : [named]
    })
    const owners = data.series.flatMap(one => (one.before.length > 0 ? [one, one] : [one]))
    const body = momentsOf(lines)
      .reverse()
      .map(({ at, points }) => {
        const reason = points.find(point => point && point[1] === null && point[2])?.[2] ?? ''
        const cells = points.map((point, index) => {
          const value = point?.[1] ?? null
          if (value === null) return ''
          const states = data.states[owners[index]?.metric ?? '']
          return states?.find(one => one.value === value)?.name ?? String(value)
        })
        return csvLine([new Date(at).toISOString(), ...cells, reason])
      })
    const file = [view.id, group.id, row?.key ?? '', chart.id].filter(Boolean).join('-')
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="${file.replace(/[^\w.-]+/g, '_')}.csv"`)
      .send(csvLine(['time', ...titles, 'gap']) + body.join(''))
  }
}
