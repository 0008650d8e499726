// "Why?": the ordered trace from a sample to who was told, for one alarm or for every rule of a device at
// any moment; also why nothing was said. Moments are judged again from stored samples.

import { byRow } from '../alarms/rehearse.ts'
import { metricsOf, type Replayed, replayRow } from '../alarms/replay.ts'
import type { CompiledRule } from '../alarms/rulebook.ts'
import { limitText, shownRow, valueText } from '../alarms/wording.ts'
import type { Alarm, Transition } from '../model/alarm.ts'
import type { Device } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { SEVERITIES } from '../model/event.ts'
import { formatSeconds } from '../model/units.ts'
import type { WebContext } from './context.ts'
import type { Dictionary } from './languages/en.ts'
import { plainText } from './words.ts'

/** Samples before the moment that are judged again, at least and at most, ms. */
const backMsMin = 2 * 3_600_000
const backMsMax = 26 * 3_600_000
/** Rules and rows of one answer. */
const rulesMax = 200
const rowsMax = 60

/** One step of a trace; `is` says how it stands: reached, kept back, or not reached. */
export interface TraceStep {
  name: string
  text: string
  is: 'yes' | 'no' | 'held'
  /** Unix ms, where it is about a moment. */
  at?: number
}

export interface Trace {
  rule: string
  row: string
  state: 'clear' | 'pending' | 'active' | 'suppressed'
  word: string
  steps: TraceStep[]
}

/** The trace of one alarm, by what was stored of it. */
export function alarmTrace(
  web: WebContext,
  alarm: Alarm,
  steps: readonly Transition[],
  say: Dictionary,
): TraceStep[] {
  const { why } = say
  const first = steps[0]
  const began = first?.alarm ?? alarm
  const held = steps.filter(({ reason }) => reason === 'parent' || reason === 'maintenance')
  const ack = alarm.ack
  const rule = web.alarms.rules.people().find(({ id }) => id === alarm.rule)
  const cleared = steps.find(({ to }) => to === 'clear')
  return [
    { name: why.sample, text: plainText(began.value, 200) || '–', is: 'yes', at: alarm.since },
    { name: why.condition, text: why.holds(plainText(began.limit, 200)), is: 'yes' },
    {
      name: why.duration,
      text: span(alarm.raisedAt - alarm.since) || why.atOnce,
      is: 'yes',
      at: alarm.raisedAt,
    },
    ...(['parent', 'maintenance'] as const).map((reason): TraceStep => {
      const step = held.find(one => one.reason === reason)
      const text = step ? say.alarms.reasons[reason] : NOT_HELD[reason](why)
      return { name: why[reason], text, is: step ? 'held' : 'no', ...(step && { at: step.at }) }
    }),
    {
      name: why.acknowledgement,
      text: ack ? why.ackBy(plainText(ack.by, 100), '', plainText(ack.note, 500)) : why.noAck,
      is: ack ? 'yes' : 'no',
      ...(ack && { at: ack.at }),
    },
    {
      name: why.clearLevel,
      text: cleared
        ? say.alarms.reasons[cleared.reason]
        : rule?.clear
          ? why.clearAt(rule.clear)
          : why.contrary,
      is: cleared ? 'yes' : 'no',
      ...(cleared && { at: cleared.at }),
    },
  ]
}

const NOT_HELD = {
  parent: (why: Dictionary['why']) => why.parentsUp,
  maintenance: (why: Dictionary['why']) => why.noWindow,
}

const span = (ms: number): string => (ms < 1000 ? '' : formatSeconds(Math.round(ms / 1000)))

/** Every rule of a device at a moment, those with an alarm first. */
export async function momentTrace(
  web: WebContext,
  device: Device,
  at: number,
  say: Dictionary,
): Promise<Record<string, unknown>> {
  const book = web.alarms.bookOf(device)
  const everyMs = parseDuration(device.config.every)
  const traces: Trace[] = []
  let calm = 0
  for (const one of book.rules.slice(0, rulesMax)) {
    for (const replayed of await replayAt(web, device, one, at, everyMs)) {
      if (
        replayed.machine.phase === 'clear' &&
        replayed.row !== null &&
        replayed.verdict === 'good'
      ) {
        calm++
      } else traces.push(traceOf(web, device, one, replayed, at, say))
    }
  }
  const rank = { active: 0, suppressed: 1, pending: 2, clear: 3 }
  traces.sort((a, b) => rank[a.state] - rank[b.state])
  return {
    traces: traces.slice(0, rowsMax),
    cut: traces.length > rowsMax ? rowsMax : 0,
    calm,
    problems: book.problems.map(({ rule, problem }) => ({
      name: rule.metric ?? rule.name,
      problem,
    })),
  }
}

async function replayAt(
  web: WebContext,
  device: Device,
  one: CompiledRule,
  at: number,
  everyMs: number,
): Promise<Replayed[]> {
  if (one.metric.group === 'device') return []
  const backMs = Math.min(Math.max(backMsMin, 2 * one.forMs, 2 * one.overMs), backMsMax)
  const found = await web.store.samples.read({
    ...{ deviceUid: device.uid, group: one.metric.group, metrics: metricsOf(one) },
    ...{ from: at - backMs, to: at },
  })
  return byRow(found, one).map(([row, series]) => replayRow(one, series, row, everyMs))
}

function traceOf(
  web: WebContext,
  device: Device,
  one: CompiledRule,
  replayed: Replayed,
  at: number,
  say: Dictionary,
): Trace {
  const { why } = say
  const window = web.alarms.rules.inMaintenance(device.config, at)
  const parents = parentStep(web, device, why)
  const isHeld = replayed.machine.phase === 'active' && (window !== null || parents.is === 'held')
  const state = isHeld ? 'suppressed' : replayed.machine.phase
  return {
    rule: plainText(one.rule.name, 80),
    row: replayed.row === null ? '' : shownRow(replayed.row),
    ...{ state, word: why.would[state] },
    steps: [
      ...ruleSteps(one, replayed, why),
      parents,
      {
        name: why.maintenance,
        text: window ? why.inWindow(plainText(window.window.name, 80)) : why.noWindow,
        is: window ? 'held' : 'no',
      },
    ],
  }
}

function ruleSteps(one: CompiledRule, replayed: Replayed, why: Dictionary['why']): TraceStep[] {
  const { last, verdict, machine } = replayed
  if (!last) return [{ name: why.sample, text: why.noSample, is: 'no' }]
  const value = plainText(valueText(plainValue(one), last.value), 100)
  const isBad = SEVERITIES.some(severity => severity === verdict)
  const severity = SEVERITIES.find(known => known === verdict) ?? 'warning'
  const held = Math.max(0, ...machine.held)
  const wanted = span(one.forMs)
  return [
    { name: why.sample, text: value, is: 'yes', at: last.at },
    {
      name: why.condition,
      text: isBad
        ? why.holds(limitText(one, severity))
        : verdict === 'between'
          ? why.between
          : verdict === null
            ? why.untold
            : why.holdsNot,
      is: isBad ? 'yes' : 'no',
    },
    {
      name: why.duration,
      text: wanted === '' ? why.atOnce : why.heldFor(span(held) || '0 s', wanted),
      is: isBad && held >= one.forMs ? 'yes' : 'no',
    },
    {
      name: why.clearLevel,
      text: one.rule.clear === undefined ? why.contrary : why.clearAt(one.rule.clear),
      is: verdict === 'good' ? 'yes' : 'no',
    },
  ]
}

/** The measured value, not the rate or the difference that was made of it. */
const plainValue = (one: CompiledRule): CompiledRule => ({
  ...one,
  rule: { ...one.rule, condition: 'threshold' },
})

/** Of parents only their state of now is known. */
function parentStep(web: WebContext, device: Device, why: Dictionary['why']): TraceStep {
  const parents = device.config.parents ?? []
  const name = why.parent
  if (parents.length === 0) return { name, text: why.noParents, is: 'no' }
  const isDead = parents.every(id => web.devices.status(id)?.state === 'down')
  return isDead
    ? { name, text: why.parentsDown(parents.join(', ')), is: 'held' }
    : { name, text: why.parentsUp, is: 'no' }
}
