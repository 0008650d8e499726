// The thread in which rules are rehearsed: 30 days of thousands of series are read, unpacked and judged
// here, over a connection of its own, so that pages answer meanwhile. One after the other.

import { parentPort, workerData } from 'node:worker_threads'
import type { LevelWithSilent } from 'pino'
import { createLog } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Rule } from '../model/rule.ts'
import type { AlarmMetric } from '../profiles/alarms.ts'
import { openHistory } from '../store/history.ts'
import { type Rehearsable, type Rehearsal, rehearse } from './rehearse.ts'
import { compileRule } from './rulebook.ts'

const nightFrom = 22
const nightTo = 6

/** Plain data: a rule, and which of the metrics each device has. */
export interface RehearsalJob {
  rule: Rule
  metrics: readonly AlarmMetric[]
  targets: readonly { device: Rehearsable; metrics: readonly number[] }[]
  now: number
  /** Where it is night, as `Europe/Paris`. */
  zone: string
}

export interface RehearsalInit {
  databaseUrl: string
  logLevel: LevelWithSilent
}

export interface RehearsalRequest {
  id: number
  job: RehearsalJob
}

export type RehearsalReply =
  | { id: number; made: Rehearsal }
  | { id: number; failure: { code: string; message: string; hint: string; passing: boolean } }

// The thread is started by rehearsals.ts alone, with this.
const { databaseUrl, logLevel }: RehearsalInit = workerData
const history = openHistory(databaseUrl, createLog(logLevel))

async function run({ rule, metrics, targets, now, zone }: RehearsalJob): Promise<Rehearsal> {
  const rules = metrics.map(metric => compileRule(rule, metric))
  const compiled = targets.map(({ device, metrics: known }) => ({
    device,
    rules: known.flatMap(index => rules[index] ?? []),
  }))
  return rehearse(history, compiled, now, nightOf(zone))
}

/** Is it night there? The hour of a half hour is asked for once: dates in zones are slow. */
function nightOf(timeZone: string): (at: number) => boolean {
  const hours = new Intl.DateTimeFormat('en', { hour: 'numeric', hourCycle: 'h23', timeZone })
  const known = new Map<number, boolean>()
  return at => {
    const night = known.get(at)
    if (night !== undefined) return night
    const hour = Number(hours.format(at))
    const made = hour >= nightFrom || hour < nightTo
    known.set(at, made)
    return made
  }
}

function failureOf(error: unknown) {
  const {
    code = 'E_REHEARSAL',
    hint = '',
    passing = false,
  } = error instanceof AppError ? error : {}
  return { code, message: messageOf(error), hint, passing }
}

let queue = Promise.resolve()

parentPort?.on('message', ({ id, job }: RehearsalRequest) => {
  queue = queue.then(async () => {
    let reply: RehearsalReply
    try {
      reply = { id, made: await run(job) }
    } catch (error) {
      reply = { id, failure: failureOf(error) }
    }
    parentPort?.postMessage(reply)
  })
})
