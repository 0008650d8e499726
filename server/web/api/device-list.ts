// The list of devices, filtered and in pages. The cursor is the last id of the page before, so that
// devices that come and go in between neither repeat others nor hide them.

import Type, { type Static } from 'typebox'
import { DEVICE_STATES } from '../../model/collection.ts'
import { DEVICE_KINDS } from '../../model/device.ts'
import { closed } from './call.ts'
import type { DeviceAnswer } from './device-answer.ts'

/** Devices in one answer. */
const limitMax = 1000
const LIMIT_DEFAULT = 100
const tagsMax = 20

export const ListQuery = Type.Object(
  {
    kind: Type.Optional(Type.Enum(DEVICE_KINDS)),
    state: Type.Optional(Type.Enum(DEVICE_STATES)),
    /** A device has all of them. */
    tag: Type.Optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: tagsMax })),
    /** Part of id, name, address or location, whatever the case. */
    q: Type.Optional(Type.String({ maxLength: 200 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limitMax })),
    cursor: Type.Optional(Type.String({ maxLength: 100 })),
  },
  closed,
)
export type ListQuery = Static<typeof ListQuery>

export interface DevicePage {
  devices: DeviceAnswer[]
  /** Devices on all pages. */
  total: number
  /** The cursor of the next page; null: this was the last. */
  next: string | null
}

export function deviceListPage(all: readonly DeviceAnswer[], query: ListQuery): DevicePage {
  const { limit = LIMIT_DEFAULT, cursor = '' } = query
  const found = all.filter(device => isWanted(device, query)).sort((a, b) => (a.id < b.id ? -1 : 1))
  const after = found.filter(({ id }) => id > cursor)
  const devices = after.slice(0, limit)
  const next = after.length > limit ? (devices.at(-1)?.id ?? null) : null
  return { devices, total: found.length, next }
}

function isWanted(device: DeviceAnswer, { kind, state, tag = [], q = '' }: ListQuery): boolean {
  const { id, name, address = '', location = '', tags = [] } = device
  const wanted = q.trim().toLowerCase()
  return (
    (kind === undefined || device.kind === kind) &&
    (state === undefined || device.status.state === state) &&
    tag.every(one => tags.includes(one)) &&
    [id, name, address, location].some(text => text.toLowerCase().includes(wanted))
  )
}

/** The same request for the next page, as a `Link` header has it (RFC 8288). */
export function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://here')
  searchParams.set('cursor', cursor)
  return `<${pathname}?${searchParams}>; rel="next"`
}
