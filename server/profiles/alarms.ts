// What profiles say of alarms, for whoever judges: the rules of each metric as they are written, and
// conditions compiled to closures over the values of one row.

import type { AlarmDoc } from '../model/profile.ts'
import { fullCondition } from './alarmcheck.ts'
import { compileExpression, type Expression } from './expression.ts'
import type { PageMetric, Plan } from './face.ts'
import type { Scalar } from './operators.ts'

export interface AlarmMetric {
  group: string
  groupTitle: string
  table: boolean
  metric: string
  title: string
  unit: string
  kind: PageMetric['kind']
  role: string | null
  states: PageMetric['states']
  decimals: number | null
  /** null: nothing is said; false: never. */
  alarm: AlarmDoc | false | null
  profile: string
  /** Other metrics of the group: what its conditions may name beside `value`. */
  siblings: readonly string[]
}

/** Every metric of a plan, with what its profile says of alarms. */
export function alarmMetrics(plan: Plan): AlarmMetric[] {
  return [...plan.definition.groups.values()].flatMap(({ group }) => {
    const metrics = group.slots.map(slot => slot.metric).filter(metric => metric !== null)
    const siblings = metrics.map(({ id }) => id)
    const shown = metrics.filter(metric => metric.shown)
    return shown.map(({ id, title, unit, kind, role, states, decimals, alarm }) => ({
      ...{ group: group.id, groupTitle: group.title, table: group.table, profile: group.profile },
      ...{ metric: id, title, unit, kind, role, states, decimals, alarm, siblings },
    }))
  })
}

/** The row that a condition is about. */
export interface AlarmFrame {
  value: number | string
  /** The state's name, where the metric has states. */
  state: string | null
  /** Another metric of the same row and collection; null: it did not come. */
  other(metric: string): Scalar
}

export type AlarmCondition = Expression<AlarmFrame>

/**
 * Compiles a condition as profiles write them: `> 80` means `value > 80`.
 * @param siblings the metrics that may be named
 * @throws ExpressionError with the place and a hint
 */
export function alarmCondition(text: string, siblings: readonly string[]): AlarmCondition {
  return compileExpression<AlarmFrame>(fullCondition(text), {
    reader(name) {
      if (name === 'value') return frame => frame.value
      if (name === 'state_name') return frame => frame.state
      return siblings.includes(name) ? frame => frame.other(name) : undefined
    },
    known: () => ['value', 'state_name', ...siblings],
  })
}
