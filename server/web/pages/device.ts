// The page of one device, and the receipt of its last change.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { loadDevice } from '../device-data.ts'
import { devicePageData, stepsOf } from '../device-page.ts'
import { shortEvents } from '../event-list.ts'
import { readerOf } from '../languages/say.ts'
import { fragment, page } from '../render.ts'
import { filterQuery, tableFilter } from '../tables.ts'
import { isLocal, windowOf, windowTools, withDefaultRange } from '../window.ts'

const checkId = checker(Type.Object({ id: Type.String() }))

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
    const reader = readerOf(request)
    const { zone } = reader
    const asked = withDefaultRange(request.query, now - (device?.createdAt ?? 0))
    const window = windowOf(asked, now, zone)
    const filter = tableFilter(request.query)
    if (isLocal(request.query)) return reply.redirect(`?${filterQuery(filter)}${window.query}`, 302)
    const data = await devicePageData(web, id, window, filter, reader)
    const events = device ? await shortEvents(web, { id, uid: device.uid }, null) : {}
    return page(request, reply, 'device', {
      title: data.header.name,
      tools: windowTools(window, now, zone),
      keep: filterQuery(filter),
      ...data,
      ...events,
    })
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
