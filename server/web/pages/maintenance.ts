// Maintenance windows: the list of them, a form for a new one, and removing one.

import Type from 'typebox'
import { AppError, type FieldError } from '../../model/errors.ts'
import { spanAt, WEEKDAYS } from '../../model/maintenance.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { RULE_KINDS } from '../rule-form.ts'
import { plainText } from '../words.ts'
import { readValues, type Values } from './device-fields.ts'

const checkId = checker(Type.Object({ id: Type.String({ pattern: '^m-[0-9a-f]{1,20}$' }) }))
const LISTS = ['tags', 'kinds', 'locations', 'ids'] as const

export function maintenancePage(web: WebContext): Handler {
  return (request, reply) => show(web, request, reply, {}, [])
}

function show(
  web: WebContext,
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  values: Values,
  errors: readonly FieldError[],
): Promise<string> {
  const now = Date.now()
  const windows = web.alarms.rules.windows().map(window => ({
    ...window,
    name: plainText(window.name, 80),
    by: plainText(window.by, 100),
    which: LISTS.flatMap(field => window.devices[field] ?? []).map(text => plainText(text, 100)),
    isNow: spanAt(window, now) !== null,
  }))
  return page(request, reply, 'maintenance', {
    title: say(request).maintenance.title,
    ...{ windows, values, weekdays: WEEKDAYS, kinds: RULE_KINDS },
    errors: errors.map(({ path, message }) => ({ field: path.split('.').at(-1) ?? '', message })),
  })
}

export function createWindow(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    try {
      await web.alarms.rules.saveWindow(windowDocument(values), actorOf(request))
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'E_MAINTENANCE') throw error
      return show(web, request, reply.code(422), values, error.errors)
    }
    return goTo(request, reply, '/maintenance')
  }
}

function windowDocument(values: Values): Record<string, unknown> {
  const devices: Record<string, unknown> = values.all === 'on' ? { all: true } : {}
  for (const field of LISTS) {
    const parts = (values[field] ?? '').split(',').map(part => part.trim())
    const list = [...new Set(parts.filter(part => part !== ''))]
    if (list.length > 0) devices[field] = list
  }
  const days = WEEKDAYS.filter(day => values[day] === 'on')
  const isWeekly = days.length > 0 || Boolean(values.at)
  const isOnce = Boolean(values.from) || Boolean(values.to)
  return {
    name: (values.name ?? '').trim(),
    devices,
    ...(isOnce && { once: { from: utc(values.from), to: utc(values.to) } }),
    ...(isWeekly && {
      weekly: { days, at: values.at ?? '', minutes: Number(values.minutes ?? 0) },
    }),
  }
}

/** A form's time is UTC; what is none fails the check. */
function utc(text: string | undefined): number | null {
  const at = Date.parse(`${text ?? ''}Z`)
  return Number.isNaN(at) ? null : at
}

export function removeWindow(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkId(request.params)
    if (!checked.ok) throw new AppError('E_NOT_FOUND', 'there is no such maintenance window')
    await web.alarms.rules.removeWindow(checked.value.id, actorOf(request))
    return goTo(request, reply, '/maintenance')
  }
}
