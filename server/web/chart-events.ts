// What happened while a chart's values were measured, as marks on it: events of the device as a whole,
// and of the rows that the chart shows.

import type { Severity } from '../model/event.ts'
import type { Store } from '../store/contract.ts'
import type { DeviceView } from './device-data.ts'
import type { TimeWindow } from './window.ts'
import { plainText } from './words.ts'

/** Marks on one chart; the rest is counted. */
export const marksMax = 200
const TEXT_MAX = 200

export interface ChartEvents {
  /** [time, severity, sentence], newest first. */
  events: [number, Severity, string][]
  /** How many older ones have no mark here; at most 10,000 are counted. */
  eventsLeft: number
}

export async function chartEvents(
  store: Pick<Store, 'events'>,
  { device }: DeviceView,
  about: { group: string; row: string | null },
  { from, to }: TimeWindow,
): Promise<ChartEvents> {
  const query = { deviceUid: device.uid, about, from, to }
  const found = await store.events.list({ ...query, limit: marksMax + 1 })
  const shown = found.slice(0, marksMax)
  const isMore = found.length > shown.length
  return {
    events: shown.map(({ at, severity, kind, text, fields }) => {
      const by = kind === 'comment' && fields?.by ? `${fields.by}: ` : ''
      return [at, severity, plainText(`${by}${text}`, TEXT_MAX)]
    }),
    eventsLeft: isMore ? (await store.events.count(query)) - shown.length : 0,
  }
}
