// What is read of a device, how often, and what it costs: one line for each group of its profiles,
// from the plan alone and the rows that the device has.

import { formatDuration } from '../model/duration.ts'
import { formatSeconds } from '../model/units.ts'
import type { DevicePolling } from '../poll/contract.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { WebContext } from './context.ts'
import type { DeviceView } from './device-data.ts'

export interface ReadLine {
  profile: string
  title: string
  every: string
  /** OIDs (columns of a table) or fields that a whole read asks for. */
  sources: number
  /** Rows that the device has now; 1 for scalars. */
  rows: number
  /** Values that a whole read brings: sources × rows. Slow columns are not in every read. */
  values: number
}

/** Groups that the device has something of, in the order in which they are read. */
export function readsOf(web: WebContext, view: DeviceView): ReadLine[] {
  const { identity } = view.device
  if (!identity) return []
  const plan = web.plan(identity.profiles)
  const groups = new Map(plan.groups.map(group => [group.id, group]))
  return createEvaluator(plan)
    .due(Date.now(), view.everyMs)
    .flatMap(request => {
      const group = groups.get(request.group)
      const values = view.values.get(request.group)
      if (!group || !values) return []
      const rows = request.table ? values.rows.length : 1
      return {
        profile: group.profile,
        title: view.groups.get(group.id)?.title ?? group.id,
        every: formatDuration(Math.max(view.everyMs, group.everyMs ?? 0)),
        sources: request.sources.length,
        rows,
        values: rows * request.sources.length,
      }
    })
}

/** `Last read 3.21 s late; a read takes 412 ms.` */
export function paceOf(polling: DevicePolling | null): string {
  if (!polling) return ''
  const { lateMs, readMs, silence } = polling
  const seconds = (ms: number) => formatSeconds(Math.round(ms) / 1000)
  const parts = [
    ...(lateMs === null
      ? []
      : [lateMs < 100 ? 'last read on time' : `last read ${seconds(lateMs)} late`]),
    ...(readMs === null ? [] : [`a read takes ${seconds(readMs)}`]),
    ...(silence === null ? [] : ['now it is only asked whether it answers']),
  ]
  const text = parts.join('; ')
  return text && `${text[0]?.toUpperCase()}${text.slice(1)}.`
}
