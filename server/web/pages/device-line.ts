// A device as lists and tiles show it: what it is, where, and how it does. Every text is safe to
// print: one line, without control or direction characters. How it does is said in the view, in the
// words of the reader.

import type { DeviceState, DeviceStatus } from '../../model/collection.ts'
import { type Device, type DeviceConfig, SNMP_PORT } from '../../model/device.ts'
import { parseDuration } from '../../model/duration.ts'
import { plainText } from '../words.ts'

/** A new device may wait this long beyond two intervals before its silence counts as trouble. */
const FIRST_SAMPLE_MS = 10_000

/** What stays the same until the config or the identity changes. */
export interface DeviceFacts {
  uid: number
  id: string
  name: string
  href: string
  kind: string
  address: string
  /** The machine that Pollux itself runs on. */
  isHere: boolean
  location: string
  tags: readonly string[]
  /** Ids: a title has no room in a column. */
  profiles: readonly string[]
  every: string
  /** All that a search looks at, in small letters. */
  searched: string
  /** Until then it is to be expected that nothing came yet, Unix ms. */
  freshUntil: number
}

export interface DeviceLine extends DeviceFacts {
  state: DeviceState
  /** null: judge has not spoken of it yet. */
  status: DeviceStatus | null
}

export function deviceFacts({ config, identity, uid, updatedAt, source }: Device): DeviceFacts {
  const name = plainText(config.name, 100) || config.id
  const address = addressText(config)
  const location = plainText(config.location, 100)
  const tags = (config.tags ?? []).map(tag => plainText(tag, 40))
  return {
    uid,
    id: config.id,
    name,
    href: `/devices/${encodeURIComponent(config.id)}`,
    kind: config.kind,
    address,
    isHere: source === 'built-in',
    location,
    tags,
    profiles: (identity?.profiles ?? []).map(profile => plainText(profile, 63)),
    every: config.every,
    searched: [name, config.id, address, location, ...tags].join('\n').toLowerCase(),
    freshUntil: updatedAt + 2 * parseDuration(config.every) + FIRST_SAMPLE_MS,
  }
}

/** The port is named where it is not the usual one; an IPv6 address then needs brackets. */
function addressText({ kind, address, port, topics }: DeviceConfig): string {
  if (kind === 'agent') return ''
  if (kind === 'mqtt') return (topics ?? []).map(topic => plainText(topic, 60)).join(' ')
  const text = plainText(address)
  if (kind !== 'snmp' || port === undefined || port === SNMP_PORT) return text
  return text.includes(':') && !text.startsWith('[') ? `[${text}]:${port}` : `${text}:${port}`
}

/** Added a moment ago: that nothing came yet is to be expected. */
export const isFresh = ({ status, freshUntil }: DeviceLine): boolean =>
  status === null && Date.now() < freshUntil

/** Worst first: the order in which a person wants to look. */
export const STATE_ORDER: readonly DeviceState[] = ['down', 'degraded', 'unknown', 'paused', 'up']

const BY_NAME = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

export function compareTexts(a: string, b: string): number {
  return BY_NAME.compare(a, b)
}

/** Of lines in the order of their names: the worse state first. */
export function byStatus(lines: readonly DeviceLine[]): DeviceLine[] {
  const of = Map.groupBy(lines, line => line.state)
  return STATE_ORDER.flatMap(state => of.get(state) ?? [])
}

export interface StateCount {
  state: DeviceState
  count: number
  /** Worth a loud colour: something is wrong. */
  loud: boolean
}

export function countStates(lines: readonly DeviceLine[]): StateCount[] {
  const counts = new Map<DeviceState, number>()
  for (const { state } of lines) counts.set(state, (counts.get(state) ?? 0) + 1)
  return STATE_ORDER.map(state => {
    const count = counts.get(state) ?? 0
    const loud = count > 0 && (state === 'down' || state === 'degraded')
    return { state, count, loud }
  })
}
