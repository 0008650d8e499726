// The form that changes for how long samples are kept. What would be dropped is shown first, and is
// saved only by a second step that says what was shown.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DaysKept } from '../../store/contract.ts'
import type { Handler, WebContext } from '../context.ts'
import { goTo, page } from '../render.ts'
import { droppedBy, readDays } from '../retention.ts'
import { readValues } from './device-fields.ts'
import { showSettings } from './settings.ts'

export function changeRetention(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const read = readDays(values)
    if (!read.ok)
      return showSettings(web, request, reply.code(422), { values, errors: read.errors })
    const before = await web.retention.days()
    const dropped = droppedBy(before, read.days, Date.now())
    // Days that somebody else changed meanwhile would drop something that was not shown.
    if (dropped.length > 0 && values.shown !== shownDays(before))
      return confirm(request, reply, { before, days: read.days, dropped })
    const by = { name: request.viewer?.name ?? '', address: request.ip }
    await web.retention.change(read.days, by)
    return goTo(request, reply, '/settings#kept')
  }
}

const shownDays = ({ raw, r15m, r1h }: DaysKept) => `${raw} ${r15m} ${r1h}`

function confirm(
  request: FastifyRequest,
  reply: FastifyReply,
  { before, days, dropped }: { before: DaysKept; days: DaysKept; dropped: string[] },
): Promise<string> {
  return page(request, reply, 'settings/retention', {
    title: 'Keep samples for a shorter time',
    days,
    dropped,
    shown: shownDays(before),
  })
}
