// Values from another group's rows: by index, by a computed key, or by the text of a column.

import type { GapReason } from '../model/gap.ts'
import { cellOf, gapOf, NO_CELLS } from './cells.ts'
import type { GroupRun } from './compute.ts'
import type { Field } from './definition.ts'
import type { Scalar } from './operators.ts'
import { textOf } from './rows.ts'

type Lookup = Extract<Field['source'], { kind: 'lookup' }>

/** The value that a row's lookup finds, or why there is none. */
export function lookUp(
  source: Lookup,
  run: GroupRun,
  row: number,
  other: GroupRun | undefined,
): { value: Scalar; gap: GapReason } {
  const place = other?.plan.group.slotOf.get(source.column)
  if (!other || place === undefined) return NONE
  const own = run.indexes[row] ?? ''
  let wanted = own
  if (source.key) {
    const parts = source.key.map(part => part.evaluate(run.frame))
    if (parts.some(part => part === null)) return NONE
    wanted = parts.map(String).join('.')
  }
  const found = source.by === null ? other.rows.rowOf(wanted) : findBy(other, source, place, wanted)
  if (found === undefined || found < 0) return NONE
  const cells = other.frame.columns[place] ?? NO_CELLS
  return { value: cellOf(cells, found), gap: gapOf(cells, found) ?? 'no-such-object' }
}

const NONE = { value: null, gap: 'no-such-object' as const }

/** The row whose column `by` has this text; -1 where several have it and differ in what is asked. */
function findBy(
  other: GroupRun,
  source: Lookup,
  place: number,
  wanted: string,
): number | undefined {
  const name = `${source.by} ${source.column}`
  let finds = other.finds.get(name)
  if (!finds) {
    finds = new Map()
    const by = other.plan.group.slotOf.get(source.by ?? '')
    const keys = (by === undefined ? null : other.frame.columns[by]) ?? NO_CELLS
    const values = other.frame.columns[place] ?? NO_CELLS
    for (let row = 0; row < other.indexes.length; row++) {
      const text = textOf(cellOf(keys, row))
      if (text === '') continue
      const first = finds.get(text)
      if (first === undefined) finds.set(text, row)
      else if (first >= 0 && cellOf(values, first) !== cellOf(values, row)) finds.set(text, -1)
    }
    other.finds.set(name, finds)
  }
  return finds.get(wanted)
}
