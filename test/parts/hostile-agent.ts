// An SNMP v1/v2c agent that answers as a test tells it to, also wrongly: its BER is made by hand, so
// that no library of ours has a say in what it sends.

import { createSocket, type Socket } from 'node:dgram'
import type { Teardown } from './find.ts'

export interface AgentRequest {
  version: number
  community: string
  type: 'get' | 'next' | 'bulk' | 'other'
  id: number
  /** Of a GETBULK: how many of the OIDs are asked for once. */
  nonRepeaters: number
  /** max-repetitions of a GETBULK. */
  repetitions: number
  oids: string[]
  bytes: Buffer
}

/** What goes back; what is left out is as an honest agent would have it. */
export interface AgentReply {
  varbinds?: [oid: string, value: Buffer][]
  status?: number
  index?: number
  id?: number
  community?: string
  /** Changes the finished datagram, or replaces it. */
  mangle?: (bytes: Buffer) => Buffer
  /** Sent from another socket: another port. */
  fromElsewhere?: boolean
  delayMs?: number
}

export interface HostileAgent {
  address: string
  port: number
  requests: AgentRequest[]
  /** How it answers from now on. */
  answer: (request: AgentRequest) => AgentReply | AgentReply[] | null
}

export async function startHostileAgent(
  t: Teardown,
  answer: HostileAgent['answer'] = () => null,
): Promise<HostileAgent> {
  const socket = await bound()
  const elsewhere = await bound()
  const timers = new Set<NodeJS.Timeout>()
  const agent: HostileAgent = {
    address: '127.0.0.1',
    port: socket.address().port,
    requests: [],
    answer,
  }
  socket.on('message', (bytes, from) => {
    const request = parseRequest(bytes)
    agent.requests.push(request)
    const replies = [agent.answer(request)].flat().filter(reply => reply !== null)
    for (const reply of replies) {
      const out = encodeReply(request, reply)
      const send = () =>
        (reply.fromElsewhere ? elsewhere : socket).send(out, from.port, from.address, () => {})
      if (reply.delayMs === undefined) send()
      else {
        const timer = setTimeout(() => {
          timers.delete(timer)
          send()
        }, reply.delayMs)
        timers.add(timer)
      }
    }
  })
  t.teardown(() => {
    for (const timer of timers) clearTimeout(timer)
    socket.close()
    elsewhere.close()
  })
  return agent
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  return socket
}

// Values

export const tlv = (tag: number, content: Buffer | number[]): Buffer => {
  const body = Buffer.from(content)
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

export const integer = (value: number, tag = 0x02): Buffer => {
  let bytes: number[] = []
  for (let rest = value; bytes.length === 0 || rest >= 1; rest = Math.floor(rest / 256)) {
    bytes = [rest % 256, ...bytes]
  }
  return tlv(tag, (bytes[0] ?? 0) > 127 ? [0, ...bytes] : bytes)
}

export const octets = (text: string): Buffer => tlv(0x04, Buffer.from(text))
export const counter64 = (...bytes: number[]): Buffer => tlv(0x46, bytes)
export const nothing = tlv(0x05, [])
export const noSuchObject = tlv(0x80, [])
export const endOfMib = tlv(0x82, [])

export const oidValue = (oid: string): Buffer => {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap(part => {
    const groups = [part % 128]
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left % 128) + 128)
    }
    return groups
  })
  return tlv(0x06, bytes)
}

// Messages

function encodeReply(request: AgentRequest, reply: AgentReply): Buffer {
  const varbinds = reply.varbinds ?? request.oids.map(oid => [oid, nothing] as const)
  const list = tlv(
    0x30,
    Buffer.concat(varbinds.map(([oid, value]) => tlv(0x30, Buffer.concat([oidValue(oid), value])))),
  )
  const pdu = tlv(
    0xa2,
    Buffer.concat([
      integer(reply.id ?? request.id),
      integer(reply.status ?? 0),
      integer(reply.index ?? 0),
      list,
    ]),
  )
  const message = tlv(
    0x30,
    Buffer.concat([integer(request.version), octets(reply.community ?? request.community), pdu]),
  )
  return reply.mangle ? reply.mangle(message) : message
}

export interface Element {
  tag: number
  body: Buffer
}

/** The elements that follow one another in these octets. */
export function elements(bytes: Buffer): Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0
    at += 2
    if (length > 127) {
      const count = length - 128
      length = bytes.readUIntBE(at, count)
      at += count
    }
    found.push({ tag, body: bytes.subarray(at, at + length) })
    at += length
  }
  return found
}

const number = (element: Element | undefined) =>
  element ? element.body.reduce((sum, byte) => sum * 256 + byte, 0) : 0

function oidText(body: Buffer): string {
  const parts: number[] = []
  let value = 0
  for (const byte of body) {
    value = value * 128 + (byte & 0x7f)
    if (byte < 128) {
      parts.push(value)
      value = 0
    }
  }
  const [first = 0, ...rest] = parts
  return [Math.floor(first / 40), first % 40, ...rest].join('.')
}

const TYPES: Record<number, AgentRequest['type']> = { 160: 'get', 161: 'next', 165: 'bulk' }

function parseRequest(bytes: Buffer): AgentRequest {
  const [version, community, pdu] = elements(elements(bytes)[0]?.body ?? Buffer.alloc(0))
  const [id, nonRepeaters, repetitions, list] = elements(pdu?.body ?? Buffer.alloc(0))
  return {
    version: number(version),
    community: community?.body.toString() ?? '',
    type: TYPES[pdu?.tag ?? 0] ?? 'other',
    id: number(id),
    nonRepeaters: number(nonRepeaters),
    repetitions: number(repetitions),
    oids: elements(list?.body ?? Buffer.alloc(0)).map(varbind =>
      oidText(elements(varbind.body)[0]?.body ?? Buffer.alloc(0)),
    ),
    bytes,
  }
}

// An honest agent over a fixed list, to be bent

const less = (a: string, b: string): boolean => {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const one = left[i] ?? -1
    const other = right[i] ?? -1
    if (one !== other) return one < other
  }
  return false
}

/** Answers GET, GETNEXT and GETBULK over these objects as RFC 3416 says (v1: as RFC 1157). */
export function honestly(objects: Record<string, Buffer>): (request: AgentRequest) => AgentReply {
  const sorted = Object.keys(objects).sort((a, b) => (less(a, b) ? -1 : 1))
  const next = (oid: string): [string, Buffer] => {
    const found = sorted.find(one => less(oid, one))
    return found === undefined ? [oid, endOfMib] : [found, objects[found] ?? nothing]
  }
  return request => {
    if (request.type === 'bulk') {
      const varbinds = request.oids.slice(0, request.nonRepeaters).map(next)
      let row = request.oids.slice(request.nonRepeaters)
      for (let i = 0; i < request.repetitions; i++) {
        const values = row.map(next)
        varbinds.push(...values)
        row = values.map(([oid]) => oid)
      }
      return { varbinds }
    }
    const varbinds = request.oids.map((oid): [string, Buffer] =>
      request.type === 'next' ? next(oid) : [oid, objects[oid] ?? noSuchObject],
    )
    const absent = varbinds.findIndex(([, value]) => value === endOfMib || value === noSuchObject)
    return request.version === 0 && absent >= 0
      ? { status: 2, index: absent + 1, varbinds: request.oids.map(oid => [oid, nothing]) }
      : { varbinds }
  }
}
