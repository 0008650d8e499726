// Everything that a device's pages need, read once: the device, its status, what its profiles draw,
// its rows and its newest values. Nothing here knows a device by name.

import type { LatestSample } from '../live/contract.ts'
import { shownProfiles } from '../model/beside.ts'
import type { RowInfo } from '../model/collection.ts'
import type { Device } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError } from '../model/errors.ts'
import type { PageGroup, PageSection } from '../profiles/face.ts'
import { pageOf } from '../profiles/page.ts'
import type { WebContext } from './context.ts'
import { plainText } from './words.ts'

/** Values older than this many intervals are shown as old. */
const STALE_INTERVALS = 3
/** Room for a slow read and the way here, ms. */
const STALE_SLACK_MS = 5000

/** The newest values of one group, by row and metric. */
export interface GroupValues {
  /** Time of the newest sample, Unix ms. */
  at: number
  stale: boolean
  /** What has at least one sample, in the natural order of names. Empty for scalars. */
  rows: RowInfo[]
  get(row: string | null, metric: string): LatestSample | undefined
}

export interface DeviceView {
  device: Device
  id: string
  everyMs: number
  sections: PageSection[]
  groups: ReadonlyMap<string, PageGroup>
  /** Groups without any sample are not in it. */
  values: ReadonlyMap<string, GroupValues>
}

/** @throws AppError E_NOT_FOUND */
export async function loadDevice(web: WebContext, id: string): Promise<DeviceView> {
  const device = await web.devices.get(id)
  if (!device) {
    throw new AppError('E_NOT_FOUND', `there is no device "${plainText(id, 63)}"`, {
      hint: 'it may have been deleted; the list of devices has all',
    })
  }
  const everyMs = parseDuration(device.config.every)
  const sections = pageOf(web.plan(shownProfiles(device.config, device.identity?.profiles ?? [])))
  const groups = sections.flatMap(section => section.groups)
  const [rows, latest] = await Promise.all([
    web.store.samples.rows(device.uid),
    web.live.latest(device.uid),
  ])
  const infos = Map.groupBy(rows, row => row.group)
  const samples = Map.groupBy(latest, sample => sample.group)
  const values = new Map<string, GroupValues>()
  for (const group of groups) {
    const of = samples.get(group.id)
    if (of) values.set(group.id, valuesOf(group, of, infos.get(group.id) ?? [], everyMs))
  }
  return {
    device,
    id,
    everyMs,
    sections,
    groups: new Map(groups.map(group => [group.id, group])),
    values,
  }
}

/** Ms between two reads of a group. */
export function intervalOf(view: Pick<DeviceView, 'everyMs'>, group: PageGroup): number {
  return Math.max(view.everyMs, group.everyMs ?? 0)
}

function valuesOf(
  group: PageGroup,
  samples: readonly LatestSample[],
  infos: readonly RowInfo[],
  everyMs: number,
): GroupValues {
  const byRow = new Map<string | null, Map<string, LatestSample>>()
  let at = 0
  for (const sample of samples) {
    at = Math.max(at, sample.at)
    const ofRow = byRow.get(sample.row) ?? new Map<string, LatestSample>()
    byRow.set(sample.row, ofRow)
    ofRow.set(sample.metric, sample)
  }
  const known = new Map(infos.map(info => [info.key, info]))
  const rows = [...byRow.keys()]
    .filter(key => key !== null)
    .map(key => known.get(key) ?? { key, index: '', name: key, labels: {} })
  const staleAfter = STALE_INTERVALS * intervalOf({ everyMs }, group) + STALE_SLACK_MS
  return {
    at,
    stale: Date.now() - at > staleAfter,
    rows: group.table ? rows.sort(byName) : [],
    get: (row, metric) => byRow.get(row)?.get(metric),
  }
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** `Gi1/0/2` comes before `Gi1/0/10`. */
function byName(a: RowInfo, b: RowInfo): number {
  return collator.compare(a.name, b.name) || collator.compare(a.key, b.key)
}
