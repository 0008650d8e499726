// The search for devices, for programs: start it, look, cancel it, add what was found.

import { AddChoice, ScanOrder } from '../../devices/scan-order.ts'
import type { Route, WebContext } from '../context.ts'
import { theDiscovery } from '../pages/discovery.ts'
import { call, JSON_TYPE } from './call.ts'

const PATH = '/api/v1/discovery'
const permission = 'devices.discover'
/** Each one sends thousands of datagrams. */
const STARTS_PER_MINUTE_MAX = 10

export function discoveryCalls(web: WebContext): Route[] {
  return [
    call({
      method: 'GET',
      path: PATH,
      permission,
      summary: 'The last search for devices: how far it is and what answered; null: there was none',
      answer: async () => ({ scan: theDiscovery(web).view() }),
    }),
    call({
      method: 'POST',
      path: PATH,
      permission,
      summary: 'Starts a search; a second one at once is refused',
      status: 202,
      body: { types: [JSON_TYPE], schema: ScanOrder },
      perMinuteMax: STARTS_PER_MINUTE_MAX,
      answer: async ({ body, by }) => ({ scan: await theDiscovery(web).start(body, by) }),
    }),
    call({
      method: 'DELETE',
      path: PATH,
      permission,
      summary: 'Cancels the search that is running',
      status: 204,
      async answer({ by, reply }) {
        await theDiscovery(web).cancel(by)
        return reply.send()
      },
    }),
    call({
      method: 'POST',
      path: `${PATH}/devices`,
      permission,
      summary: 'Adds devices that the last search found',
      body: { types: [JSON_TYPE], schema: AddChoice },
      answer: async ({ body, by }) => ({ results: await theDiscovery(web).add(body, by) }),
    }),
  ]
}
