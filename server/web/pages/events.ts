// The page of events, comments on devices and rows, and for how long events are kept.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import { rowPath } from '../charts.ts'
import type { Handler, WebContext } from '../context.ts'
import { eventListData } from '../event-list.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { readValues } from './device-fields.ts'

const checkId = checker(Type.Object({ id: Type.String() }))
const checkQuery = checker(Type.Record(Type.String(), Type.Unknown()))

export function eventsPage(web: WebContext): Handler {
  return async (request, reply) => {
    const asked = checkQuery(request.query)
    const data = await eventListData(web, asked.ok ? asked.value : {})
    return page(request, reply, 'events', {
      title: say(request).nav.events,
      ...data,
      days: await web.events.days(),
    })
  }
}

export function commentDevice(web: WebContext): Handler {
  return async (request, reply) => {
    const params = checkId(request.params)
    const device = params.ok ? await web.devices.get(params.value.id) : null
    if (!device) throw new AppError('E_NOT_FOUND', 'there is no such device')
    const { text = '', group = '', row = '' } = readValues(request.body)
    const { id } = device.config
    const about = group !== '' && row !== '' ? { group, row } : undefined
    if (about) await assertRow(web, device.uid, about)
    const by = actorOf(request)
    await web.events.comment({ id, uid: device.uid }, { text, about }, by)
    const path = about ? rowPath(id, group, row) : `/devices/${encodeURIComponent(id)}`
    return goTo(request, reply, `${path}#events`)
  }
}

async function assertRow(web: WebContext, uid: number, about: { group: string; row: string }) {
  const rows = await web.store.samples.rows(uid, about.group)
  if (!rows.some(({ key }) => key === about.row))
    throw new AppError('E_NOT_FOUND', 'this device has no such row')
}

export function changeEventDays(web: WebContext): Handler {
  return async (request, reply) => {
    const by = actorOf(request)
    await web.events.setDays(readValues(request.body).days ?? '', by)
    return goTo(request, reply, '/events#kept')
  }
}
