// Who is told of alarms, and how: channels, routes, the newest messages and the heartbeat.

import Type from 'typebox'
import { channelKindOf } from '../../alarms/notify/channels.ts'
import { AppError } from '../../model/errors.ts'
import { SEVERITIES } from '../../model/event.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import {
  channelOf,
  channelValues,
  errorsByField,
  fieldsOf,
  KINDS,
  noticeLine,
  routeOf,
  routeValues,
} from '../notify.ts'
import { goTo, page } from '../render.ts'
import { readValues, slug, type Values } from './device-fields.ts'

const HOME = '/notifications'
/** Messages on the page. */
const linesMax = 50

const checkId = checker(Type.Object({ id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}$' }) }))
type Request = Parameters<Handler>[0]
type Reply = Parameters<Handler>[1]

function idOf(request: Request): string {
  const checked = checkId(request.params)
  if (checked.ok) return checked.value.id
  throw new AppError('E_NOT_FOUND', 'there is no such channel or route')
}

interface Shown {
  error?: string
}

export function notifyPage(web: WebContext): Handler {
  return (request, reply) => show(web, request, reply, {})
}

async function show(web: WebContext, request: Request, reply: Reply, { error = '' }: Shown) {
  const { book, heartbeat, notifier } = web.notify
  const [channels, routes, notices, url] = await Promise.all([
    book.channels(),
    book.routes(),
    web.store.notices.list({ limit: linesMax }),
    book.heartbeatUrl(),
  ])
  const names = new Map(channels.map(({ id, name }) => [id, name]))
  const lines = notices.map(notice => noticeLine(notice, ''))
  const newest = new Map(lines.toReversed().map(line => [line.channel, line]))
  return page(request, reply, 'notify', {
    title: say(request).notify.title,
    channels: channels.map(channel => ({
      ...channel,
      title: channelKindOf(channel.kind)?.title ?? channel.kind,
      newest: newest.get(channel.id) ?? null,
    })),
    routes: routes.map(route => ({
      ...route,
      through: route.channels.map(id => names.get(id) ?? id),
      later: route.escalate?.channels.map(id => names.get(id) ?? id) ?? [],
    })),
    names,
    lines,
    heartbeat: { isSet: url !== null, ...heartbeat.state() },
    trouble: notifier.stats().error,
    error,
  })
}

export function newChannelPage(): Handler {
  return (request, reply) => {
    const asked = readValues(request.query)
    const kind = channelKindOf(asked.kind ?? '')
    if (!kind)
      return page(request, reply, 'notify/kinds', {
        title: say(request).notify.newChannel,
        kinds: KINDS,
      })
    const values: Values = { kind: kind.kind, enabled: 'on', version: '0', name: kind.title }
    for (const { name, fallback } of fieldsOf(kind, [])) values[name] = fallback
    return channelForm(request, reply, { values, kept: [], errors: {}, tested: null })
  }
}

export function channelPage(web: WebContext): Handler {
  return async (request, reply) => {
    const channel = (await web.notify.book.channels()).find(({ id }) => id === idOf(request))
    if (!channel) throw new AppError('E_NOT_FOUND', 'there is no such channel')
    const values = channelValues(channel)
    return channelForm(request, reply, { values, kept: channel.secrets, errors: {}, tested: null })
  }
}

interface ChannelFormData {
  values: Values
  kept: readonly string[]
  errors: Record<string, string>
  /** What "Send test" gave. */
  tested: { ok: boolean; text: string } | null
}

function channelForm(request: Request, reply: Reply, data: ChannelFormData) {
  const kind = channelKindOf(data.values.kind ?? '')
  if (!kind) throw new AppError('E_NOT_FOUND', 'there is no such kind of channel')
  // What was typed into a secret's field does not come back.
  const values = { ...data.values }
  for (const secret of kind.secrets) delete values[`config.${secret}`]
  return page(request, reply, 'notify/channel', {
    title: values.name || kind.title,
    ...{ kind: kind.kind, kindTitle: kind.title, help: kind.help },
    fields: fieldsOf(kind, data.kept),
    ...{ values, errors: data.errors, tested: data.tested },
  })
}

/** Saves a channel, or sends a test of what the form says. */
export function saveChannel(web: WebContext, what: 'save' | 'test'): Handler {
  return async (request, reply) => {
    const { book } = web.notify
    const values = readValues(request.body)
    const version = Number(values.version) || 0
    const id = version > 0 ? (values.id ?? '') : slug(values.name ?? '').slice(0, 40)
    const before = (await book.channels()).find(one => one.id === id)
    const kept = version > 0 ? (before?.secrets ?? []) : []
    try {
      if (what === 'save') {
        await book.saveChannel(id, channelOf(values), version, actorOf(request))
        return goTo(request, reply, HOME)
      }
      const stored = version > 0 ? id : null
      const text = await book.test(stored, channelOf(values), actorOf(request))
      const tested = { ok: true, text }
      return await channelForm(request, reply, { values, kept, errors: {}, tested })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const text = [error.message, error.hint].filter(Boolean).join('. ')
      const tested = error.errors.length > 0 ? null : { ok: false, text }
      const errors = errorsByField(error.errors)
      return channelForm(request, reply.code(422), { values, kept, errors, tested })
    }
  }
}

export function deleteChannel(web: WebContext): Handler {
  return async (request, reply) => {
    try {
      await web.notify.book.removeChannel(idOf(request), actorOf(request))
      return goTo(request, reply, HOME)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'E_CHANNEL_USED') throw error
      return show(web, request, reply.code(409), { error: `${error.message}: ${error.hint}` })
    }
  }
}

export function newRoutePage(web: WebContext): Handler {
  return (request, reply) => routeForm(web, request, reply, routeValues(null), {})
}

export function routePage(web: WebContext): Handler {
  return async (request, reply) => {
    const route = (await web.notify.book.routes()).find(({ id }) => id === idOf(request))
    if (!route) throw new AppError('E_NOT_FOUND', 'there is no such route')
    return routeForm(web, request, reply, routeValues(route), {})
  }
}

async function routeForm(
  web: WebContext,
  request: Request,
  reply: Reply,
  values: Values,
  errors: Record<string, string>,
) {
  return page(request, reply, 'notify/route', {
    title: values.name || say(request).notify.newRoute,
    channels: (await web.notify.book.channels()).map(({ id, name }) => ({ id, name })),
    severities: SEVERITIES.toReversed(),
    ...{ values, errors },
  })
}

export function saveRoute(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const version = Number(values.version) || 0
    const id = version > 0 ? (values.id ?? '') : slug(values.name ?? '').slice(0, 40)
    try {
      await web.notify.book.saveRoute(id, routeOf(values), version, actorOf(request))
      return goTo(request, reply, HOME)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const errors = errorsByField(error.errors)
      if (error.errors.length === 0) errors[''] = [error.message, error.hint].join('. ')
      return routeForm(web, request, reply.code(422), values, errors)
    }
  }
}

export function deleteRoute(web: WebContext): Handler {
  return async (request, reply) => {
    await web.notify.book.removeRoute(idOf(request), actorOf(request))
    return goTo(request, reply, HOME)
  }
}

export function setHeartbeat(web: WebContext): Handler {
  return async (request, reply) => {
    const url = readValues(request.body).url?.trim() ?? ''
    try {
      await web.notify.book.setHeartbeat(url, actorOf(request))
      return goTo(request, reply, HOME)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return show(web, request, reply.code(422), { error: error.message })
    }
  }
}
