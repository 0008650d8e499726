// What was learned by reading a device, in words for its page: how it is asked, which of that an admin
// fixed, and whether heavy tables are read less often to spare it.

import type { DeviceTuning, SnmpTuning, TuningPins } from '../model/device.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { WebContext } from './context.ts'
import type { DeviceView } from './device-data.ts'
import { plainText } from './words.ts'

/** Tables that are listed. */
const tablesMax = 40

export interface TuningView {
  /** When it last changed in a way that matters, Unix ms. */
  at: number
  facts: { title: string; value: string; isPinned: boolean }[]
  tables: { title: string; repetitions: number; rows: number }[]
  /** Why the device is spared, as a sentence; empty where it is not. */
  kindness: string
}

/** Null where nothing is learned: another kind of device, or it was not read yet. */
export function tuningView(web: WebContext, view: DeviceView): TuningView | null {
  const { tuning, config } = view.device
  if (!tuning) return null
  return {
    at: tuning.at,
    facts: tuning.snmp ? factsOf(tuning.snmp, config.tuning ?? {}) : [],
    tables: tuning.snmp ? tablesOf(web, view, tuning.snmp) : [],
    kindness: kindnessText(tuning.kindness),
  }
}

function factsOf(snmp: SnmpTuning, pins: TuningPins): TuningView['facts'] {
  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
  const fact = (title: string, value: string, isPinned = false) => ({ title, value, isPinned })
  const { srttMs, rttvarMs } = snmp
  return [
    ...(srttMs === null
      ? []
      : [fact('Round trip', `${ms(srttMs)}${rttvarMs === null ? '' : ` ± ${ms(rttvarMs)}`}`)]),
    fact('Answer awaited for', ms(snmp.timeoutMs), pins.timeout === 'fixed'),
    fact('Requests at once', String(snmp.inFlight), pins.inFlight !== undefined),
    fact('Size of answers', `${snmp.messageBytes} octets`),
    fact('Tables by', snmp.bulk ? 'GETBULK' : 'GETNEXT: its GETBULK fails'),
    fact('Objects in one GET', String(snmp.oidsPerGet)),
    fact('Columns in one request', String(snmp.columnsPerRequest)),
    ...(pins.repetitions === undefined
      ? []
      : [fact('Rows in one request', String(pins.repetitions), true)]),
  ]
}

/** By the group that reads the table; by its first column where no group of now does. */
function tablesOf(web: WebContext, view: DeviceView, { tables }: SnmpTuning): TuningView['tables'] {
  const titles = new Map<string, string>()
  const { identity } = view.device
  if (identity) {
    for (const { group, sources } of createEvaluator(web.plan(identity.profiles)).due(0, 1)) {
      const title = view.groups.get(group)?.title ?? group
      for (const source of sources) if (!titles.has(source)) titles.set(source, title)
    }
  }
  return Object.entries(tables)
    .filter(([, { rows }]) => rows > 0)
    .slice(0, tablesMax)
    .map(([column, table]) => ({ title: titles.get(column) ?? column, ...table }))
}

function kindnessText({ factor, reason }: DeviceTuning['kindness']): string {
  if (factor === 1) return ''
  const every = factor === 2 ? 'every second time' : `only every ${factor}th time`
  return `Its large tables are read ${every}, to spare the device: ${plainText(reason ?? 'it is slow', 200)}`
}
