// The socket that npm net-snmp gets instead of its own (option `dgramModule`): it lets through only
// whole datagrams that answer the question on the way, from the address it was sent to, at the
// security level asked for. It keeps what it refused as evidence, for a timeout's explanation.

import type { Socket, SocketOptions } from 'node:dgram'
import { isIP } from 'node:net'
import { messageOf } from '../model/errors.ts'
import { checkPdu, type Header, REPORT, RESPONSE, readHeader } from './datagram.ts'
import type { SessionCounters, SessionOptions } from './session.ts'

/** Sends for one question: tries × (v3 discovery, the question, once more after a report). */
const sendsPerTryMax = 3

export type CreateSocket = (options: SocketOptions) => Socket

/** What was refused since the question was asked. */
export interface Evidence {
  malformed: number
  /** Answers below the security level, or with another community or user. */
  weak: number
  /** Who else answered with our request id: `192.0.2.9:161`. */
  otherSource: string | null
}

export interface Guard {
  /** Pass as net-snmp's `dgramModule`. */
  readonly dgramModule: { createSocket(): unknown }
  readonly evidence: Readonly<Evidence>
  /** Places of values that could not be read, in the datagram now being handed to net-snmp. */
  readonly unreadable: ReadonlySet<number>
  /** A new question: evidence and limits begin anew. */
  begin(): void
  /** No answer will be waited for any more. */
  end(): void
  /** Lets the kernel report ICMP errors ("port unreachable") as faults from now on. */
  connect(): void
  close(): void
}

export interface GuardOptions {
  session: SessionOptions
  counters: SessionCounters
  createSocket: CreateSocket
  /** The socket failed: the question under way must fail with it. May come at any time. */
  onFault(error: Error): void
}

const LEVEL_FLAGS = { noAuthNoPriv: 0, authNoPriv: 1, authPriv: 3 } as const
const NOTHING: ReadonlySet<number> = new Set()

type Listener = (...args: unknown[]) => void

/** One real UDP socket, opened at the first send, under one net-snmp session at a time. */
export function createGuard({ session, counters, createSocket, onFault }: GuardOptions): Guard {
  const family = isIP(session.address) === 6 ? 6 : 4
  const sendsMax = (session.retries + 1) * sendsPerTryMax
  const evidence: Evidence = { malformed: 0, weak: 0, otherSource: null }
  let socket: Socket | null = null
  let closed = false
  let connected = false
  let waiting = false
  let expectedId: number | null = null
  let lastSent: unknown = null
  let sends = 0
  let deliver: Listener = () => {}
  let unreadable = NOTHING

  const fault = (error: unknown) => {
    const made = error instanceof Error ? error : new Error(messageOf(error))
    queueMicrotask(() => onFault(made))
  }

  const open = (): Socket => {
    const made = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      // The address is resolved already: a lookup on every send would go to the thread pool.
      lookup: (host, _options, callback) => callback(null, host, family),
    })
    made.on('message', receive)
    made.on('error', fault)
    return made
  }

  const receive = (bytes: Buffer, from: { address: string; port: number }) => {
    const header = readHeader(bytes)
    const refusal = header === null ? 'malformed' : refuse(header, from)
    if (header === null || refusal !== null) return drop(refusal, from)
    if (header.pdu !== null) {
      const bad = checkPdu(bytes, header, (header.flags & 1) === 0)
      if (bad === null) return drop('malformed', from)
      unreadable = bad
    }
    try {
      deliver(bytes.subarray(0, header.end))
    } catch {
      drop('malformed', from)
    } finally {
      unreadable = NOTHING
    }
  }

  const drop = (why: Refusal | null, from: { address: string; port: number }) => {
    counters.dropped++
    if (why === 'source') evidence.otherSource = `${from.address}:${from.port}`
    else if (why === 'weak') evidence.weak++
    else if (why === 'malformed' && isDevice(from)) evidence.malformed++
  }

  const isDevice = (from: { address: string; port: number }) =>
    from.port === session.port && sameAddress(from.address, session.address)

  const refuse = (header: Header, from: { address: string; port: number }): Refusal | null => {
    if (!waiting || header.id !== expectedId) return 'stale'
    if (!isDevice(from)) return 'source'
    return isFromUser(header, session.credentials) ? null : 'weak'
  }

  const send = (bytes: Buffer) => {
    if (closed) return
    if (sends >= sendsMax) {
      fault(new Error('the agent kept asking for the request again'))
      return
    }
    sends++
    if (bytes === lastSent) {
      counters.retries++
      connect()
    } else {
      lastSent = bytes
      expectedId = readHeader(bytes)?.id ?? null
    }
    try {
      socket ??= open()
      const done = (error: Error | null) => {
        if (error) fault(error)
      }
      connected &&= hasPeer(socket)
      if (connected) socket.send(bytes, done)
      else socket.send(bytes, session.port, session.address, done)
    } catch (error) {
      fault(error)
    }
  }

  // Not from the first send on: a connected socket never shows that another address answered.
  const connect = () => {
    if (connected || closed || socket === null) return
    try {
      socket.connect(session.port, session.address)
      connected = true
    } catch (error) {
      fault(error)
    }
  }

  const shim = {
    on: (event: string, listener: Listener) => {
      if (event === 'message') deliver = listener
    },
    // Registers the request at once: net-snmp loses those whose send fails, errors go by onFault.
    send: (...args: unknown[]) => {
      const [bytes] = args
      const callback = args.at(-1)
      if (typeof callback === 'function') callback(null)
      if (Buffer.isBuffer(bytes)) send(bytes)
    },
    ref: () => socket?.ref(),
    unref: () => socket?.unref(),
    bind: () => {},
    close: () => {},
  }

  return {
    dgramModule: { createSocket: () => shim },
    evidence,
    get unreadable() {
      return unreadable
    },
    begin() {
      Object.assign(evidence, { malformed: 0, weak: 0 })
      // Once connected, the kernel drops what comes from elsewhere: what was seen before stays true.
      if (!connected) evidence.otherSource = null
      sends = 0
      waiting = true
      socket?.ref()
    },
    end() {
      waiting = false
      expectedId = null
      lastSent = null
      socket?.unref()
    },
    connect,
    close() {
      if (closed) return
      closed = true
      deliver = () => {}
      socket?.close()
    },
  }
}

/** connect() fails later than it returns, as without a route; then nothing is connected. */
function hasPeer(socket: Socket): boolean {
  try {
    return socket.remoteAddress().port > 0
  } catch {
    return false
  }
}

type Refusal = 'malformed' | 'stale' | 'source' | 'weak'

/** IPv6 texts differ for one address (`::1`, `0:0:…:1`); the URL parser writes them all in one way. */
function sameAddress(a: string, b: string): boolean {
  if (a === b) return true
  if (isIP(a) !== 6 || isIP(b) !== 6) return false
  return new URL(`http://[${withoutZone(a)}]`).host === new URL(`http://[${withoutZone(b)}]`).host
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}

/**
 * Whether a message can be this user's: same version and community, for v3 the level asked for and
 * the user's name. Reports may be weaker: discovery and errors come so (RFC 3414, section 3.2).
 */
function isFromUser(header: Header, credentials: SessionOptions['credentials']): boolean {
  if (credentials.version !== '3') {
    const version = credentials.version === '1' ? 0 : 1
    return (
      header.version === version &&
      header.community === credentials.community &&
      header.pdu === RESPONSE
    )
  }
  if (header.version !== 3) return false
  const level = header.flags & 3
  const asked = LEVEL_FLAGS[credentials.level]
  if (header.pdu === REPORT) return level <= asked && level !== 2
  return level === asked && header.user === credentials.user && header.pdu !== null
    ? header.pdu === RESPONSE
    : level === asked && header.user === credentials.user
}
