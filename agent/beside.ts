// What something else finds on this host (Docker's containers), sent beside the host's own groups and by
// the same clock. It has its own pace: whatever it waits for, the host's beat goes on.

import type { Logger } from 'pino'
import { splitCollection } from '../server/bus/split.ts'
import type { FailedCollection, GoodCollection, RowsMessage } from '../server/model/collection.ts'
import type { EventBody } from '../server/model/event.ts'
import type { GapReason } from '../server/model/gap.ts'
import type { AgentClock } from './clock.ts'

/** The longest that one read of it may take, ms. */
const readMsMax = 60_000
/** Rows are told again this often, for who missed them, ms. */
const rowsEveryMs = 3_600_000
/** Reads that wait for the server's time: each may be 200 kB. After that none is made until it is known. */
const waitingMax = 100
/** Events that wait for it, 4 kB each; more are left out and counted. */
const eventsWaitingMax = 1000
/** An event older than this is told as so old: the host's clock was set meanwhile, ms. */
const eventAgeMsMax = 3_600_000

type Body<T> = Omit<T, 'v' | 'src' | 'boot' | 'seq'>

/** Times in it are replaced by the agent's own. */
export interface ExtraFound {
  collections: readonly { group: string; body: Body<GoodCollection> | Body<FailedCollection> }[]
  /** Names of rows, where they changed. */
  rows: readonly { group: string; body: Body<RowsMessage> }[]
  /** What the read showed to have happened. */
  events?: readonly EventBody[]
}

/** Between reads. */
export interface ExtraTold {
  /** What happened, under the host's time. */
  events?: readonly EventBody[]
  /** It is worth a read before the next beat. */
  readSoon?: boolean
}

export interface Extra {
  /** What failed is a failed collection; it ends soon after `signal`. One call at a time. */
  collect(signal: AbortSignal): Promise<ExtraFound>
  close(): Promise<void>
}

export type OpenExtra = (tell: (told: ExtraTold) => void) => Extra

export interface BesideOptions {
  open: OpenExtra
  clock: Pick<AgentClock, 'steady'>
  /** Gives on what is to be sent as soon as its time is known. */
  publish(item: { moment: number; send: (at: number) => void }): void
  sendSample(group: string, body: object): void
  sendRows(group: string, body: object): void
  /** null: this agent may not send events. */
  sendEvent: ((body: EventBody) => void) | null
  log: Logger
}

export interface Beside {
  /** Begins a read, unless one is under way. */
  beat(): void
  /** Ends the read under way. */
  close(): Promise<void>
}

export function createBeside(options: BesideOptions): Beside {
  const { clock, publish, sendSample, sendRows, sendEvent, log } = options
  const told = new Map<string, { body: Body<RowsMessage>; at: number }>()
  const end = new AbortController()
  let reading: Promise<void> | null = null
  let waiting = 0
  const eventsWaiting = { count: 0, leftOut: 0 }
  const extra = options.open(({ events = [], readSoon = false }) => {
    tellEvents(events)
    if (readSoon) beat()
  })

  function beat(): void {
    if (reading || waiting >= waitingMax || end.signal.aborted) return
    reading = read()
      .catch(error => log.warn({ err: error }, 'what runs beside the agent could not be read'))
      .finally(() => {
        reading = null
      })
  }

  async function read(): Promise<void> {
    const signal = AbortSignal.any([end.signal, AbortSignal.timeout(readMsMax)])
    const found = await extra.collect(signal)
    if (end.signal.aborted) return
    tellEvents(found.events ?? [])
    waiting++
    publish({ moment: clock.steady(), send: at => sendFound(found, at) })
  }

  function sendFound({ collections, rows }: ExtraFound, at: number): void {
    // All that wait are sent together, or were dropped.
    waiting = 0
    for (const { group, body } of rows) tellRows(group, body, at)
    for (const { group } of collections) tellAgain(group, at)
    for (const { group, body } of collections) {
      if (!body.ok) sendSample(group, { ...body, at, reason: besideReason(body.reason) })
      else for (const part of splitCollection({ ...body, at })) sendSample(group, part)
    }
  }

  /** Each under the agent's time of when it happened. */
  function tellEvents(events: readonly EventBody[]): void {
    if (!sendEvent || end.signal.aborted) return
    for (const event of events) {
      if (eventsWaiting.count >= eventsWaitingMax) {
        eventsWaiting.leftOut++
        continue
      }
      eventsWaiting.count++
      const ageMs = Math.min(eventAgeMsMax, Math.max(0, Date.now() - event.at))
      const send = (at: number) => {
        forgetWaiting()
        sendEvent({ ...event, at })
      }
      publish({ moment: clock.steady() - ageMs, send })
    }
  }

  function forgetWaiting(): void {
    const { leftOut } = eventsWaiting
    if (leftOut > 0) log.warn({ leftOut }, "events were left out until the server's time was known")
    eventsWaiting.count = 0
    eventsWaiting.leftOut = 0
  }

  function tellRows(group: string, body: Body<RowsMessage>, at: number): void {
    told.set(group, { body, at: performance.now() })
    sendRows(group, { ...body, at })
  }

  function tellAgain(group: string, at: number): void {
    const last = told.get(group)
    if (last && performance.now() - last.at >= rowsEveryMs) tellRows(group, last.body, at)
  }

  return {
    beat,
    async close() {
      end.abort()
      await extra.close()
      await reading
    },
  }
}

/** The host answers: what stands beside it must not make it look down. The error says what it was. */
function besideReason(reason: GapReason): GapReason {
  return ['timeout', 'unreachable', 'auth'].includes(reason) ? 'partial' : reason
}
