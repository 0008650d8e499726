// The maintenance of a device while a chart's values were measured, as spans that are shaded on it.

import { spansOf } from '../model/availability.ts'
import { MaintenanceWindow } from '../model/maintenance.ts'
import { isAbout, type RuleDevice } from '../model/rule.ts'
import type { Store } from '../store/contract.ts'
import { checker } from '../validate.ts'
import type { TimeWindow } from './window.ts'
import { plainText } from './words.ts'

/** Spans on one chart, the newest; the rest is counted. */
export const spansMax = 200
/** Of windows that lie over one another. */
const namesMax = 3
/** An open chart goes on for so long without being read again. */
const AHEAD_MS = 86_400_000

export interface ChartMaintenance {
  /** [from, to, names of the windows], oldest first; it may end or even begin after the chart does. */
  maintenance: [number, number, string][]
  maintenanceLeft: number
}

const checkWindow = checker(MaintenanceWindow)

export async function chartMaintenance(
  store: Pick<Store, 'rules'>,
  device: RuleDevice,
  { from, to }: Pick<TimeWindow, 'from' | 'to'>,
): Promise<ChartMaintenance> {
  const period = { from, until: to + AHEAD_MS }
  const named = (await store.rules.pastWindows(from)).flatMap(({ document, ...life }) => {
    const checked = checkWindow(document)
    if (!checked.ok || !isAbout(checked.value.devices, device)) return []
    const name = plainText(checked.value.name, 80)
    return spansOf(checked.value, life, period).map(span => ({ ...span, name }))
  })
  const spans = joined(named)
  const shown = spans.slice(-spansMax)
  return {
    maintenance: shown.map(({ from, until, names }) => [from, until, namesText(names)]),
    maintenanceLeft: spans.length - shown.length,
  }
}

interface Joined {
  from: number
  until: number
  names: Set<string>
}

/** Windows that lie over one another are shaded once. */
function joined(spans: readonly { from: number; until: number; name: string }[]): Joined[] {
  const result: Joined[] = []
  for (const { from, until, name } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last && from < last.until) {
      last.until = Math.max(last.until, until)
      last.names.add(name)
    } else result.push({ from, until, names: new Set([name]) })
  }
  return result
}

function namesText(names: ReadonlySet<string>): string {
  const shown = [...names].slice(0, namesMax).join(', ')
  return names.size > namesMax ? `${shown}, …` : shown
}
