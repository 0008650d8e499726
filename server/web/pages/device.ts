// The page of one device, the data of its charts, and the receipt of its last change.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { readChart } from '../chart-data.ts'
import type { Handler, WebContext } from '../context.ts'
import { loadDevice } from '../device-data.ts'
import { devicePageData, stepsOf } from '../device-page.ts'
import { shortEvents } from '../event-list.ts'
import { fragment, page } from '../render.ts'
import { RANGES, windowOf, withDefaultRange } from '../window.ts'

const checkId = checker(Type.Object({ id: Type.String() }))
const checkChart = checker(
  Type.Object({ id: Type.String(), group: Type.String(), chart: Type.String() }),
)
const checkRow = checker(Type.Object({ row: Type.Optional(Type.String({ maxLength: 512 })) }))

function idOf(params: unknown): string {
  const checked = checkId(params)
  if (!checked.ok) throw new AppError('E_NOT_FOUND', 'there is no such device')
  return checked.value.id
}

export function devicePage(web: WebContext): Handler {
  return async (request, reply) => {
    const now = Date.now()
    const id = idOf(request.params)
    const device = await web.devices.get(id)
    const window = windowOf(withDefaultRange(request.query, now - (device?.createdAt ?? 0)), now)
    const data = await devicePageData(web, id, window)
    const events = device ? await shortEvents(web, { id, uid: device.uid }, null) : {}
    return page(request, reply, 'device', {
      title: data.header.name,
      ranges: RANGES,
      ...data,
      ...events,
    })
  }
}

/** JSON of one chart: see ChartData. */
export function chartData(web: WebContext): Handler {
  return async (request, reply) => {
    const params = checkChart(request.params)
    if (!params.ok) throw new AppError('E_NOT_FOUND', 'there is no such chart')
    const query = checkRow(request.query)
    if (!query.ok) throw new AppError('E_QUERY', 'the row is not valid', { errors: query.errors })
    const window = windowOf(request.query, Date.now())
    const view = await loadDevice(web, params.value.id)
    const group = view.groups.get(params.value.group)
    const chart = group?.charts.find(one => one.id === params.value.chart)
    if (!group || !chart) throw new AppError('E_NOT_FOUND', 'this device has no such chart')
    const row = query.value.row ?? null
    if (row !== null && !view.values.get(group.id)?.rows.some(one => one.key === row))
      throw new AppError('E_NOT_FOUND', 'this device has no such row')
    return reply.send(await readChart(web.store, view, group, chart, window, row))
  }
}

export function receiptsFragment(web: WebContext): Handler {
  return async (request, reply) => {
    const id = idOf(request.params)
    const view = await loadDevice(web, id)
    const steps = stepsOf(view, web.devices.receipts(id), Date.now())
    return fragment(request, reply, 'device/_receipts', { id, steps })
  }
}
