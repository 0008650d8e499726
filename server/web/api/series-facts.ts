// What is known of a device's series beside their values: the unit, by the profiles that read the
// device, and the row's index, name and labels, as its rows were last announced.

import { shownProfiles } from '../../model/beside.ts'
import type { RowInfo } from '../../model/collection.ts'
import type { Device } from '../../model/device.ts'
import { pageOf } from '../../profiles/page.ts'
import type { WebContext } from '../context.ts'

export interface SeriesFacts {
  /** In UCUM, as `bit/s`; null: no profile of now reads this metric. */
  unit(group: string, metric: string): string | null
  /** null for scalars, and for rows that were not announced. */
  row(group: string, key: string | null): RowInfo | null
}

/** `group` and `metric` as they are written together: `interface.in`. */
export function metricName(group: string, metric: string): string {
  return `${group}.${metric}`
}

export function unitsOf(web: WebContext, device: Device): ReadonlyMap<string, string> {
  const profiles = shownProfiles(device.config, device.identity?.profiles ?? [])
  return new Map(
    pageOf(web.plan(profiles)).flatMap(({ groups }) =>
      groups.flatMap(group =>
        group.metrics.map(({ id, unit }) => [metricName(group.id, id), unit] as const),
      ),
    ),
  )
}

export async function seriesFacts(web: WebContext, device: Device): Promise<SeriesFacts> {
  const units = unitsOf(web, device)
  const rows = new Map<string, Map<string, RowInfo>>()
  for (const { group, ...row } of await web.store.samples.rows(device.uid)) {
    const ofGroup = rows.get(group) ?? new Map<string, RowInfo>()
    rows.set(group, ofGroup.set(row.key, row))
  }
  return {
    unit: (group, metric) => units.get(metricName(group, metric)) ?? null,
    row: (group, key) => (key === null ? null : (rows.get(group)?.get(key) ?? null)),
  }
}
