// Channels, routes and messages for programs: the same book as behind the forms. A secret goes in and
// never comes out; left out of a PUT it stays.

import Type from 'typebox'
import type { Channel } from '../../alarms/notify/book.ts'
import { Route as NotifyRoute } from '../../alarms/notify/route.ts'
import { AppError } from '../../model/errors.ts'
import { NOTICE_STATES } from '../../store/notice-contract.ts'
import { checker } from '../../validate.ts'
import type { Route, WebContext } from '../context.ts'
import { noticeLine } from '../notify.ts'
import { call, closed, JSON_TYPE } from './call.ts'

const noticesMax = 200
const IdParams = Type.Object({ id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}$' }) }, closed)
const version = Type.Integer({
  minimum: 0,
  description: 'the version that was read; 0: it is new',
})
const ChannelBody = Type.Object(
  {
    version,
    name: Type.String({ minLength: 1, maxLength: 100 }),
    kind: Type.String({ maxLength: 32 }),
    enabled: Type.Boolean(),
    config: Type.Record(Type.String(), Type.Unknown()),
  },
  closed,
)
const RouteBody = Type.Object({ version, ...NotifyRoute.properties }, closed)
const checkChannel = checker(ChannelBody)
const checkRoute = checker(RouteBody)

export function notifyCalls(web: WebContext): Route[] {
  return [...channelCalls(web), ...routeCalls(web), noticesCall(web)]
}

function channelCalls(web: WebContext): Route[] {
  const path = '/api/v1/channels/:id'
  const known = async (id: string): Promise<Channel> => {
    const found = (await web.notify.book.channels()).find(channel => channel.id === id)
    if (found) return found
    throw new AppError('E_CHANNEL_UNKNOWN', 'there is no such channel')
  }
  return [
    call({
      method: 'GET',
      path: '/api/v1/channels',
      permission: 'notify.write',
      summary: 'Channels by which people are told of alarms, without their secrets',
      answer: () => web.notify.book.channels(),
    }),
    call({
      ...{ method: 'GET', path, permission: 'notify.write', params: IdParams },
      summary: 'One channel',
      answer: ({ params }) => known(params.id),
    }),
    call({
      ...{ method: 'PUT', path, permission: 'notify.write', params: IdParams },
      summary: 'Makes or changes a channel; a secret that is left out stays',
      body: { types: [JSON_TYPE], schema: ChannelBody },
      async answer({ params, body, by }) {
        const checked = checkChannel(body)
        if (!checked.ok) {
          throw new AppError('E_CHANNEL', 'the channel is not valid', { errors: checked.errors })
        }
        const { version, ...document } = checked.value
        await web.notify.book.saveChannel(params.id, document, version, by)
        return known(params.id)
      },
    }),
    call({
      ...{ method: 'DELETE', path, permission: 'notify.write', params: IdParams },
      summary: 'Deletes a channel that no route uses',
      status: 204,
      answer: ({ params, by }) => web.notify.book.removeChannel(params.id, by),
    }),
    call({
      ...{ method: 'POST', path: `${path}/test`, permission: 'notify.write', params: IdParams },
      summary: 'Sends a test through a channel, and says what came back',
      async answer({ params, by }) {
        const { id, name, kind, enabled, config } = await known(params.id)
        return { receipt: await web.notify.book.test(id, { name, kind, enabled, config }, by) }
      },
    }),
  ]
}

function routeCalls(web: WebContext): Route[] {
  const path = '/api/v1/routes/:id'
  return [
    call({
      method: 'GET',
      path: '/api/v1/routes',
      permission: 'notify.write',
      summary: 'Routes: which alarms go through which channels, when and how',
      answer: () => web.notify.book.routes(),
    }),
    call({
      ...{ method: 'PUT', path, permission: 'notify.write', params: IdParams },
      summary: 'Makes or changes a route',
      body: { types: [JSON_TYPE], schema: RouteBody },
      async answer({ params, body, by }) {
        const checked = checkRoute(body)
        if (!checked.ok) {
          throw new AppError('E_ROUTE', 'the route is not valid', { errors: checked.errors })
        }
        const { version, ...document } = checked.value
        await web.notify.book.saveRoute(params.id, document, version, by)
        return (await web.notify.book.routes()).find(({ id }) => id === params.id)
      },
    }),
    call({
      ...{ method: 'DELETE', path, permission: 'notify.write', params: IdParams },
      summary: 'Deletes a route',
      status: 204,
      answer: ({ params, by }) => web.notify.book.removeRoute(params.id, by),
    }),
  ]
}

function noticesCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/notices',
    permission: 'notify.write',
    summary: `The newest messages to people, at most ${noticesMax}`,
    query: Type.Object({ state: Type.Optional(Type.Enum(NOTICE_STATES)) }, closed),
    async answer({ query }) {
      const states = query.state === undefined ? {} : { states: [query.state] }
      const found = await web.store.notices.list({ ...states, limit: noticesMax })
      return found.map(notice => noticeLine(notice, ''))
    },
  })
}
