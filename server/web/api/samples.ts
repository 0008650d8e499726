// What a device measures, for programs: the newest values, the series, and their history.

import type { Value } from '../../model/collection.ts'
import type { GapReason } from '../../model/gap.ts'
import type { Route, WebContext } from '../context.ts'
import { call } from './call.ts'
import { DeviceParams, knownDevice } from './device-answer.ts'
import { historyCall } from './history.ts'
import { metricName, seriesFacts } from './series-facts.ts'

export interface LatestAnswer {
  /** When the newest of them was measured, Unix ms; null: there is none yet. */
  at: number | null
  samples: {
    /** `group.name`. */
    metric: string
    /** The row's key; null for scalars. */
    row: string | null
    /** As the device numbers it; null for scalars. */
    index: string | null
    /** In the unit; states are numbers; null has a gap. */
    value: Value
    unit: string | null
    at: number
    gap: GapReason | null
  }[]
}

export interface SeriesAnswer {
  metric: string
  row: string | null
  index: string | null
  /** For people. */
  name: string | null
  labels: Record<string, string>
  unit: string | null
  /** When its first sample was measured, Unix ms. */
  firstAt: number
}

export function sampleCalls(web: WebContext): Route[] {
  return [latestCall(web), seriesCall(web), historyCall(web)]
}

function latestCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/devices/:id/latest',
    permission: 'devices.read',
    summary: "The newest value of each of a device's series",
    params: DeviceParams,
    async answer({ params }): Promise<LatestAnswer> {
      const device = await knownDevice(web, params.id)
      const [latest, facts] = await Promise.all([
        web.live.latest(device.uid),
        seriesFacts(web, device),
      ])
      const samples = latest.map(({ group, metric, row, value, at, gap }) => ({
        metric: metricName(group, metric),
        row,
        index: facts.row(group, row)?.index ?? null,
        value,
        unit: facts.unit(group, metric),
        at,
        gap,
      }))
      const newest = samples.reduce((at, sample) => Math.max(at, sample.at), 0)
      return { at: samples.length > 0 ? newest : null, samples }
    },
  })
}

function seriesCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/devices/:id/series',
    permission: 'devices.read',
    summary: "A device's series: metric, row, labels, unit",
    params: DeviceParams,
    async answer({ params }): Promise<SeriesAnswer[]> {
      const device = await knownDevice(web, params.id)
      const [series, facts] = await Promise.all([
        web.store.samples.series(device.uid),
        seriesFacts(web, device),
      ])
      return series.map(({ group, metric, row, firstAt }) => {
        const info = facts.row(group, row)
        return {
          metric: metricName(group, metric),
          row,
          index: info?.index ?? null,
          name: info?.name ?? null,
          labels: info?.labels ?? {},
          unit: facts.unit(group, metric),
          firstAt,
        }
      })
    },
  })
}
