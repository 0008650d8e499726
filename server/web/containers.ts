// Containers of all engines as lines of one list: newest values from the live store, names of rows
// from the store. The group and its metrics are those of oids/docker.json; what an engine's profile
// does not have is shown as missing.

import type { Device } from '../model/device.ts'
import type { PageGroup, PageMetric } from '../profiles/face.ts'
import { pageOf } from '../profiles/page.ts'
import { type Cell, shortCell } from './cells.ts'
import { rowPath } from './charts.ts'
import type { WebContext } from './context.ts'
import { type GroupValues, loadDevice } from './device-data.ts'
import { plainText } from './words.ts'

/** The group of containers in a profile. */
export const CONTAINER_GROUP = 'docker_container'

export interface ContainerLine {
  uid: number
  engine: { id: string; name: string }
  key: string
  name: string
  image: string
  project: string
  href: string
  /** The profile's words: `running`, `exited`; empty: never read. */
  state: string
  cells: Record<Shown, Cell>
  /** What is sorted by; null: not known. */
  numbers: Record<Shown, number | null>
  /** 0 to 100 for a bar; null: no bar. */
  cpuShare: number | null
  memoryShare: number | null
  /** Unix ms at which it was made or started; null: not known. */
  since: number | null
  isStale: boolean
}

const SHOWN = ['state', 'health', 'cpu', 'memory_used', 'net_in', 'net_out', 'restarts'] as const
export type Shown = (typeof SHOWN)[number]

/** Devices that have the group: engines, and hosts whose agent reads containers. */
export function enginesOf(web: WebContext, devices: readonly Device[]): Device[] {
  return devices.filter(device => groupOf(web, device) !== null)
}

export function groupOf(web: WebContext, { identity }: Device): PageGroup | null {
  if (!identity) return null
  const groups = pageOf(web.plan(identity.profiles)).flatMap(section => section.groups)
  return groups.find(({ id }) => id === CONTAINER_GROUP) ?? null
}

export async function containerLines(web: WebContext, device: Device): Promise<ContainerLine[]> {
  const view = await loadDevice(web, device.config.id)
  const group = view.groups.get(CONTAINER_GROUP)
  const values = view.values.get(CONTAINER_GROUP)
  if (!group || !values) return []
  const metrics = new Map(group.metrics.map(metric => [metric.id, metric]))
  const engine = { id: view.id, name: plainText(device.config.name, 100) }
  return values.rows.map(row => {
    const number = (metric: string) => numberOf(values, row.key, metric)
    const age = number('age') ?? number('uptime')
    const cells = each(id => cellAt(metrics.get(id), values, row.key, id))
    return {
      uid: device.uid,
      engine,
      key: row.key,
      name: plainText(row.name, 120),
      image: plainText(row.labels.image ?? row.subtitle, 200),
      project: plainText(row.labels.project, 80),
      href: rowPath(view.id, group.id, row.key),
      state: cells.state.missing ? '' : cells.state.text,
      cells,
      numbers: each(number),
      cpuShare: share(number('cpu_host')),
      memoryShare: share(number('memory_percent')),
      since: age === null ? null : values.at - age * 1000,
      isStale: values.stale,
    }
  })
}

function each<T>(of: (metric: Shown) => T): Record<Shown, T> {
  return Object.fromEntries(SHOWN.map(metric => [metric, of(metric)])) as Record<Shown, T>
}

function cellAt(
  metric: PageMetric | undefined,
  values: GroupValues,
  row: string,
  id: string,
): Cell {
  if (metric) return shortCell(metric, values.get(row, id))
  return { text: '–', tone: null, why: 'Not in the profile of this engine', missing: true }
}

function numberOf(values: GroupValues, row: string, metric: string): number | null {
  const value = values.get(row, metric)?.value
  return typeof value === 'number' ? value : null
}

const share = (percent: number | null): number | null =>
  percent === null ? null : Math.min(100, Math.max(0, percent))
