// Exports of other monitors as lists of devices: LibreNMS, Zabbix, Prometheus' targets for snmp_exporter. Which of
// them a text is, it says itself. Pure.

import type { Static, TSchema } from 'typebox'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { idOf, type Placed } from './found.ts'
import { foundInLibreNms, LibreNms } from './librenms.ts'
import { foundInTargets, PrometheusTargets } from './prometheus.ts'
import { readSource, type Source } from './text.ts'
import { foundInZabbix, Zabbix } from './zabbix.ts'

export interface ForeignDevice {
  line: number
  id: string
  document: Record<string, unknown>
  /** Why it cannot be taken over; null: it can. */
  problem: string | null
}

/** What no list of ours has, in JSON or YAML: from it on the text is read as an export of this kind. */
const SIGNS = [
  {
    sign: /^\s*\{\s*"zabbix_export"|^zabbix_export:/m,
    read: form('Zabbix', Zabbix, foundInZabbix),
  },
  { sign: /"devices"\s*:\s*\[/, read: form('LibreNMS', LibreNms, foundInLibreNms) },
  {
    sign: /"targets"\s*:\s*\[|^\s*(-\s+)?targets:/m,
    read: form('Prometheus', PrometheusTargets, foundInTargets),
  },
]

/**
 * The devices of another monitor's export; null: the text is none.
 * @throws AppError E_DEVICE_LIST where it cannot be read, with the line
 */
export function foreignDevices(text: string): ForeignDevice[] | null {
  const known = SIGNS.find(({ sign }) => sign.test(text))
  if (!known) return null
  const source = readSource(text)
  const ids = new Set<string>()
  return known.read(source).map(({ called, document, problem, path }) => {
    const id = unusedId(idOf(called), ids)
    return { line: source.lineOf(path), id, document: { id, ...document }, problem }
  })
}

function form<T extends TSchema>(name: string, schema: T, found: (value: Static<T>) => Placed[]) {
  const check = checker(schema, { firstOnly: true })
  return (source: Source): Placed[] => {
    const checked = check(source.value)
    if (checked.ok) return found(checked.value)
    const [first] = checked.errors
    const path = (first?.path ?? '')
      .split('.')
      .map(part => (/^\d+$/.test(part) ? Number(part) : part))
    const what = `${first?.path || 'it'} ${first?.message ?? 'is not valid'}`
    throw new AppError(
      'E_DEVICE_LIST',
      `line ${source.lineOf(path)}: ${what}, as an export of ${name}`,
      {
        hint: 'nothing was changed; docs/import.md says which exports are read',
      },
    )
  }
}

/** Two that would have one id get a number. */
function unusedId(id: string, used: Set<string>): string {
  for (let number = 1; ; number++) {
    const one = number === 1 ? id : `${id.slice(0, 58)}-${number}`
    if (used.has(one)) continue
    used.add(one)
    return one
  }
}
