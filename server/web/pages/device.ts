// The page of one device, and the receipt of its last change.

import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { mayDo } from '../actor.ts'
import { agentNote } from '../agent-note.ts'
import { deviceAlarms } from '../alarm-lists.ts'
import type { Handler, WebContext } from '../context.ts'
import { loadDevice } from '../device-data.ts'
import { type DevicePage, devicePageData } from '../device-page.ts'
import { stepsOf } from '../device-steps.ts'
import { shortEvents } from '../event-list.ts'
import { readerOf, wordsOf } from '../languages/say.ts'
import { fragment, page } from '../render.ts'
import { filterQuery, tableFilter } from '../tables.ts'
import { WATCH_EVERY_MS } from '../watching.ts'
import { isLocal, windowOf, windowTools, withDefaultRange } from '../window.ts'

const checkWatch = checker(Type.Object({ watch: Type.Optional(Type.String()) }))
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
    const alarms = device ? await deviceAlarms(web, { id, uid: device.uid }) : { alarmLines: null }
    const watch = watchOf(request, data)
    const filtered = filterQuery(filter)
    return page(request, reply, 'device', {
      title: data.header.name,
      tools: windowTools(window, now, zone),
      keep: watch === 'on' ? `watch=1&${filtered}` : filtered,
      watch,
      watchHref: `${watch === 'on' ? '' : 'watch=1&'}${filtered}${window.query}`,
      watchSeconds: WATCH_EVERY_MS / 1000,
      ...data,
      ...events,
      ...alarms,
    })
  }
}

/** Whether the page watches the device live, and whether its reader may: empty, he may not. */
function watchOf(request: FastifyRequest, { header, everyMs }: DevicePage): 'on' | 'off' | '' {
  const isPolled = header.enabled && header.kind !== 'agent' && header.kind !== 'mqtt'
  const isFast = everyMs <= WATCH_EVERY_MS
  if (!isPolled || isFast || !mayDo(request.viewer, 'devices.poll')) return ''
  const asked = checkWatch(request.query)
  return asked.ok && asked.value.watch === '1' ? 'on' : 'off'
}

export function receiptsFragment(web: WebContext): Handler {
  return async (request, reply) => {
    const id = idOf(request.params)
    const view = await loadDevice(web, id)
    const receipts = web.devices.receipts(id)
    const words = wordsOf(readerOf(request))
    const { steps, isNews } = stepsOf(view, receipts, Date.now(), words)
    return fragment(request, reply, 'device/_receipts', {
      id,
      steps: isNews ? steps : [],
      agentNote: agentNote(view, words),
    })
  }
}
