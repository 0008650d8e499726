// The agent: measures its host at a fixed pace and hands what it measured to the sender. It runs
// inside Pollux for the host that Pollux runs on. Enrolment and spooling are not its business.

import type { Logger } from 'pino'
import type { Sender } from '../server/bus/contract.ts'
import { messageOf } from '../server/model/errors.ts'
import { GROUP_IDS, type GroupId, type Measured } from './fields.ts'
import { within } from './limit.ts'
import { linuxSource } from './linux.ts'
import { createMeasurements } from './measure.ts'
import {
  type AnyRow,
  failedBody,
  type Moment,
  rowsBody,
  scalarsBody,
  tableBody,
} from './messages.ts'
import { portableSource } from './portable.ts'
import type { HostSource } from './source.ts'

/** The longest that one group may take; at a short interval, what is left of it. */
const measureMsMax = 5000
/** Rows are told again this often, for who missed them. */
const rowsEveryMs = 3_600_000

/** Topics of server/bus/topics.ts with the site filled in. */
export interface AgentTopics {
  sample(device: string, group: string): string
  rows(device: string, group: string): string
}

export interface AgentOptions {
  sender: Pick<Sender, 'send'>
  topics: AgentTopics
  deviceId: string
  everyMs: number
  log: Logger
  /** Left out: the host's own, by its platform. */
  source?: HostSource
}

export interface AgentCounters {
  measured: number
  failed: number
  /** Beats that were left out because the machine slept or was too busy. */
  overrun: number
}

/** What one group gave: rows of a table, or scalars by metric. */
type Found = AnyRow[] | Readonly<Record<string, Measured>>

export interface Agent {
  /** Measures at once, then every `everyMs`. Calling it again changes nothing. */
  start(): void
  readonly counters: Readonly<AgentCounters>
  /** Waits for the measurement under way; may be called twice, or without start. */
  close(): Promise<void>
}

export function createAgent(options: AgentOptions): Agent {
  const { sender, topics, deviceId, everyMs, log } = options
  const source = options.source ?? (process.platform === 'linux' ? linuxSource() : portableSource())
  const measurements = createMeasurements(source)
  const limitMs = Math.min(measureMsMax, Math.max(everyMs - 100, everyMs / 2))
  const counters: AgentCounters = { measured: 0, failed: 0, overrun: 0 }
  /** Groups whose last measurement went over its limit and has not ended yet. */
  const hanging = new Set<GroupId>()
  const toldRows = new Map<GroupId, { text: string; at: number }>()
  let timer: NodeJS.Timeout | undefined
  let beat: Promise<void> = Promise.resolve()
  let state: 'new' | 'running' | 'closed' = 'new'

  function send(topic: string, body: object, retain: boolean): void {
    sender.send(topic, Buffer.from(JSON.stringify(body)), { retain })
  }

  function publish(group: GroupId, found: Found, moment: Moment): void {
    const topic = topics.sample(deviceId, group)
    if (!Array.isArray(found)) send(topic, scalarsBody(found, moment), false)
    else if (found.length > 0) {
      tellRows(group, found, moment.at)
      send(topic, tableBody(group, found, moment), false)
    }
  }

  function tellRows(group: GroupId, rows: AnyRow[], at: number): void {
    const body = rowsBody(group, rows, at)
    const text = JSON.stringify(body.rows)
    const told = toldRows.get(group)
    const now = performance.now()
    if (told?.text === text && now - told.at < rowsEveryMs) return
    toldRows.set(group, { text, at: now })
    send(topics.rows(deviceId, group), body, true)
  }

  /** Never rejects: what failed is published as such. */
  async function measure(group: GroupId): Promise<void> {
    const started = performance.now()
    const moment = () => ({ at: Date.now(), took: Math.round(performance.now() - started) })
    try {
      if (hanging.has(group)) throw new DOMException('the last measurement hangs', 'TimeoutError')
      const call: Promise<Found> = measurements[group]()
      hanging.add(group)
      const ended = () => hanging.delete(group)
      call.then(ended, ended)
      publish(group, await within(call, limitMs, group), moment())
      counters.measured++
    } catch (error) {
      counters.failed++
      const timedOut = error instanceof Error && error.name === 'TimeoutError'
      log.warn({ err: error, group }, 'the agent could not measure a group')
      const body = failedBody(timedOut ? 'timeout' : 'partial', messageOf(error), moment())
      send(topics.sample(deviceId, group), body, false)
    }
  }

  /** The next beat is set when this one has ended, on the grid of the first: no drift, no overlap. */
  function schedule(dueMs: number): void {
    if (state !== 'running') return
    timer = setTimeout(
      () => {
        beat = Promise.all(GROUP_IDS.map(measure))
          .catch(error => log.error({ err: error }, 'the agent could not send'))
          .then(() => schedule(nextBeat(dueMs)))
      },
      Math.max(0, dueMs - performance.now()),
    )
  }

  function nextBeat(dueMs: number): number {
    const missed = Math.max(0, Math.floor((performance.now() - dueMs) / everyMs))
    counters.overrun += missed
    return dueMs + (missed + 1) * everyMs
  }

  return {
    counters,
    start() {
      if (state !== 'new') return
      state = 'running'
      schedule(performance.now())
    },
    async close() {
      state = 'closed'
      clearTimeout(timer)
      await beat
    },
  }
}
