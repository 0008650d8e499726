// Forecasts for programs: when something runs out, as a range, with the report card of each.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { FORECAST_KINDS, FORECAST_STATES } from '../../model/forecast.ts'
import type { Route, WebContext } from '../context.ts'
import { withDevices } from '../forecasts.ts'
import { call, closed } from './call.ts'
import { nextLink } from './device-list.ts'

const limitMax = 1000
const DAY_MS = 86_400_000

const Query = Type.Object(
  {
    kind: Type.Optional(Type.Enum(FORECAST_KINDS)),
    state: Type.Optional(Type.Enum(FORECAST_STATES)),
    device: Type.Optional(Type.String({ maxLength: 63 })),
    /** Reached within so many days. */
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 365 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limitMax })),
    /** As the link of the page before gives it. */
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,6}$' })),
  },
  closed,
)

export function forecastCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/forecasts',
    permission: 'devices.read',
    summary:
      'When disks, memory, interfaces, supplies and batteries reach their limit, the nearest first, each with its report card',
    query: Query,
    async answer({ query, request, reply }) {
      const { kind, state, device, days, limit = limitMax, cursor = '0' } = query
      const devices = await web.devices.list()
      const uid = devices.find(({ config }) => config.id === device)?.uid
      if (device !== undefined && uid === undefined)
        throw new AppError('E_DEVICE_UNKNOWN', `there is no device ${device}`)
      const offset = Number(cursor)
      const found = await web.store.forecasts.list({
        ...(kind && { kinds: [kind] }),
        ...(state && { states: [state] }),
        ...(uid !== undefined && { deviceUid: uid }),
        ...(days !== undefined && { before: Date.now() + days * DAY_MS }),
        ...{ limit, offset },
      })
      if (found.length === limit) reply.header('link', nextLink(request.url, `${offset + limit}`))
      return {
        forecasts: withDevices(found, devices).map(({ deviceUid, ...one }) => one),
      }
    },
  })
}
