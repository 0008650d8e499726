// The average of the same hour of last week, for rules that compare with it: read once an hour for each
// row of rows, in turn and bounded. Until it is read nothing is compared.

import type { SampleStore } from '../store/contract.ts'
import type { SeriesName } from './engine-contract.ts'

const weekMs = 7 * 86_400_000
const hourMs = 3_600_000
/** Metrics of a group of a device that are kept, and those that wait to be read. */
const groupsMax = 20_000
const waitingMax = 2000

export interface LastWeek {
  /** undefined: not read yet; null: nothing was stored then. */
  get(uid: number, series: SeriesName): number | null | undefined
  readonly waiting: number
}

export function createLastWeek(parts: {
  store: Pick<SampleStore, 'read'>
  onError(error: unknown): void
  now?: () => number
}): LastWeek {
  const { store, onError, now = Date.now } = parts
  const known = new Map<string, { hour: number; rows: Map<string | null, number> }>()
  const waiting = new Map<string, { uid: number; group: string; metric: string }>()
  let isReading = false

  const read = async () => {
    isReading = true
    for (const [key, { uid, group, metric }] of waiting) {
      const hour = Math.floor(now() / hourMs)
      const from = hour * hourMs - weekMs
      const query = { deviceUid: uid, group, metrics: [metric], from, to: from + hourMs - 1 }
      try {
        const found = await store.read({ ...query, points: 1, fn: 'avg' })
        const rows = found.flatMap(({ row, points }) => {
          const value = points[0]?.value
          return typeof value === 'number' ? [[row, value] as const] : []
        })
        if (known.size >= groupsMax) known.clear()
        known.set(key, { hour, rows: new Map(rows) })
      } catch (error) {
        onError(error)
      }
      waiting.delete(key)
    }
    isReading = false
  }
  return {
    get(uid, { group, metric, row }) {
      const key = `${uid} ${group}.${metric}`
      const found = known.get(key)
      if (found?.hour === Math.floor(now() / hourMs)) return found.rows.get(row) ?? null
      if (waiting.size < waitingMax) waiting.set(key, { uid, group, metric })
      if (!isReading) void read()
      return undefined
    },
    get waiting() {
      return waiting.size
    },
  }
}
