// A simulated SNMP agent on a UDP socket of its own: GET, GETNEXT and GETBULK over a sorted list of
// objects whose values are functions. It may be silenced, as a device that lost its power.

import { createSocket } from 'node:dgram'
import {
  type Binding,
  decodeRequest,
  ERROR,
  encodeBinding,
  encodeResponse,
  type Oid,
  PDU,
  type Request,
  type SimulatedValue,
  TAG,
} from './message.ts'

/** An answer stays within one Ethernet frame, as most devices have it. */
const ANSWER_BYTES_MAX = 1472
const REPETITIONS_MAX = 100

/** OID of an instance → its value now; undefined: it does not exist at the moment. */
export type Objects = Map<string, () => SimulatedValue | undefined>

export interface SimulatedAgent {
  readonly port: number
  readonly answered: number
  /** A silent agent drops every request. */
  silent: boolean
  close(): Promise<void>
}

export interface Entry {
  oid: Oid
  value: () => SimulatedValue | undefined
}

const END: SimulatedValue = { tag: TAG.endOfMibView }

export function compareOids(a: Oid, b: Oid): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export async function startSimulatedAgent(options: {
  host: string
  port: number
  community: string
  objects: Objects
}): Promise<SimulatedAgent> {
  const entries = sortedEntries(options.objects)
  const socket = createSocket(options.host.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(options.port, options.host, resolve)
  })
  const state = { silent: false, answered: 0 }
  socket.on('error', () => undefined)
  socket.on('message', (datagram, from) => {
    if (state.silent) return
    const answer = answerTo(datagram, options.community, entries)
    if (!answer) return
    state.answered++
    socket.send(answer, from.port, from.address)
  })
  return {
    port: socket.address().port,
    get answered() {
      return state.answered
    },
    get silent() {
      return state.silent
    },
    set silent(silent) {
      state.silent = silent
    },
    close: () => new Promise(resolve => socket.close(() => resolve())),
  }
}

export function sortedEntries(objects: Objects): Entry[] {
  return [...objects]
    .map(([oid, value]) => ({ oid: oid.split('.').map(Number), value }))
    .sort((a, b) => compareOids(a.oid, b.oid))
}

/** null: nothing is sent, as agents do for another community or garbage. */
export function answerTo(
  datagram: Buffer,
  community: string,
  entries: readonly Entry[],
): Buffer | null {
  let request: Request
  try {
    request = decodeRequest(datagram)
  } catch {
    return null
  }
  if (request.community !== community) return null
  if (request.type === PDU.get)
    return single(
      request,
      request.oids.map(oid => exact(entries, oid)),
    )
  if (request.type === PDU.getNext)
    return single(
      request,
      request.oids.map(oid => next(entries, oid)),
    )
  if (request.type === PDU.getBulk && request.version === 1) return bulk(request, entries)
  return null
}

/** First entry that is not below the OID. */
function lowerBound(entries: readonly Entry[], oid: Oid): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareOids(entries[middle]?.oid ?? [], oid) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function exact(entries: readonly Entry[], oid: Oid): Binding {
  const entry = entries[lowerBound(entries, oid)]
  const value = entry && compareOids(entry.oid, oid) === 0 ? entry.value() : undefined
  return { oid, value: value ?? { tag: TAG.noSuchInstance } }
}

function next(entries: readonly Entry[], oid: Oid): Binding {
  for (let at = lowerBound(entries, oid); at < entries.length; at++) {
    const entry = entries[at]
    if (!entry || compareOids(entry.oid, oid) === 0) continue
    const value = entry.value()
    if (value) return { oid: entry.oid, value }
  }
  return { oid, value: END }
}

/** RFC 1157: v1 knows no exceptions and no Counter64, so the first such name is an error. */
function single(request: Request, bindings: Binding[]): Buffer {
  const parts = bindings.map(encodeBinding)
  const echo = () => request.oids.map(oid => encodeBinding({ oid, value: { tag: TAG.null } }))
  const wrong = bindings.findIndex(
    ({ value }) => value.tag >= TAG.noSuchObject || value.tag === TAG.counter64,
  )
  if (request.version === 0 && wrong >= 0)
    return encodeResponse(request, echo(), ERROR.noSuchName, wrong + 1)
  const answer = encodeResponse(request, parts)
  return answer.length <= ANSWER_BYTES_MAX ? answer : encodeResponse(request, [], ERROR.tooBig, 0)
}

/** RFC 3416 4.2.3: rows while they fit; what does not fit is left out, and the asker goes on from there. */
function bulk(request: Request, entries: readonly Entry[]): Buffer {
  const nonRepeaters = Math.max(0, request.first)
  const repetitions = Math.min(REPETITIONS_MAX, Math.max(0, request.second))
  const parts: Buffer[] = []
  let size = 60
  const add = (binding: Binding): boolean => {
    const part = encodeBinding(binding)
    if (size + part.length > ANSWER_BYTES_MAX) return false
    size += part.length
    parts.push(part)
    return true
  }
  for (const oid of request.oids.slice(0, nonRepeaters)) {
    if (!add(next(entries, oid))) return encodeResponse(request, parts)
  }
  let row = request.oids.slice(nonRepeaters)
  for (let i = 0; i < repetitions && row.length > 0; i++) {
    const bindings = row.map(oid => next(entries, oid))
    for (const binding of bindings) if (!add(binding)) return encodeResponse(request, parts)
    if (bindings.every(({ value }) => value === END)) break
    row = bindings.map(({ oid }) => oid)
  }
  return encodeResponse(request, parts)
}
