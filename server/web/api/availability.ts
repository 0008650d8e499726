// Availability of a month for programs: by device or by tag.

import Type from 'typebox'
import { availability, availabilityOfAll } from '../../model/availability.ts'
import { AppError } from '../../model/errors.ts'
import { availabilityOf, byTag, MONTH_PATTERN, monthOf, monthsUntil } from '../availability.ts'
import type { Route, WebContext } from '../context.ts'
import { call, closed } from './call.ts'
import { nextLink } from './device-list.ts'

const limitMax = 1000

const Query = Type.Object(
  {
    /** Default: that of now. */
    month: Type.Optional(Type.String({ pattern: MONTH_PATTERN })),
    by: Type.Optional(Type.Enum(['device', 'tag'] as const)),
    /** An IANA name; default: UTC. */
    zone: Type.Optional(Type.String({ maxLength: 64 })),
    device: Type.Optional(Type.String({ maxLength: 63 })),
    tag: Type.Optional(Type.String({ maxLength: 40 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limitMax })),
    /** The id of the last line of the page before. */
    cursor: Type.Optional(Type.String({ maxLength: 63 })),
  },
  closed,
)

export function availabilityCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/availability',
    permission: 'devices.read',
    summary:
      'How long devices were up and down in a month, ms, with and without maintenance; in pages by id',
    query: Query,
    async answer({ query, request, reply }) {
      const { zone = 'UTC', by = 'device', device, tag, limit = limitMax, cursor = '' } = query
      const now = Date.now()
      const [newest = ''] = monthsUntil(now, known(zone))
      const month = monthOf(query.month ?? newest, zone, now)
      if (!month) throw refused('month', `${query.month} has not begun yet`)
      const found = await availabilityOf(web.store, await web.devices.list(), month, device)
      const some = tag === undefined ? found : found.filter(({ tags }) => tags.includes(tag))
      const lines = (by === 'tag' ? byTag(some) : some).sort((a, b) => (a.id < b.id ? -1 : 1))
      const left = lines.filter(({ id }) => id > cursor)
      const shown = left.slice(0, limit)
      const last = shown.at(-1)
      if (last && left.length > limit) reply.header('link', nextLink(request.url, last.id))
      return {
        ...{ month: month.name, zone, from: month.from, until: month.until },
        lines: shown.map(({ uptime, tags, devices, isDeleted, ...line }) => ({
          ...line,
          ...(by === 'tag' ? { devices } : { tags, isDeleted }),
          availability: availability(uptime),
          availabilityWithMaintenance: availabilityOfAll(uptime),
          ...uptime,
        })),
      }
    },
  })
}

/** @throws AppError E_AVAILABILITY */
function known(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    throw refused('zone', 'is not a time zone such as Europe/Paris')
  }
}

function refused(path: string, message: string): AppError {
  return new AppError('E_AVAILABILITY', `${path}: ${message}`, { errors: [{ path, message }] })
}
