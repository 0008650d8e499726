// The few figures of a device in the list: processor, memory, traffic of the last hour, age of the
// newest sample. They come from roles, so no vendor is named here.

import { setTimeout as sleep } from 'node:timers/promises'
import type { LatestSample } from '../../live/contract.ts'
import type { Role } from '../../model/profile.ts'
import { rolesOf } from '../../profiles/page.ts'
import type { WebContext } from '../context.ts'
import type { DeviceFacts } from './device-line.ts'
import { type Spark, trafficOf } from './device-traffic.ts'

/** Devices whose figures are fetched side by side. */
const FETCHES_MAX = 8
/** A page does not wait longer for its small lines: those that are read later come by the live stream. */
const TRAFFIC_MS_MAX = 80

export interface Figures {
  /** 0 to 100; null: not known. */
  cpu: number | null
  memory: number | null
  /** Unix ms of the newest sample. */
  at: number | null
  /** null: nothing to draw. */
  traffic: Spark | null
}

type RoleMetric = { role: Role; group: string; metric: string }

/** Figures by uid, for the devices on one page of the list. */
export async function figuresOf(
  web: WebContext,
  devices: readonly DeviceFacts[],
): Promise<Map<number, Figures>> {
  const found = new Map<number, Figures>()
  const queue = [...devices]
  const late = sleep(TRAFFIC_MS_MAX, null)
  const work = async () => {
    for (let device = queue.shift(); device; device = queue.shift()) {
      found.set(device.uid, await figures(web, device, late))
    }
  }
  await Promise.all(Array.from({ length: FETCHES_MAX }, work))
  return found
}

async function figures(
  web: WebContext,
  device: DeviceFacts,
  late: Promise<null>,
): Promise<Figures> {
  const roles = rolesOf(web.plan(device.profiles))
  const latest = await web.live.latest(device.uid)
  const at = latest.reduce((newest, sample) => Math.max(newest, sample.at), 0)
  const inbound = roles.find(({ role }) => role === 'interface.in')
  return {
    cpu: cpuOf(device, roles, latest),
    memory: memoryOf(device, roles, latest),
    at: at > 0 ? at : null,
    traffic: inbound
      ? await Promise.race([trafficOf(web, device.uid, inbound.group, inbound.metric), late])
      : null,
  }
}

type Numbered = { row: string | null; value: number }

/** The role's numbers, of the first group that has any. */
function numbersOf(
  role: Role,
  roles: readonly RoleMetric[],
  latest: readonly LatestSample[],
): Numbered[] {
  for (const { group, metric } of roles.filter(one => one.role === role)) {
    const numbers = latest.flatMap(({ row, value, ...sample }) =>
      sample.group === group && sample.metric === metric && typeof value === 'number'
        ? [{ row, value }]
        : [],
    )
    if (numbers.length > 0) return numbers
  }
  return []
}

const sum = (numbers: readonly Numbered[]): number =>
  numbers.reduce((total, { value }) => total + value, 0)

const percent = (value: number): number => Math.min(100, Math.max(0, value))

/** Processors are averaged; containers each give their share of the host, so those are added up. */
function cpuOf(
  { kind }: DeviceFacts,
  roles: readonly RoleMetric[],
  latest: readonly LatestSample[],
): number | null {
  const numbers = numbersOf('cpu.usage', roles, latest)
  if (numbers.length === 0) return null
  return percent(kind === 'docker' ? sum(numbers) : sum(numbers) / numbers.length)
}

/** Main memory where the device names it, else its fullest memory; containers together of their host. */
function memoryOf(
  { kind }: DeviceFacts,
  roles: readonly RoleMetric[],
  latest: readonly LatestSample[],
): number | null {
  if (kind === 'docker') {
    const total = sum(numbersOf('memory.total', roles, latest))
    const used = numbersOf('memory.used', roles, latest)
    return total > 0 && used.length > 0 ? percent((100 * sum(used)) / total) : null
  }
  const numbers = numbersOf('memory.percent', roles, latest)
  if (numbers.length === 0) return null
  const main = numbers.find(({ row }) => row === null || /\bram\b|physical|main/i.test(row))
  return percent(main?.value ?? Math.max(...numbers.map(({ value }) => value)))
}
