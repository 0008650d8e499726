// Parts for tests of checks: a device of kind check, and servers of the test's own on loopback.

import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { type AddressPolicy, addressPolicy } from '../../server/addresses.ts'
import { checkCollector } from '../../server/collectors/check.ts'
import type { Target } from '../../server/collectors/collector.ts'
import type { Check } from '../../server/model/check.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { EncodedCollection } from '../../server/profiles/encoded.ts'

export interface Asked {
  checks: Check[]
  addresses?: AddressPolicy
  timeout?: string
  ca?: string
}

/** A reader of these checks; each `collect` is the next read: its metrics by name, its events. */
export async function checking(t: Test, { checks, addresses, timeout = '30s', ca }: Asked) {
  const text = await readFile(new URL('../../oids/check.json', import.meta.url), 'utf8')
  const catalogue = buildCatalogue([{ id: 'check', file: 'check.json', text, from: 'shipped' }])
  const target: Target = {
    config: {
      ...{ id: 'c', name: 'c', kind: 'check', address: '127.0.0.1', profiles: ['auto'] },
      ...{ every: '60s', timeout, retries: 0, enabled: true, checks },
      ...(ca !== undefined && { tls: { ca } }),
    },
    ...{ version: 1, secrets: {}, identity: null },
  }
  const around = { catalogue, addresses: addresses ?? addressPolicy(['127.0.0.1/32']) }
  const reader = checkCollector.open(target, around)
  t.teardown(() => reader.close())
  let at = 1_800_000_000_000
  const collect = async (signal = new AbortController().signal) => {
    at += 60_000
    const { collections, rows, events = [] } = await reader.collect(at, signal)
    const body = collections[0]?.body
    if (!body?.ok) throw new Error(JSON.stringify(body))
    const good = body instanceof EncodedCollection ? body.read() : body
    /** What a metric is, by the check's name. */
    const of = (metric: string) => {
      const values = [good.metrics[metric]].flat()
      return Object.fromEntries((good.rows ?? []).map((name, i) => [name, values[i] ?? null]))
    }
    return { of, rows, events }
  }
  const test = (signal = new AbortController().signal) =>
    checkCollector.check(target, around, signal)
  return { collect, test }
}

/** A server on a free port of loopback; what is left of its connections ends with the test. */
export async function listening(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return bound.port
}

export const tcpServer = (t: Test, answer: (socket: Socket) => void): Promise<number> =>
  listening(t, createServer(answer))

/** A DNS server by UDP: `answer` gives the datagrams that answer a question. */
export async function dnsServer(
  t: Test,
  answer: (question: Buffer) => readonly Buffer[],
): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => {
    for (const one of answer(question)) socket.send(one, from.port, from.address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  return socket.address().port
}

/** An answer of one A record to a question, as RFC 1035 writes it (4.1.1, 4.1.3). */
export function aRecord(question: Buffer, address: string): Buffer {
  const end = question.indexOf(0, 12) + 5
  const header = Buffer.from(question.subarray(0, 12))
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 6)
  header.fill(0, 8)
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...octets(address)])
  return Buffer.concat([header, question.subarray(12, end), record])
}

const octets = (address: string): number[] => address.split('.').map(Number)
