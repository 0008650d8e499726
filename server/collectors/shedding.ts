// Which tables of a device are heavy (they take most of what a read brings), and which of them are
// left out of a read while the device is spared. Scalars never are. Pure.

import type { GroupReading } from '../model/raw.ts'
import type { FetchRequest } from '../profiles/face.ts'

/** Heavy are the largest tables that together bring this part of all cells, */
const heavyPart = 0.6
/** each of at least so many; a device that brings less than that in all is not worth sparing. */
const heavyCellsMin = 100

export interface Chosen {
  /** The scheduled time, Unix ms. */
  at: number
  requests: FetchRequest[]
  /** Groups that are left out on purpose. */
  shed: string[]
  /** Of those: where a read would have been due, so that a gap is. */
  gaps: string[]
  /** A heavy table is among the requests. */
  heavy: boolean
}

export interface Shedding {
  /**
   * @param at the scheduled time, Unix ms
   * @param factor heavy tables are read every so many of their periods
   * @param periodOf how often a group is read when all is well, ms
   */
  choose(
    due: readonly FetchRequest[],
    at: number,
    factor: number,
    periodOf: (group: string) => number,
  ): Chosen
  /** What the requests brought, by group. */
  learn(requests: readonly FetchRequest[], groups: ReadonlyMap<string, GroupReading>): void
}

/** @param everyMs the device's interval */
export function createShedding(everyMs: number): Shedding {
  /** Cells of the tables as they were last read whole; bounded by the groups of the profiles. */
  const sizes = new Map<string, number>()
  let heavy = new Set<string>()
  const readAt = new Map<string, number>()
  const gapAt = new Map<string, number>()

  /** Half an interval of tolerance: a read may be a little early, or asked for in between. */
  const isWithin = (last: number | undefined, at: number, ms: number) =>
    last !== undefined && at >= last && at - last < ms - everyMs / 2

  return {
    choose(due, at, factor, periodOf) {
      const chosen: Chosen = { at, requests: [], shed: [], gaps: [], heavy: false }
      for (const request of due) {
        const { group } = request
        const period = periodOf(group)
        if (!heavy.has(group)) chosen.requests.push(request)
        else if (factor > 1 && isWithin(readAt.get(group), at, factor * period)) {
          chosen.shed.push(group)
          const isRead = isWithin(readAt.get(group), at, period)
          if (isRead || isWithin(gapAt.get(group), at, period)) continue
          gapAt.set(group, at)
          chosen.gaps.push(group)
        } else {
          readAt.set(group, at)
          chosen.heavy = true
          chosen.requests.push(request)
        }
      }
      return chosen
    },
    learn(requests, groups) {
      let isNews = false
      for (const { group, table } of requests) {
        const read = groups.get(group)
        // It was not read after all: it is not left out next time.
        if (!read) readAt.delete(group)
        if (!read || read.partial || !table) continue
        const cells = read.table.indexes.length * read.table.sources.length
        if (sizes.get(group) === cells) continue
        sizes.set(group, cells)
        isNews = true
      }
      if (isNews) heavy = heavyOf(sizes)
    },
  }
}

function heavyOf(sizes: ReadonlyMap<string, number>): Set<string> {
  const total = [...sizes.values()].reduce((sum, cells) => sum + cells, 0)
  const found = new Set<string>()
  let covered = 0
  for (const [group, cells] of [...sizes].sort(([, a], [, b]) => b - a)) {
    if (cells < heavyCellsMin || covered >= heavyPart * total) break
    found.add(group)
    covered += cells
  }
  return found
}
