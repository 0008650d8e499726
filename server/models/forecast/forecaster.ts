// Looks at every device in turn and stores when its disks, memory, interfaces, supplies and batteries run
// out. It reads hourly values, lets a thread do the arithmetic, and rests much longer than it works.

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../log.ts'
import type { Device } from '../../model/device.ts'
import { messageOf } from '../../model/errors.ts'
import type { Forecast } from '../../model/forecast.ts'
import type { AlarmMetric } from '../../profiles/alarms.ts'
import type { SamplePoint, SampleQuery, Store } from '../../store/contract.ts'
import type { SeriesToAssess } from './assess.ts'
import { type Target, targetsOf } from './targets.ts'
import { ForecastThread } from './thread.ts'

/** Series of one round, and of one device; more are left out and counted. */
export const forecastsMax = 20_000
const perDeviceMax = 500
/** Rows whose history is in memory at once. */
const rowsAtOnceMax = 50
const HOUR_MS = 3_600_000
export const HISTORY_HOURS = 28 * 24
/** What was made before this is not shown any more. */
const staleMs = 2 * 24 * HOUR_MS
/** The first round begins after this, so that a start is not slowed; rounds are at least so far apart. */
const firstMs = 5 * 60_000
const roundMs = HOUR_MS
/** After each device it rests so many times as long as it worked: five in a hundred of one core. */
const REST = 19
const restMsMax = 300_000

export interface ForecasterParts {
  store: { samples: Pick<Store['samples'], 'read' | 'rows'>; forecasts: Store['forecasts'] }
  devices(): readonly Device[]
  metricsOf(device: Device): readonly AlarmMetric[]
  /** Several processes may run; one of them forecasts. */
  isOurs(): boolean
  log: Logger
  now?: () => number
}

export interface Forecaster {
  readonly thread: ForecastThread
  /** One look at all devices. */
  round(): Promise<void>
  stats(): { rounds: number; series: number; leftOut: number; failed: number }
  /** Begins to look again and again. */
  start(): void
  close(): Promise<void>
}

export function createForecaster(parts: ForecasterParts): Forecaster {
  const { store, log } = parts
  const now = parts.now ?? Date.now
  const thread = new ForecastThread()
  const closing = new AbortController()
  const stats = { rounds: 0, series: 0, leftOut: 0, failed: 0 }
  let running: Promise<void> = Promise.resolve()
  const pause = (ms: number) =>
    delay(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)

  const round = async (isPaced: boolean) => {
    let left = forecastsMax
    let leftOut = 0
    for (const device of parts.devices()) {
      if (closing.signal.aborted || !parts.isOurs()) return
      const began = performance.now()
      try {
        const made = await forecastDevice(
          parts,
          thread,
          device,
          now(),
          Math.min(left, perDeviceMax),
        )
        left -= made.count
        leftOut += made.leftOut
      } catch (error) {
        stats.failed++
        log.debug({ device: device.config.id, error: messageOf(error) }, 'forecast later')
      }
      if (isPaced) await pause(Math.min(restMsMax, REST * (performance.now() - began)))
    }
    await store.forecasts.trim(now() - staleMs)
    Object.assign(stats, { rounds: stats.rounds + 1, series: forecastsMax - left, leftOut })
  }
  const goOn = async () => {
    await pause(firstMs)
    while (!closing.signal.aborted) {
      const began = performance.now()
      await round(true).catch(error =>
        log.warn({ error: messageOf(error) }, 'forecasts are made later'),
      )
      await pause(Math.max(firstMs, roundMs - (performance.now() - began)))
    }
  }
  return {
    thread,
    round: () => round(false),
    stats: () => ({ ...stats }),
    start() {
      running = goOn()
    },
    async close() {
      closing.abort()
      await thread.close()
      await running
    },
  }
}

/** @returns how many series were forecast, and how many were not as there were too many */
async function forecastDevice(
  { store, metricsOf }: ForecasterParts,
  thread: ForecastThread,
  device: Device,
  now: number,
  most: number,
): Promise<{ count: number; leftOut: number }> {
  const forecasts: Forecast[] = []
  let leftOut = 0
  for (const target of targetsOf(metricsOf(device))) {
    const names = target.table
      ? (await store.samples.rows(device.uid, target.group)).map(({ key, name }) => ({ key, name }))
      : [null]
    const taken = names.slice(0, Math.max(0, most - forecasts.length))
    leftOut += names.length - taken.length
    for (let i = 0; i < taken.length; i += rowsAtOnceMax) {
      const some = taken.slice(i, i + rowsAtOnceMax)
      forecasts.push(
        ...(await forecastRows(store.samples, thread, { device, target, rows: some, now })),
      )
    }
  }
  await store.forecasts.replace(device.uid, forecasts)
  return { count: forecasts.length, leftOut }
}

async function forecastRows(
  samples: ForecasterParts['store']['samples'],
  thread: ForecastThread,
  {
    device,
    target,
    rows,
    now,
  }: {
    device: Device
    target: Target
    rows: readonly ({ key: string; name: string } | null)[]
    now: number
  },
): Promise<Forecast[]> {
  const { kind, group, metric, title, limit, direction } = target
  const keys = rows.flatMap(row => (row ? [row.key] : []))
  const query = historyQuery(device.uid, target, keys, now)
  const found = new Map((await samples.read(query)).map(one => [one.row, one.points]))
  const known = rows.filter(row => found.has(row?.key ?? null))
  const series = known.map(
    (row): SeriesToAssess => ({
      values: hourly(found.get(row?.key ?? null) ?? [], query.from),
      ...{ at: now, limit, direction },
    }),
  )
  if (series.length === 0) return []
  const said = await thread.assess(series)
  return known.flatMap((row, i) => {
    const one = said[i]
    // Nothing at all in four weeks: it is not there any more.
    if (!one || one.value === null) return []
    return [
      {
        ...{ kind, group, metric, title, limit, ...one, madeAt: now },
        row: row?.key ?? null,
        rowName: row?.name ?? null,
      },
    ]
  })
}

/** Whole hours up to now; the last one is under way. */
export function historyQuery(
  deviceUid: number,
  { group, metric, fn }: Pick<Target, 'group' | 'metric' | 'fn'>,
  rows: string[],
  now: number,
): SampleQuery {
  const from = Math.floor(now / HOUR_MS) * HOUR_MS - (HISTORY_HOURS - 1) * HOUR_MS
  return {
    ...{ deviceUid, group, metrics: [metric], from, to: from + HISTORY_HOURS * HOUR_MS - 1 },
    ...(rows.length > 0 && { rows }),
    ...{ points: HISTORY_HOURS, fn },
  }
}

export function hourly(points: readonly SamplePoint[], from: number): Float64Array {
  const hours = new Float64Array(HISTORY_HOURS).fill(Number.NaN)
  for (const { at, value } of points) {
    const hour = Math.floor((at - from) / HOUR_MS)
    if (typeof value === 'number' && hour >= 0 && hour < HISTORY_HOURS) hours[hour] = value
  }
  return hours
}
