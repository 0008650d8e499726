// A device as lists and tiles show it: what it is, where, and how it does. Every text is safe to
// print: one line, without control or direction characters.

import type { DeviceState } from '../../model/collection.ts'
import type { Device, DeviceConfig } from '../../model/device.ts'
import { parseDuration } from '../../model/duration.ts'
import type { WebContext } from '../context.ts'
import { plainText, type StatusView, statusView } from '../words.ts'

/** A new device may wait this long beyond two intervals before its silence counts as trouble. */
const FIRST_SAMPLE_MS = 10_000

export interface DeviceLine {
  uid: number
  id: string
  name: string
  href: string
  kind: string
  address: string
  location: string
  tags: string[]
  /** Ids: a title has no room in a column. */
  profiles: string[]
  status: StatusView
  /** Added a moment ago: that nothing came yet is to be expected. */
  fresh: boolean
}

export function deviceLine(web: Pick<WebContext, 'devices'>, device: Device): DeviceLine {
  const { config, identity, uid } = device
  const status = web.devices.status(config.id)
  const patience = 2 * parseDuration(config.every) + FIRST_SAMPLE_MS
  return {
    uid,
    id: config.id,
    name: plainText(config.name, 100) || config.id,
    href: `/devices/${encodeURIComponent(config.id)}`,
    kind: config.kind,
    address: addressText(config),
    location: plainText(config.location, 100),
    tags: (config.tags ?? []).map(tag => plainText(tag, 40)),
    profiles: (identity?.profiles ?? []).map(profile => plainText(profile, 63)),
    status: statusView(status),
    fresh: status === null && Date.now() - device.updatedAt < patience,
  }
}

/** The port is named where it is not the usual one; an IPv6 address then needs brackets. */
function addressText({ kind, address, port, topics }: DeviceConfig): string {
  if (kind === 'agent') return 'this machine'
  if (kind === 'mqtt') return (topics ?? []).map(topic => plainText(topic, 60)).join(' ')
  const text = plainText(address)
  if (kind !== 'snmp' || port === undefined || port === 161) return text
  return text.includes(':') && !text.startsWith('[') ? `[${text}]:${port}` : `${text}:${port}`
}

/** Worst first: the order in which a person wants to look. */
export const STATE_ORDER: readonly DeviceState[] = ['down', 'degraded', 'unknown', 'paused', 'up']

const BY_NAME = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

export function compareTexts(a: string, b: string): number {
  return BY_NAME.compare(a, b)
}

/** The worse state first, then by name. */
export function compareStatus(a: DeviceLine, b: DeviceLine): number {
  return (
    STATE_ORDER.indexOf(a.status.state) - STATE_ORDER.indexOf(b.status.state) ||
    compareTexts(a.name, b.name)
  )
}

export interface StateCount {
  state: DeviceState
  title: string
  count: number
  /** Worth a loud colour: something is wrong. */
  loud: boolean
}

const TITLES: Record<DeviceState, string> = {
  down: 'Down',
  degraded: 'Degraded',
  unknown: 'No data',
  paused: 'Paused',
  up: 'Up',
}

export function countStates(lines: readonly DeviceLine[]): StateCount[] {
  const counts = new Map<DeviceState, number>()
  for (const { status } of lines) counts.set(status.state, (counts.get(status.state) ?? 0) + 1)
  return STATE_ORDER.map(state => {
    const count = counts.get(state) ?? 0
    const loud = count > 0 && (state === 'down' || state === 'degraded')
    return { state, title: TITLES[state], count, loud }
  })
}
