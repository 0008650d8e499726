// Rows that were heard, as collections: rows with the same metrics go together, since a collection
// names a value or a gap for each row × metric and nothing was missed that was not told.

import type { GoodCollection, Value } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'
import type { Body } from './collector.ts'
import type { RowValues } from './mqtt-row.ts'

/** Rows of one collection: a message stays below its bound of 128 kB. */
const rowsPerCollectionMax = 150

type GoodBody = Body<GoodCollection>

/**
 * @param at gives a time that no other collection of the group has: one of the same time would be
 *   taken for the same
 */
export function collectionsOf(
  rows: readonly RowValues[],
  isTable: boolean,
  at: () => number,
): GoodBody[] {
  const alike = Map.groupBy(rows, ({ values }) => [...values.keys()].join(' '))
  const bodies: GoodBody[] = []
  for (const group of alike.values()) {
    for (let from = 0; from < group.length; from += rowsPerCollectionMax) {
      bodies.push(bodyOf(group.slice(from, from + rowsPerCollectionMax), isTable, at()))
    }
  }
  return bodies
}

function bodyOf(rows: readonly RowValues[], isTable: boolean, at: number): GoodBody {
  const metrics: Record<string, Value | Value[]> = {}
  const gaps: Record<string, GapReason | null | (GapReason | null)[]> = {}
  for (const metric of rows[0]?.values.keys() ?? []) {
    const cells = rows.map(({ values }) => values.get(metric))
    const values = cells.map(cell => cell?.value ?? null)
    const reasons = cells.map(cell => cell?.gap ?? null)
    metrics[metric] = isTable ? values : (values[0] ?? null)
    if (reasons.some(reason => reason !== null)) {
      gaps[metric] = isTable ? reasons : (reasons[0] ?? null)
    }
  }
  return {
    at,
    took: 0,
    ok: true,
    ...(isTable && { rows: rows.map(({ key }) => key), some: true }),
    metrics,
    ...(Object.keys(gaps).length > 0 && { gaps }),
  }
}
