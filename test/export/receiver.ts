// An HTTP server that answers writes as a test tells it to, and points to write.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Delivery } from '../../server/export/delivery.ts'
import type { RowPoints } from '../../server/export/points.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Teardown } from '../parts/find.ts'

export interface Received {
  url: string
  authorization: string | undefined
  body: string
}

/** @param answer the status, with headers; a promise holds it back */
export async function startReceiver(
  t: Teardown,
  answer: (request: Received) => number | [number, Record<string, string>] | Promise<number>,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer(async (request, reply) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { authorization } = request.headers
    const one = { url: request.url ?? '', authorization, body: Buffer.concat(chunks).toString() }
    received.push(one)
    const said = await answer(one)
    const [status, headers] = Array.isArray(said) ? said : [said, {}]
    reply.writeHead(status, headers).end(`said ${status}\n`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/write?db=x`, received }
}

/** A collection of one value, at this time. */
export const collectionAt = (at: number): AcceptedCollection => ({
  ...{ deviceUid: 1, group: 'g', at, rows: null, failed: null },
  metrics: new Map([['m', [at]]]),
  gaps: new Map(),
})

export const METRIC = {
  ...({ id: 'g.m', group: 'g', name: 'pollux_g_m', factor: 1, type: 'gauge' } as const),
  ...{ help: '', freshMs: 1, isText: false },
}

export const pointsOf = async (
  device: string,
  { at }: AcceptedCollection,
): Promise<RowPoints[]> => [
  { group: 'g', at, labels: [['device', device]], values: [{ metric: METRIC, value: at }] },
]

/** taken = all that became of it. */
export function isBalanced({ stats }: Delivery): boolean {
  const { taken, sent, refused, dropped, waiting, unnamed } = stats()
  return taken === sent + refused + dropped + waiting + unnamed
}
