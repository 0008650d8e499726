// Fills live from the store at start, so that pages have values before the first samples come.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { SamplePoint, SeriesInfo, Store } from '../store/contract.ts'
import type { Live } from './contract.ts'

type Latest = SeriesInfo & SamplePoint

/**
 * Newer values that are in live already stay.
 * @returns how many devices had values
 * @throws AppError what the store says
 */
export async function fillLive(
  live: Pick<Live, 'put'>,
  store: { devices: Pick<Store['devices'], 'list'>; samples: Pick<Store['samples'], 'latest'> },
): Promise<number> {
  let filled = 0
  for (const { uid, config } of await store.devices.list()) {
    const latest = await store.samples.latest(uid)
    const isRowByRow = config.kind === 'mqtt'
    const collections = collectionsOf(uid, latest, isRowByRow)
    for (const collection of collections) await live.put(collection)
    if (collections.length > 0) filled++
  }
  return filled
}

/**
 * The newest samples of a device as collections, oldest first. A row whose metric is older than that
 * metric's newest has gone since, and is left out; where rows come one by one, it is as it was.
 */
export function collectionsOf(
  deviceUid: number,
  latest: readonly Latest[],
  isRowByRow = false,
): AcceptedCollection[] {
  const columns = Map.groupBy(latest, ({ group, metric }) => `${group}/${metric}`)
  const collections = new Map<string, AcceptedCollection>()
  for (const samples of columns.values()) {
    const at = samples.reduce((newest, sample) => Math.max(newest, sample.at), 0)
    for (const [time, ofTime] of Map.groupBy(samples, sample => sample.at)) {
      if (isRowByRow || time === at) addColumn(collections, deviceUid, time, ofTime, isRowByRow)
    }
  }
  return [...collections.values()].sort((a, b) => a.at - b.at)
}

function addColumn(
  collections: Map<string, AcceptedCollection>,
  deviceUid: number,
  at: number,
  samples: readonly Latest[],
  isRowByRow: boolean,
): void {
  const [first] = samples
  if (!first) return
  const { group, metric } = first
  const rows = samples.flatMap(({ row }) => (row === null ? [] : [row]))
  const isTable = rows.length === samples.length
  const key = JSON.stringify([at, group, rows])
  const collection = collections.get(key) ?? {
    ...{ deviceUid, group, at, rows: isTable ? rows : null },
    ...{ metrics: new Map(), gaps: new Map(), failed: null },
    ...(isRowByRow && isTable && { some: true as const }),
  }
  collections.set(key, collection)
  const kept = isTable ? samples : [first]
  collection.metrics.set(
    metric,
    kept.map(sample => sample.value),
  )
  const gaps = kept.map(({ value, gap }) => (value === null ? (gap ?? 'partial') : null))
  if (gaps.some(gap => gap !== null)) collection.gaps.set(metric, gaps)
}
