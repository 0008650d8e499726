// The search for programs.

import Type from 'typebox'
import type { Route, WebContext } from '../context.ts'
import { queryCharsMax, search } from '../search.ts'
import { call, closed } from './call.ts'

const Query = Type.Object({ q: Type.String({ minLength: 1, maxLength: queryCharsMax }) }, closed)

export function searchCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/search',
    permission: 'devices.read',
    summary:
      'Devices and rows of them by name, address, MAC address or alias; and where a MAC or an IP address is',
    query: Query,
    async answer({ query }) {
      const { devices, rows, places, more } = await search(web, query.q)
      return {
        devices: devices.map(({ id, name, kind, address, location, state }) => ({
          ...{ id, name, kind, address, location, state },
        })),
        rows: rows.map(({ device, group, key, name, subtitle, matched }) => ({
          ...{ device: device.id, group, row: key, name, subtitle, matched },
        })),
        places: places.map(({ device, href: _, ...place }) => ({ ...place, device: device.id })),
        more,
      }
    },
  })
}
