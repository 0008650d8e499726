// The forms that change for how long samples, and hourly rows, are kept. What would be dropped is shown
// first, and is saved only by a second step that says what was shown.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FieldError } from '../../model/errors.ts'
import { RETENTION_CLASSES } from '../../model/retention.ts'
import type { DaysKept } from '../../store/contract.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { droppedBy, droppedHours, readDays, readHourlyDays } from '../retention.ts'
import { readValues } from './device-fields.ts'
import { showSettings } from './settings.ts'

export function changeRetention(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    // A form without a class is that of the default one.
    const kept = values.kept ?? 'default'
    const known = RETENTION_CLASSES.find(one => one === kept)
    const wrong = (errors: FieldError[]) =>
      showSettings(web, request, reply.code(422), { kept, values, errors })
    if (!known) return wrong([{ path: 'kept', message: `"${kept}" is no class of retention` }])
    const read = readDays(values)
    if (!read.ok) return wrong(read.errors)
    const before = await web.retention.days(known)
    const dropped = droppedBy(before, read.days, Date.now())
    // Days that somebody else changed meanwhile would drop something that was not shown.
    if (dropped.length > 0 && values.shown !== shownDays(before)) {
      const fields = { kept: known, ...read.days, shown: shownDays(before) }
      const title = say(request).settings.shorter(known)
      return confirm(request, reply, { title, action: '/settings/retention', fields, dropped })
    }
    await web.retention.change(known, read.days, actorOf(request))
    return goTo(request, reply, '/settings#kept')
  }
}

export function changeHourlyRows(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const read = readHourlyDays(values)
    if (!read.ok) {
      const typed = { kept: 'hourly', values, errors: read.errors }
      return showSettings(web, request, reply.code(422), typed)
    }
    const before = await web.retention.hourlyDays()
    const dropped = droppedHours(before, read.days, Date.now())
    if (dropped.length > 0 && values.shown !== String(before)) {
      const fields = { hourly: read.days, shown: before }
      const title = say(request).settings.shorterHourly
      return confirm(request, reply, { title, action: '/settings/hourly-rows', fields, dropped })
    }
    await web.retention.changeHourly(read.days, actorOf(request))
    return goTo(request, reply, '/settings#kept')
  }
}

const shownDays = ({ raw, r15m, r1h }: DaysKept) => `${raw} ${r15m} ${r1h}`

function confirm(
  request: FastifyRequest,
  reply: FastifyReply,
  shown: {
    title: string
    action: string
    fields: Record<string, string | number>
    dropped: string[]
  },
): Promise<string> {
  return page(request, reply, 'settings/retention', shown)
}
