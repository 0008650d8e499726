// Requests and their answers over shared sockets, one exchange for all sessions of a thread: which
// message belongs to which request, tries and timeouts, how many may be on the way, and what is
// dropped and why. What protects a message is a Security's business, what it says a Reply's.
// Longer than most: a datagram's way from its id to its reply is read in one piece.

import { AppError, messageOf } from '../model/errors.ts'
import { type Drops, noDrops } from './drops.ts'
import { messageId, PDU, type PduHead, readPduHead, setRequestId } from './message.ts'
import type { Pace } from './pace.ts'
import { answered, type Presence, Presences, shouldListen } from './presence.ts'
import { openProbe, type Probe } from './probe.ts'
import { type Evidence, timeoutError, unreachableError } from './problems.ts'
import type { Refusal, Security } from './security.ts'
import type { SessionCounters, SessionOptions } from './session.ts'
import { Slots } from './slots.ts'
import type { OpenTransport, Peer, Transport } from './transport.ts'

/** How often timeouts are looked for while anything is on the way, ms. */
const sweepMs = 50
/** Messages that a Security may send again by itself, for each try: discovery, time, one more. */
const resendsPerTryMax = 3
/** An answer that has not come after this long no longer claims room in the receive buffer, ms. */
const claimMs = 1000
/** Octets of answer that claim one place in a receive buffer. */
const claimBytes = 1472
/** Datagrams without a request, for each sweep, whose sender is looked for among the waiting. */
const blamesPerSweepMax = 64
/** A sweep that comes so much too late, ms, says that the thread stood still: answers may wait unread. */
const stallMs = 100
/** Turns of the event loop that they get to be read: one turn takes 32 datagrams from a socket. */
const turnsAfterStallMax = 64

/** One session as the exchange sees it. */
export interface Client {
  readonly options: SessionOptions
  readonly peer: Peer
  readonly security: Security
  readonly pace: Pace
  readonly counters: SessionCounters
  readonly evidence: Evidence
  readonly presence: Presence
  /** A request of its own is over, in whatever way, and its places are free. */
  ended(request: SnmpRequest): void
}

/** What becomes of a request; one call of `failed`, or one of `answered` that gives true. */
export interface Reply {
  /**
   * A response to the request, from its head on. False: it is malformed, the request goes on. The
   * octets are valid during the call only.
   */
  answered(bytes: Uint8Array, head: PduHead): boolean
  failed(error: AppError): void
  /** The last call: the request is over, in whatever way, and the next may be sent. */
  ended(): void
}

export class SnmpRequest {
  readonly client: Client
  /** Shared with others alike: the request-id in it is that of whoever sent it last. */
  readonly pdu: Uint8Array
  readonly reply: Reply
  /** Tries, the first included. */
  readonly attempts: number
  /** How many octets the answer may have, about. */
  readonly answerBytes: number
  state: 'new' | 'waiting' | 'sent' | 'over' = 'new'
  attempt = 0
  resends = 0
  /** performance.now() at which the try is over, and at which its claim on the buffer is. */
  deadline = 0
  claimUntil = 0
  claims = 0
  /** The last slot it took, and where it stands among the active. */
  slot = -1
  place = -1
  probe: Probe | null = null

  constructor(
    client: Client,
    pdu: Uint8Array,
    reply: Reply,
    attempts: number = client.options.retries + 1,
    answerBytes: number = claimBytes,
  ) {
    this.client = client
    this.pdu = pdu
    this.reply = reply
    this.attempts = attempts
    this.answerBytes = answerBytes
  }
}

export interface Exchange {
  readonly socketsPerFamily: number
  readonly counters: Readonly<Drops>
  readonly transport: Transport
  /** The same object for all sessions with a device. */
  presenceOf(peer: Peer): Presence
  start(request: SnmpRequest): void
  /** The request ends without a word to its reply but `ended`. */
  cancel(request: SnmpRequest): void
  close(): void
}

/** What one socket has on the way, and who waits for room. */
interface Room {
  claimed: number
  queue: SnmpRequest[]
  /** Where the queue's first one is: shifting a long array costs. */
  first: number
}

export function createExchange(openTransport: OpenTransport): Exchange {
  const counters = noDrops()
  const slots = new Slots<SnmpRequest>()
  const active: SnmpRequest[] = []
  const rooms = new Map<number, Room>()
  const presences = new Presences()
  const head: PduHead = { type: 0, id: 0, status: 0, index: 0, listAt: 0, listEnd: 0 }
  let timer: NodeJS.Timeout | null = null
  let timerDue = Number.POSITIVE_INFINITY
  let expecting = false
  let blames = 0
  /** Datagrams that came. */
  let heard = 0
  let closed = false

  // Sending

  const roomOf = ({ peer }: Client): Room => {
    const key = peer.family * 1024 + peer.socket
    const known = rooms.get(key)
    if (known) return known
    const room = { claimed: 0, queue: [], first: 0 }
    rooms.set(key, room)
    return room
  }

  const start = (request: SnmpRequest) => {
    const { client } = request
    client.counters.requests++
    client.evidence.malformed = 0
    client.evidence.weak = 0
    const room = roomOf(client)
    if (room.queue.length > room.first || !fits(room, request)) {
      request.state = 'waiting'
      room.queue.push(request)
    } else launch(room, request)
    wake(sweepMs)
  }

  const claimsOf = (request: SnmpRequest) =>
    Math.min(Math.ceil(request.answerBytes / claimBytes), transport.outstandingPerSocketMax)

  const fits = (room: Room, request: SnmpRequest) =>
    room.claimed + claimsOf(request) <= transport.outstandingPerSocketMax

  const launch = (room: Room, request: SnmpRequest) => {
    request.state = 'sent'
    request.claims = claimsOf(request)
    room.claimed += request.claims
    request.place = active.length
    active.push(request)
    attempt(request, performance.now())
  }

  /** The request's present try, once more or for the first time. */
  const attempt = (request: SnmpRequest, now: number) => {
    const slot = slots.take(request, request.slot, now)
    if (slot < 0) {
      // All ids are taken: the sweep tries again, and counts that as this try.
      request.deadline = now
      request.attempt--
      return
    }
    request.slot = slot
    const isLast = request.attempt + 1 >= request.attempts
    const wait = request.client.pace.waitOf(request.attempt, isLast)
    request.deadline = now + wait
    request.claimUntil = now + claimMs
    if (wait < sweepMs) wake(wait)
    try {
      send(request, slots.idOf(slot), isLast)
    } catch (error) {
      const text = `the request could not be made: ${messageOf(error)}`
      fail(request, new AppError('E_SNMP_ERROR', text, { cause: error }))
    }
  }

  const send = (request: SnmpRequest, id: number, isLast: boolean) => {
    const { client, pdu } = request
    setRequestId(pdu, id)
    const bytes = client.security.encode(pdu, id)
    if (isLast && request.probe === null) request.probe = probeFor(request)
    if (request.probe) request.probe.send(bytes)
    else {
      // A connected socket hears no other source: what was seen before stays true.
      if (request.attempt === 0) client.evidence.otherSource = null
      transport.send(bytes, client.peer)
    }
  }

  /** A socket that hears ICMP, where this request needs one and one can be had. */
  const probeFor = (request: SnmpRequest): Probe | null => {
    const { peer, options, presence } = request.client
    const now = performance.now()
    if (!shouldListen(presence, request.attempts, now)) return null
    const probe = openProbe(peer, {
      message: receive,
      fault: error => {
        presence.silent = true
        presence.refusal = error
        fail(request, unreachableError(options, error))
      },
    })
    if (probe) {
      presence.listenedAt = now
      presence.refusal = null
    }
    return probe
  }

  // Receiving

  const receive = (bytes: Uint8Array, address: string, port: number) => {
    heard++
    const id = messageId(bytes)
    if (Number.isNaN(id)) {
      counters.malformed++
      return blame(address, port, 'malformed')
    }
    const request = slots.ownerOf(id)
    if (request === null) return unexpected(id, address, port)
    const { client } = request
    if (port !== client.peer.port || address !== client.peer.address) {
      counters.forged++
      client.counters.dropped++
      client.evidence.otherSource = `${address}:${port}`
      return
    }
    try {
      judge(request, bytes, id)
    } catch (error) {
      const text = `the answer could not be read: ${messageOf(error)}`
      fail(request, new AppError('E_SNMP_DECODE', text, { cause: error }))
    }
  }

  const judge = (request: SnmpRequest, bytes: Uint8Array, id: number) => {
    const verdict = request.client.security.decode(bytes, id)
    switch (verdict.kind) {
      case 'pdu':
        return answer(request, verdict.bytes, verdict.at, verdict.end, id)
      case 'refused':
        return drop(request.client, verdict.why)
      case 'failed':
        return fail(request, verdict.error)
      case 'resend':
        if (request.resends >= resendsPerTryMax * (request.attempt + 1)) {
          return drop(request.client, 'weak')
        }
        request.resends++
        return attempt(request, performance.now())
    }
  }

  const answer = (request: SnmpRequest, bytes: Uint8Array, at: number, end: number, id: number) => {
    const { client } = request
    if (!readPduHead(bytes, at, end, head)) return drop(client, 'malformed')
    if (head.type !== PDU.response || head.id !== id) return drop(client, 'weak')
    if (!request.reply.answered(bytes, head)) return drop(client, 'malformed')
    const now = performance.now()
    client.pace.measured(now - slots.sentAt(id))
    answered(client.presence, now)
    finish(request, true)
  }

  const drop = (client: Client, why: Refusal) => {
    counters[why]++
    client.counters.dropped++
    if (why !== 'stale') client.evidence[why]++
  }

  const unexpected = (id: number, address: string, port: number) => {
    const gone = slots.gone(id)
    if (gone === 'answered') counters.duplicate++
    else if (gone === 'ended') counters.late++
    else {
      counters.stale++
      blame(address, port, null)
    }
  }

  /** Tells the request that waits for this sender; a flood of such datagrams is not searched for. */
  const blame = (address: string, port: number, why: 'malformed' | null) => {
    if (blames >= blamesPerSweepMax) return
    blames++
    for (const { client } of active) {
      if (client.peer.port !== port || client.peer.address !== address) continue
      client.counters.dropped++
      if (why) client.evidence[why]++
      return
    }
  }

  // Ending

  const fail = (request: SnmpRequest, error: AppError) => {
    if (request.state === 'over') return
    finish(request, false, error)
  }

  const finish = (request: SnmpRequest, answered: boolean, error: AppError | null = null) => {
    if (request.state === 'over') return
    const wasSent = request.state === 'sent'
    request.state = 'over'
    if (wasSent) {
      const last = active.pop()
      if (last && last !== request) {
        active[request.place] = last
        last.place = request.place
      }
      slots.release(request.slot, answered)
      request.probe?.close()
      unclaim(request)
    }
    if (error) request.reply.failed(error)
    request.client.ended(request)
    request.reply.ended()
  }

  const unclaim = (request: SnmpRequest) => {
    if (request.claims === 0) return
    const room = roomOf(request.client)
    room.claimed -= request.claims
    request.claims = 0
    while (room.first < room.queue.length) {
      const next = room.queue[room.first]
      if (next?.state === 'waiting') {
        if (!fits(room, next)) return
        room.first++
        launch(room, next)
      } else room.first++
    }
    if (room.first > 0) {
      room.queue.length = 0
      room.first = 0
    }
  }

  // Time

  const wake = (ms: number) => {
    if (!expecting) {
      expecting = true
      transport.expect(true)
    }
    // A timer is never due later than a sweep from now.
    if (timer !== null && ms >= sweepMs) return
    const due = performance.now() + ms
    if (timer !== null && timerDue <= due) return
    if (timer !== null) clearTimeout(timer)
    timerDue = due
    timer = setTimeout(awake, ms)
  }

  const awake = () => {
    timer = null
    if (performance.now() - timerDue < stallMs) sweep()
    else catchUp(turnsAfterStallMax, -1)
  }

  /** What came while the thread stood still is read before anything counts as not answered. */
  const catchUp = (turns: number, heardBefore: number) => {
    if (closed) return
    if (turns === 0 || heard === heardBefore) return sweep()
    setImmediate(catchUp, turns - 1, heard)
  }

  const sweep = () => {
    blames = 0
    const now = performance.now()
    let next = sweepMs
    // From the end: a request that ends makes the last one take its place.
    for (let i = active.length - 1; i >= 0; i--) {
      const request = active[i]
      if (!request) continue
      if (now >= request.deadline) expire(request, now)
      else {
        if (now >= request.claimUntil) unclaim(request)
        if (request.client.options.timeoutMs < sweepMs)
          next = Math.min(next, request.deadline - now)
      }
    }
    if (closed) return
    if (active.length > 0) wake(Math.ceil(next))
    else if (timer === null) {
      expecting = false
      transport.expect(false)
    }
  }

  const expire = (request: SnmpRequest, now: number) => {
    const { client } = request
    request.attempt++
    if (request.attempt < request.attempts) {
      if (request.slot >= 0) client.counters.retries++
      return attempt(request, now)
    }
    client.counters.timeouts++
    client.presence.silent = true
    fail(request, silenceOf(client))
  }

  /** What ICMP said in this silence says more than that nothing came. */
  const silenceOf = ({ security, presence, options, evidence }: Client): AppError =>
    security.silence?.() ??
    (presence.refusal
      ? unreachableError(options, presence.refusal)
      : timeoutError(options, evidence))

  const fault = (error: Error, peer: Peer | null) => {
    for (const request of [...active]) {
      if (request.client.peer !== peer || request.probe) continue
      fail(request, unreachableError(request.client.options, error))
    }
  }

  const transport = openTransport({ message: receive, fault })

  return {
    socketsPerFamily: transport.socketsPerFamily,
    counters,
    transport,
    presenceOf: peer => presences.of(peer),
    start,
    cancel: request => finish(request, false),
    close() {
      closed = true
      if (timer) clearTimeout(timer)
      for (const request of [...active]) finish(request, false)
      transport.close()
    },
  }
}
