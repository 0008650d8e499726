// The agent: measures its host at a fixed pace and hands what it measured to the sender. It runs
// inside Pollux for the host that Pollux runs on, and by itself on others (run.ts).

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Sender } from '../server/bus/contract.ts'
import { messageOf } from '../server/model/errors.ts'
import type { EventBody, EventKind } from '../server/model/event.ts'
import { type Beside, createBeside, type OpenExtra } from './beside.ts'
import { type AgentClock, ownClock } from './clock.ts'
import type { GroupId } from './fields.ts'
import { createHeld, type HeldItem } from './held.ts'
import { within } from './limit.ts'
import { linuxSource } from './linux.ts'
import { createMeasurements } from './measure.ts'
import {
  type AnyRow,
  type Found,
  failedBody,
  isTable,
  type Moment,
  rowsBody,
  scalarsBody,
  tableBody,
} from './messages.ts'
import { createPace } from './pace.ts'
import { portableSource } from './portable.ts'
import type { HostSource } from './source.ts'

/** Rows are told again this often, for who missed them. */
const rowsEveryMs = 3_600_000
/** Between two beats, ms: closer, they could fall into one tick of the clock (10 ms), and one time holds one sample. */
const beatPauseMs = 20
/** A pause that could not be told is told again after this, ms. */
const retellMs = 1000

/** Topics of server/bus/topics.ts with the site filled in. */
export interface AgentTopics {
  sample(device: string, group: string): string
  rows(device: string, group: string): string
  /** null: the account of this agent may not say this kind. */
  events?(device: string, kind: EventKind): string | null
}

export interface AgentOptions {
  sender: Pick<Sender, 'send'>
  /** For events, so that what a broker does not take of them holds up no sample. Left out: none are sent. */
  eventSender?: Pick<Sender, 'send'>
  topics: AgentTopics
  deviceId: string
  everyMs: number
  /** It measures nothing until `follow` says otherwise. */
  isPaused?: boolean
  log: Logger
  /** Left out: the host's own, by its platform. */
  source?: HostSource
  /** Left out: the host's own is right, as the server runs here too. */
  clock?: AgentClock
  /** What else is read on this host, as often as the host itself. */
  extra?: OpenExtra
}

export interface AgentCounters {
  measured: number
  failed: number
  /** Beats that were left out because the machine slept or was too busy. */
  overrun: number
  /** Measurements lost because the server's time stayed unknown for too long. */
  dropped: number
}

export interface Agent {
  /** Measures at once, then every `everyMs`. Calling it again changes nothing. */
  start(): void
  /** From now on at another pace, or not at all; it says so in its next `host` collection. */
  follow(asked: { everyMs: number; enabled: boolean }): void
  /** Sends what was held while the server's time was not known. */
  release(): void
  /** Measurements that wait for the server's time. */
  readonly held: number
  readonly counters: Readonly<AgentCounters>
  /** Waits for the measurement under way; may be called twice, or without start. */
  close(): Promise<void>
}

export function createAgent(options: AgentOptions): Agent {
  const { sender, topics, deviceId, log, clock = ownClock() } = options
  const source = options.source ?? (process.platform === 'linux' ? linuxSource() : portableSource())
  const measurements = createMeasurements(source, clock.aheadSeconds, undefined, () =>
    isPaused ? 0 : everyMs / 1000,
  )
  let { everyMs, isPaused = false } = options
  let pace = createPace(everyMs)
  const counters: AgentCounters = { measured: 0, failed: 0, overrun: 0, dropped: 0 }
  const held = createHeld()
  /** Groups whose last measurement went over its limit and has not ended yet. */
  const hanging = new Set<GroupId>()
  const toldRows = new Map<GroupId, { text: string; at: number }>()
  let beside = isPaused ? null : openBeside()
  let besideClosed = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let beat: Promise<void> = Promise.resolve()
  /** Counts changes of the pace: a beat of the one before sets no next. */
  let turn = 0
  let state: 'new' | 'running' | 'closed' = 'new'
  let isEnded = false

  function openBeside(): Beside | null {
    if (!options.extra) return null
    return createBeside({
      ...{ open: options.extra, clock, publish, log },
      sendSample: (group, body) => send(topics.sample(deviceId, group), body, false),
      sendRows: (group, body) => send(topics.rows(deviceId, group), body, true),
      sendEvent: options.eventSender ? sendEvent : null,
    })
  }

  function send(topic: string, body: object, retain: boolean): void {
    clock.sent(sender.send(topic, Buffer.from(JSON.stringify(body)), { retain }))
  }

  /** Its numbers are not those of `sender`: an acknowledgement of it tells no time. */
  function sendEvent(body: EventBody): void {
    const topic = topics.events?.(deviceId, body.kind) ?? null
    if (topic !== null) options.eventSender?.send(topic, Buffer.from(JSON.stringify(body)))
  }

  function publish(item: HeldItem): void {
    // What ran beside the last beat comes too late: the sender may be closed.
    if (isEnded) return
    const at = clock.at(item.moment)
    if (at === null) {
      counters.dropped += held.add(item)
      return
    }
    release()
    item.send(at)
  }

  function sendFound(group: GroupId, found: Found | Error, moment: Moment): void {
    const topic = topics.sample(deviceId, group)
    if (found instanceof Error) {
      const reason = found.name === 'TimeoutError' ? 'timeout' : 'partial'
      send(topic, failedBody(reason, messageOf(found), moment), false)
    } else if (!isTable(found)) send(topic, scalarsBody(found, moment), false)
    else if (found.length > 0) {
      tellRows(group, found, moment.at)
      send(topic, tableBody(group, found, moment), false)
    }
  }

  function release(): void {
    if (held.size === 0 || clock.at(clock.steady()) === null) return
    for (const item of held.take()) {
      const at = clock.at(item.moment)
      if (at !== null) item.send(at)
    }
  }

  function tellRows(group: GroupId, rows: readonly AnyRow[], at: number): void {
    const body = rowsBody(group, rows, at)
    const text = JSON.stringify(body.rows)
    const told = toldRows.get(group)
    const now = performance.now()
    if (told?.text === text && now - told.at < rowsEveryMs) return
    toldRows.set(group, { text, at: now })
    send(topics.rows(deviceId, group), body, true)
  }

  /** Never rejects: what failed is published as such. @returns whether it was measured */
  async function measure(group: GroupId): Promise<boolean> {
    const started = performance.now()
    const item = (found: Found | Error): HeldItem => {
      const took = Math.round(performance.now() - started)
      return { moment: clock.steady(), send: at => sendFound(group, found, { at, took }) }
    }
    try {
      if (hanging.has(group)) throw new DOMException('the last measurement hangs', 'TimeoutError')
      const call: Promise<Found | null> = measurements[group]()
      hanging.add(group)
      const ended = () => hanging.delete(group)
      call.then(ended, ended)
      const found = await within(call, pace.limitMs(group), group)
      counters.measured++
      if (found !== null) publish(item(found))
      return true
    } catch (error) {
      counters.failed++
      log.warn({ err: error, group }, 'the agent could not measure a group')
      publish(item(error instanceof Error ? error : new Error(String(error))))
      return false
    }
  }

  function measureAll(now: number): Promise<unknown> {
    const { inBeat, beside: slow } = pace.due(now)
    beside?.beat()
    for (const group of slow) {
      if (!hanging.has(group)) void measure(group).catch(couldNotSend)
    }
    return Promise.all(inBeat.map(measure))
  }

  function couldNotSend(error: unknown): void {
    log.error({ err: error }, 'the agent could not send')
  }

  /** The next beat is set when this one has ended, on the grid of the first: no drift, no overlap. */
  function schedule(dueMs: number, mine: number): void {
    if (state !== 'running' || mine !== turn) return
    timer = setTimeout(
      () => {
        beat = measureAll(performance.now())
          .catch(couldNotSend)
          .then(() => schedule(nextBeat(dueMs), mine))
      },
      Math.max(beatPauseMs, dueMs - performance.now()),
    )
  }

  /** Begins at the pace that is asked for now, once the beat under way has ended. */
  function begin(): void {
    clearTimeout(timer)
    const mine = ++turn
    beat = beat.then(async () => {
      if (state !== 'running' || mine !== turn) return
      if (!isPaused) return schedule(performance.now(), mine)
      await tellPause(mine)
    })
  }

  /** The last word before it is silent: where it cannot be measured, again, or nobody would know. */
  async function tellPause(mine: number): Promise<void> {
    // It must not share its time with the beat before.
    let wait = beatPauseMs
    for (let isTold = false; !isTold; wait = Math.min(everyMs, retellMs)) {
      await delay(wait)
      if (mine !== turn || state !== 'running') return
      isTold = await measure('host').catch(error => {
        couldNotSend(error)
        return true
      })
    }
  }

  function follow(asked: { everyMs: number; enabled: boolean }): void {
    if (state === 'closed') return
    const isSame = asked.everyMs === everyMs && asked.enabled === !isPaused
    if (isSame) return
    if (asked.everyMs !== everyMs) pace = createPace(asked.everyMs)
    everyMs = asked.everyMs
    isPaused = !asked.enabled
    if (isPaused) closeBeside()
    else beside ??= openBeside()
    log.info({ every: everyMs / 1000, paused: isPaused }, 'measuring as Pollux asks')
    if (state === 'running') begin()
  }

  function closeBeside(): void {
    if (!beside) return
    const closed = beside.close().catch(couldNotSend)
    besideClosed = besideClosed.then(() => closed)
    beside = null
  }

  function nextBeat(dueMs: number): number {
    const missed = Math.max(0, Math.floor((performance.now() - dueMs) / everyMs))
    counters.overrun += missed
    return dueMs + (missed + 1) * everyMs
  }

  return {
    counters,
    get held() {
      return held.size
    },
    release,
    follow,
    start() {
      if (state !== 'new') return
      state = 'running'
      if (!isPaused) schedule(performance.now(), turn)
    },
    async close() {
      if (state === 'closed') return void (await beat)
      state = 'closed'
      clearTimeout(timer)
      closeBeside()
      await Promise.all([beat, besideClosed])
      isEnded = true
      source.close?.()
      counters.dropped += held.size
      if (held.size > 0) {
        const count = held.take().length
        log.warn({ count }, "measurements are lost: the server's time was never known")
      }
    },
  }
}
