// A month's availability of every device: who was there, when it was up and down, and what of that was
// maintenance. The arithmetic is model/availability.ts; here it gets what is stored.

import {
  type Span,
  type Spans,
  spansOf,
  sumOf,
  Tally,
  type Uptime,
  united,
} from '../model/availability.ts'
import type { Device, DeviceConfig } from '../model/device.ts'
import { MaintenanceWindow } from '../model/maintenance.ts'
import { isAbout, type RuleDevice } from '../model/rule.ts'
import type { Store } from '../store/contract.ts'
import { checker } from '../validate.ts'
import { localToMs, msToLocal } from './zone.ts'

export const MONTH_PATTERN = '^20[0-9]{2}-(0[1-9]|1[0-2])$'
/** Months that can be chosen: states are kept for three years. */
export const monthsMax = 36

/** One device, or all devices of one tag. */
export interface AvailabilityLine {
  id: string
  name: string
  /** Of a device. */
  tags: readonly string[]
  /** Of a tag: how many. */
  devices: number
  isDeleted: boolean
  uptime: Uptime
}

export interface Month {
  /** `2026-11`. */
  name: string
  /** IANA name of the zone whose month it is. */
  zone: string
  from: number
  /** Its end, or now. */
  until: number
}

/** @returns null where there is no such month, or it has not begun */
export function monthOf(name: string, zone: string, now: number): Month | null {
  const from = localToMs(`${name}-01T00:00`, zone)
  const end = localToMs(`${monthAfter(name, 1)}-01T00:00`, zone)
  if (from === null || end === null || from > now) return null
  return { name, zone, from, until: Math.min(end, now) }
}

/** @param by months, also negative */
export function monthAfter(name: string, by: number): string {
  const [year = 0, month = 1] = name.split('-').map(Number)
  return new Date(Date.UTC(year, month - 1 + by)).toISOString().slice(0, 7)
}

/** The newest first. */
export function monthsUntil(now: number, zone: string): string[] {
  const newest = msToLocal(now, zone).slice(0, 7)
  return Array.from({ length: monthsMax }, (_, i) => monthAfter(newest, -i))
}

interface Counted {
  id: string
  config: DeviceConfig
  isDeleted: boolean
  tally: Tally
}

/** @param id of one device; absent: all that were there, with those that are deleted since */
export async function availabilityOf(
  store: Pick<Store, 'states' | 'rules'>,
  devices: readonly Device[],
  { from, until }: Span,
  id?: string,
): Promise<AvailabilityLine[]> {
  const period = { from, until }
  const watches = united(await store.states.watches(from, until))
  const maintenance = maintenanceWithin(await store.rules.pastWindows(from), period)
  const counted = new Map<number, Counted>()
  const add = (uid: number, config: DeviceConfig, createdAt: number, deletedAt: number | null) => {
    if (id !== undefined && config.id !== id) return
    const there = {
      from: Math.max(from, createdAt),
      until: Math.min(until, deletedAt ?? Number.POSITIVE_INFINITY),
    }
    if (there.from >= there.until) return
    const tally = new Tally(there, watches, maintenance(config))
    counted.set(uid, { id: config.id, config, isDeleted: deletedAt !== null, tally })
  }
  for (const { uid, config, createdAt } of devices) add(uid, config, createdAt, null)
  for (const gone of await store.states.gone(from, until))
    add(gone.uid, gone.config, gone.createdAt, gone.deletedAt)
  const [only] = counted.size === 1 ? counted.keys() : []
  const query = { from, to: until, ...(only !== undefined && { deviceUid: only }) }
  if (counted.size > 0)
    await store.states.each(query, (uid, at, state) => counted.get(uid)?.tally.at(at, state))
  return [...counted.values()].map(one => ({
    id: one.id,
    name: one.config.name,
    tags: one.config.tags ?? [],
    devices: 1,
    isDeleted: one.isDeleted,
    uptime: one.tally.result(),
  }))
}

/** By the tags that devices have now; a device counts for each of them. */
export function byTag(lines: readonly AvailabilityLine[]): AvailabilityLine[] {
  const tagged = new Map<string, Uptime[]>()
  for (const { tags, uptime } of lines)
    for (const tag of tags) {
      const of = tagged.get(tag) ?? []
      of.push(uptime)
      tagged.set(tag, of)
    }
  return [...tagged].map(([tag, uptimes]) => ({
    ...{ id: tag, name: tag, tags: [], devices: uptimes.length, isDeleted: false },
    uptime: sumOf(uptimes),
  }))
}

const checkWindow = checker(MaintenanceWindow)

/** The maintenance of a device; devices of the same windows share it. */
function maintenanceWithin(
  stored: Awaited<ReturnType<Store['rules']['pastWindows']>>,
  period: Span,
): (device: RuleDevice) => Spans {
  const windows = stored.flatMap(({ document, ...life }) => {
    const checked = checkWindow(document)
    if (!checked.ok) return []
    const spans = spansOf(checked.value, life, period)
    return spans.length === 0 ? [] : [{ devices: checked.value.devices, spans }]
  })
  const known = new Map<string, Spans>()
  return device => {
    const mine = [...windows.keys()].filter(i => {
      const window = windows[i]
      return window !== undefined && isAbout(window.devices, device)
    })
    const key = mine.join()
    const spans = known.get(key) ?? united(mine.flatMap(i => windows[i]?.spans ?? []))
    known.set(key, spans)
    return spans
  }
}
