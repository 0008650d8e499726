// All devices as lines, in the order of their names. What does not change from one look to the next
// (texts, order) is kept, so that a list of ten thousand is made in some milliseconds.

import type { Device } from '../../model/device.ts'
import type { WebContext } from '../context.ts'
import { compareTexts, type DeviceFacts, type DeviceLine, deviceFacts } from './device-line.ts'

type WebDevices = Pick<WebContext['devices'], 'list' | 'status'>

interface Entry {
  facts: DeviceFacts
  version: number
  identifiedAt: number | undefined
}

/** What a list can be narrowed to, each in the order of names. */
export interface Choices {
  kinds: string[]
  locations: string[]
  tags: string[]
  profiles: string[]
}

/** Places, tags or profiles to choose from; the search finds the others. */
const CHOICES_MAX = 200

interface Index {
  of: readonly Device[]
  byUid: Map<number, Entry>
  /** By name. */
  sorted: DeviceFacts[]
  choices: Choices
  /** By what else lists are sorted by: a device's place among all, made when it is first asked for. */
  ranks: Map<RankedBy, Map<number, number>>
}

export type RankedBy = 'kind' | 'address' | 'location'

const kept = new WeakMap<WebDevices, Index>()

/** Every device, by name. */
export async function deviceLines({ devices }: { devices: WebDevices }): Promise<DeviceLine[]> {
  const { sorted } = await indexOfAll(devices)
  return sorted.map(facts => {
    const status = devices.status(facts.id)
    return { ...facts, status, state: status?.state ?? 'unknown' }
  })
}

/** Among all devices. */
export async function deviceChoices({ devices }: { devices: WebDevices }): Promise<Choices> {
  return (await indexOfAll(devices)).choices
}

/** A device's place (by uid) among all when they are sorted by this, and then by name. */
export async function deviceRanks(
  { devices }: { devices: WebDevices },
  by: RankedBy,
): Promise<ReadonlyMap<number, number>> {
  const { sorted, ranks } = await indexOfAll(devices)
  const known = ranks.get(by)
  if (known) return known
  const order = [...sorted].sort((a, b) => compareTexts(a[by], b[by]))
  const made = new Map(order.map(({ uid }, place) => [uid, place]))
  ranks.set(by, made)
  return made
}

async function indexOfAll(devices: WebDevices): Promise<Index> {
  const list = await devices.list()
  const before = kept.get(devices)
  if (before?.of === list) return before
  const index = indexOf(list, before)
  kept.set(devices, index)
  return index
}

function indexOf(list: readonly Device[], before: Index | undefined): Index {
  const byUid = new Map<number, Entry>()
  for (const device of list) {
    const known = before?.byUid.get(device.uid)
    const isSame = known?.version === device.version && known.identifiedAt === device.identity?.at
    byUid.set(device.uid, isSame ? known : entryOf(device))
  }
  // Mostly in order already, which sorting makes use of.
  const old = (before?.sorted ?? []).flatMap(({ uid }) => byUid.get(uid)?.facts ?? [])
  const isOld = new Set(old.map(({ uid }) => uid))
  const added = [...byUid.values()].flatMap(({ facts }) => (isOld.has(facts.uid) ? [] : [facts]))
  const sorted = [...old, ...added].sort((a, b) => compareTexts(a.name, b.name))
  return { of: list, byUid, sorted, choices: choicesOf(sorted), ranks: new Map() }
}

function choicesOf(all: readonly DeviceFacts[]): Choices {
  const some = (texts: Iterable<string>) =>
    [...new Set(texts)].filter(Boolean).sort(compareTexts).slice(0, CHOICES_MAX)
  return {
    kinds: some(all.map(({ kind }) => kind)),
    locations: some(all.map(({ location }) => location)),
    tags: some(all.flatMap(({ tags }) => tags)),
    profiles: some(all.flatMap(({ profiles }) => profiles)),
  }
}

function entryOf(device: Device): Entry {
  return {
    facts: deviceFacts(device),
    version: device.version,
    identifiedAt: device.identity?.at,
  }
}
