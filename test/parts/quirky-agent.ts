// An SNMP v1/v2c agent over a table of objects: honest, but for the faults of real devices and
// networks that a test switches on. Its BER is made by hand (hostile-agent.ts), so that a fault of our
// codec cannot hide in both. hostile-agent.ts answers what a test says; this one answers by itself.
// Longer than most: what an agent does with a request is read in one piece.

import { createSocket, type Socket } from 'node:dgram'
import type { Teardown } from './find.ts'
import {
  elements,
  endOfMib,
  noSuchObject,
  nothing,
  octets,
  oidValue,
  tlv,
} from './hostile-agent.ts'
import { createObjects, type Objects, type Value } from './quirky-objects.ts'

/** Octets of the message around an empty list, with room for lengths that grow. */
const roundListBytes = 40

export interface Faults {
  /** Drops what is not SNMPv1. */
  v1Only?: boolean
  /** genErr to each GETBULK, or silence. */
  noBulk?: 'genErr' | 'silent'
  /** The longest answer, octets: GETBULK is cut short in the midst of a row, GET and GETNEXT give tooBig. */
  messageMax?: number
  /** tooBig also to a GETBULK, instead of cutting it short. */
  bulkTooBig?: boolean
  /** tooBig to every request. */
  alwaysTooBig?: boolean
  /** Answers a GETBULK with at most so many rows. */
  repetitionsMax?: number
  /** Objects come in the order in which they were set, not in that of their OIDs. */
  fileOrder?: boolean
  /** GETNEXT of this OID goes to that one. */
  loop?: { after: string; to: string }
  /** genErr to a GET, and to a GETNEXT or GETBULK that comes to it. */
  genErrAt?: string
  /** Share of requests that are lost, of answers that come twice: 0 to 1. */
  drop?: number
  duplicate?: number
  /** Each answer waits so long, and a random part of the jitter more. */
  delayMs?: number
  jitterMs?: number
  /** Each answer waits for this instead, such as for what somebody else sends before it. */
  hold?: Promise<unknown>
  /** From where the answer comes: another port, or another address (IPv4 only). */
  from?: 'port' | 'address'
  /** Community of the answer. */
  community?: string
  /** Added to the request-id of the answer. */
  idOffset?: number
  /** The answer before this one comes again: before this one, or in its place. */
  late?: 'first' | 'only'
}

export interface QuirkyRequest {
  version: number
  type: 'get' | 'next' | 'bulk' | 'other'
  oids: string[]
  nonRepeaters: number
  repetitions: number
}

export interface QuirkyAgent {
  address: string
  port: number
  objects: Objects
  faults: Faults
  /** What came, with what was dropped on purpose. */
  requests: QuirkyRequest[]
  /** Called with each request before it is answered: for a device that changes meanwhile. */
  before: ((request: QuirkyRequest) => void) | null
  /** Called with each request as it came and where from, as one who listens on the way. */
  heard: ((request: Buffer, from: { address: string; port: number }) => void) | null
  /** Datagrams that go out before each answer, made of the request's octets. */
  ahead: ((request: Buffer) => Buffer[]) | null
  /** Datagrams that went back. */
  sent: number
}

interface Parsed extends QuirkyRequest {
  community: Buffer
  /** As it came: a GETBULK's or v1's id goes back unread. */
  id: Buffer
}

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export async function startQuirkyAgent(
  t: Teardown,
  values: Record<string, Value>,
  { address = '127.0.0.1', seed = 1 } = {},
): Promise<QuirkyAgent> {
  const socket = await bound(t, address, 0)
  const { port } = socket.address()
  const elsewhere = {
    port: await bound(t, address, 0),
    // The whole of 127.0.0.0/8 is this machine's.
    address: address.includes(':') ? socket : await bound(t, '127.77.66.55', port),
  }
  const random = seeded(seed)
  const timers = new Set<NodeJS.Timeout>()
  let previous: Buffer | null = null
  const agent: QuirkyAgent = {
    address,
    port,
    objects: createObjects(values),
    faults: {},
    requests: [],
    before: null,
    heard: null,
    ahead: null,
    sent: 0,
  }

  const send = (bytes: Buffer, to: { address: string; port: number }) => {
    const { delayMs = 0, jitterMs = 0, hold, from } = agent.faults
    const out = () => {
      agent.sent++
      ;(from ? elsewhere[from] : socket).send(bytes, to.port, to.address, () => {})
    }
    if (hold) {
      void hold.then(out)
      return
    }
    if (delayMs + jitterMs === 0) return out()
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        out()
      },
      delayMs + random() * jitterMs,
    )
    timers.add(timer)
  }

  socket.on('message', (bytes, from) => {
    const request = parse(bytes)
    agent.requests.push(request)
    agent.before?.(request)
    agent.heard?.(bytes, from)
    for (const one of agent.ahead?.(bytes) ?? []) send(one, from)
    const { faults } = agent
    if (random() < (faults.drop ?? 0)) return
    if (faults.v1Only && request.version !== 0) return
    if (faults.noBulk === 'silent' && request.type === 'bulk') return
    const answer = encode(request, respond(request, agent), faults)
    if (faults.late && previous) send(previous, from)
    previous = answer
    if (faults.late === 'only') return
    send(answer, from)
    if (random() < (faults.duplicate ?? 0)) send(answer, from)
  })
  t.teardown(() => {
    for (const timer of timers) clearTimeout(timer)
  })
  return agent
}

async function bound(t: Teardown, address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, address, resolve)
  })
  t.teardown(() => {
    socket.close()
  })
  return socket
}

// The wire

const TYPES: Record<number, QuirkyRequest['type']> = { 160: 'get', 161: 'next', 165: 'bulk' }
const number = (body: Buffer = Buffer.alloc(0)) => body.reduce((sum, byte) => sum * 256 + byte, 0)

function parse(bytes: Buffer): Parsed {
  const none = Buffer.alloc(0)
  const [version, community, pdu] = elements(elements(bytes)[0]?.body ?? none)
  const [id, second, third, list] = elements(pdu?.body ?? none)
  return {
    version: number(version?.body),
    community: community?.body ?? none,
    type: TYPES[pdu?.tag ?? 0] ?? 'other',
    id: id?.body ?? none,
    nonRepeaters: number(second?.body),
    repetitions: number(third?.body),
    oids: elements(list?.body ?? none).map(({ body }) => oidText(elements(body)[0]?.body ?? none)),
  }
}

function oidText(body: Buffer): string {
  const parts: number[] = []
  let part = 0
  for (const byte of body) {
    part = part * 128 + (byte & 0x7f)
    if (byte > 127) continue
    parts.push(part)
    part = 0
  }
  const [first = 0, ...rest] = parts
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - root * 40, ...rest].join('.')
}

interface Response {
  status: number
  index: number
  varbinds: Buffer[]
}

function encode(request: Parsed, { status, index, varbinds }: Response, faults: Faults): Buffer {
  const id = Buffer.from(request.id)
  if (faults.idOffset) id.writeUInt8(((id.at(-1) ?? 0) + faults.idOffset) & 255, id.length - 1)
  const list = tlv(0x30, Buffer.concat(varbinds))
  const head = Buffer.concat([tlv(0x02, id), tlv(0x02, [status]), tlv(0x02, [index])])
  const community =
    faults.community === undefined ? tlv(0x04, request.community) : octets(faults.community)
  const pdu = tlv(0xa2, Buffer.concat([head, list]))
  return tlv(0x30, Buffer.concat([tlv(0x02, [request.version]), community, pdu]))
}

const varbind = (name: Buffer, value: Buffer) => tlv(0x30, Buffer.concat([name, value]))

// What an agent does (RFC 3416 section 4.2, RFC 1157 section 4.1, RFC 3584 section 4.2.2)

const TOO_BIG = 1
const NO_SUCH_NAME = 2
const GENERAL_ERROR = 5

class Refusal extends Error {
  readonly status: number
  readonly index: number

  constructor(status: number, index: number) {
    super(`error-status ${status}`)
    this.status = status
    this.index = index
  }
}

function respond(request: Parsed, agent: QuirkyAgent): Response {
  const messageMax = agent.faults.messageMax ?? 1472
  const room = messageMax - roundListBytes - request.community.length
  try {
    if (agent.faults.alwaysTooBig) throw new Refusal(TOO_BIG, 0)
    const varbinds =
      request.type === 'bulk'
        ? rows(request, agent, room)
        : request.oids.map((oid, i) => found(request, agent, oid, i))
    if (varbinds.reduce((sum, { length }) => sum + length, 0) > room) throw new Refusal(TOO_BIG, 0)
    return { status: 0, index: 0, varbinds }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // v1 repeats what was asked, v2c leaves it out where it is too big.
    const repeated = request.version === 0 || error.status !== TOO_BIG
    const varbinds = repeated ? request.oids.map(oid => varbind(oidValue(oid), nothing)) : []
    return { status: error.status, index: error.index, varbinds }
  }
}

/** One variable binding of a GET or GETNEXT. */
function found(request: Parsed, agent: QuirkyAgent, oid: string, place: number): Buffer {
  if (request.type === 'next') return successor(request, agent, oid, place).bytes
  if (oid === agent.faults.genErrAt) throw new Refusal(GENERAL_ERROR, place + 1)
  const value = agent.objects.get(oid)?.wire
  const absent = value === undefined || (request.version === 0 && value[0] === 0x46)
  if (absent && request.version === 0) throw new Refusal(NO_SUCH_NAME, place + 1)
  return varbind(oidValue(oid), absent ? noSuchObject : value)
}

interface Successor {
  oid: string
  bytes: Buffer
  ended: boolean
}

function successor(request: Parsed, agent: QuirkyAgent, oid: string, place: number): Successor {
  const { loop, genErrAt, fileOrder } = agent.faults
  let next = loop?.after === oid ? loop.to : agent.objects.next(oid, fileOrder === true)
  // Counter64 does not exist in SNMPv1: a v1 walk passes over it.
  while (request.version === 0 && next !== null && agent.objects.get(next)?.wire[0] === 0x46) {
    next = agent.objects.next(next, fileOrder === true)
  }
  if (next !== null && next === genErrAt) throw new Refusal(GENERAL_ERROR, place + 1)
  if (next === null && request.version === 0) throw new Refusal(NO_SUCH_NAME, place + 1)
  const name = agent.objects.name(next ?? oid)
  const value = next === null ? endOfMib : (agent.objects.get(next)?.wire ?? noSuchObject)
  return { oid: next ?? oid, bytes: varbind(name, value), ended: next === null }
}

/** GETBULK: row by row, cut where the message is full, or where all columns are at their end. */
function rows(request: Parsed, agent: QuirkyAgent, room: number): Buffer[] {
  const { noBulk, bulkTooBig, repetitionsMax = Number.MAX_SAFE_INTEGER } = agent.faults
  if (noBulk === 'genErr') throw new Refusal(GENERAL_ERROR, 0)
  const out: Buffer[] = []
  let left = room
  const add = (oid: string, place: number): Successor | null => {
    const next = successor(request, agent, oid, place)
    left -= next.bytes.length
    if (left < 0 && bulkTooBig) throw new Refusal(TOO_BIG, 0)
    if (left < 0) return null
    out.push(next.bytes)
    return next
  }
  const scalars = request.oids.slice(0, request.nonRepeaters)
  for (const [place, oid] of scalars.entries()) if (add(oid, place) === null) return out
  let row = request.oids.slice(request.nonRepeaters)
  for (let i = 0; i < Math.min(request.repetitions, repetitionsMax); i++) {
    const values: Successor[] = []
    for (const [place, oid] of row.entries()) {
      const next = add(oid, scalars.length + place)
      if (next === null) return out
      values.push(next)
    }
    if (values.every(({ ended }) => ended)) return out
    row = values.map(({ oid }) => oid)
  }
  return out
}
