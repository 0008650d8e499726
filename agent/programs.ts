// Which programs have a row: those that were among the first five by CPU or by memory once. A row
// stays, so that its line in the chart has no holes, and there are never more than a few dozen.

import type { Measured, MeasuredRow } from './fields.ts'
import { roundRate } from './rates.ts'
import type { Program } from './source.ts'

const topOf = 5
/** Rows in the life of an agent; later programs are not shown. */
const programsMax = 50

/** @param now monotonic ms */
export function createPrograms(
  now: () => number,
): (programs: readonly Program[]) => MeasuredRow<'host_program'>[] {
  const shown = new Set<string>()
  let lastAt: number | null = null

  const show = (programs: readonly Program[], by: 'cpuMs' | 'memoryBytes') => {
    const first = [...programs].sort((a, b) => b[by] - a[by]).slice(0, topOf)
    for (const { name, [by]: used } of first) {
      if (used > 0 && shown.size < programsMax) shown.add(name)
    }
  }
  return programs => {
    const at = now()
    const passed = lastAt === null ? 0 : at - lastAt
    if (lastAt !== null) show(programs, 'cpuMs')
    show(programs, 'memoryBytes')
    lastAt = at
    const share = (cpuMs: number): Measured =>
      passed > 0 ? roundRate(Math.max(0, (100 * cpuMs) / passed)) : 'first'
    return programs
      .filter(({ name }) => shown.has(name))
      .map(({ name, cpuMs, memoryBytes, processes }) => ({
        labels: { program: name },
        values: { cpu: share(cpuMs), memory: memoryBytes, processes },
      }))
  }
}
