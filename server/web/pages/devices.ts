// The list of devices: search, filters, order and page lie in the address, so that a list can be
// sent to somebody and works without JavaScript.

import Type from 'typebox'
import { DEVICE_STATES } from '../../model/collection.ts'
import { DEVICE_KINDS } from '../../model/device.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'
import { figuresOf } from './device-figures.ts'
import {
  compareStatus,
  compareTexts,
  countStates,
  type DeviceLine,
  deviceLine,
} from './device-line.ts'

/** Devices on one page of the list. */
export const PAGE_SIZE = 100

const COLUMNS = ['state', 'name', 'kind', 'address'] as const
type Column = (typeof COLUMNS)[number]

const checkOne = {
  q: checker(Type.String({ maxLength: 100 })),
  tag: checker(Type.String({ maxLength: 40 })),
  state: checker(Type.Enum(DEVICE_STATES)),
  kind: checker(Type.Enum(DEVICE_KINDS)),
  sort: checker(Type.Enum(COLUMNS.flatMap(column => [column, `-${column}`] as const))),
  page: checker(Type.String({ pattern: '^[1-9][0-9]{0,4}$' })),
}

/** What the address asks for; what it says wrongly counts as not said. */
export interface Filter {
  q: string
  tag: string
  state: string
  kind: string
  sort: Column
  down: boolean
  page: number
}

export function filterOf(query: Record<string, unknown>): Filter {
  const text = (name: keyof typeof checkOne): string => {
    const checked = checkOne[name](query[name])
    return checked.ok ? String(checked.value) : ''
  }
  const sort = text('sort')
  const column = COLUMNS.find(one => one === sort.replace('-', '')) ?? 'state'
  return {
    q: text('q').trim(),
    tag: text('tag'),
    state: text('state'),
    kind: text('kind'),
    sort: column,
    down: sort.startsWith('-'),
    page: Number(text('page') || 1),
  }
}

/** The list's address with some of its parts changed; what is as by default is left out. */
export function listHref(filter: Filter, change: Partial<Filter>): string {
  const { q, tag, state, kind, sort, down, page: number } = { ...filter, ...change }
  const query = new URLSearchParams()
  if (q) query.set('q', q)
  if (tag) query.set('tag', tag)
  if (state) query.set('state', state)
  if (kind) query.set('kind', kind)
  if (sort !== 'state' || down) query.set('sort', `${down ? '-' : ''}${sort}`)
  if (number > 1) query.set('page', String(number))
  return query.size > 0 ? `/devices?${query}` : '/devices'
}

const COMPARE: Record<Column, (a: DeviceLine, b: DeviceLine) => number> = {
  state: compareStatus,
  name: (a, b) => compareTexts(a.name, b.name),
  kind: (a, b) => compareTexts(a.kind, b.kind) || compareTexts(a.name, b.name),
  address: (a, b) => compareTexts(a.address, b.address) || compareTexts(a.name, b.name),
}

/** All that was asked for but the state, which has counts of its own. */
function matches(line: DeviceLine, { q, tag, kind }: Filter): boolean {
  if ((kind && line.kind !== kind) || (tag && !line.tags.includes(tag))) return false
  const wanted = q.toLowerCase()
  return [line.name, line.id, line.address, line.location, ...line.tags].some(text =>
    text.toLowerCase().includes(wanted),
  )
}

/** What `views/devices/_table` shows. */
export async function devicesData(
  web: WebContext,
  query: Record<string, string | undefined>,
): Promise<Record<string, unknown>> {
  const asked = filterOf(query)
  const devices = await web.devices.list()
  const found = devices.map(device => deviceLine(web, device)).filter(line => matches(line, asked))
  const lines = found.filter(line => !asked.state || line.status.state === asked.state)
  lines.sort(COMPARE[asked.sort])
  if (asked.down) lines.reverse()
  const pages = Math.max(1, Math.ceil(lines.length / PAGE_SIZE))
  const filter = { ...asked, page: Math.min(asked.page, pages) }
  const shown = lines.slice((filter.page - 1) * PAGE_SIZE, filter.page * PAGE_SIZE)
  const byUid = new Map(devices.map(device => [device.uid, device]))
  return {
    total: devices.length,
    found: lines.length,
    counts: [{ state: '', title: 'All', count: found.length }, ...countStates(found)],
    lines: shown,
    figures: await figuresOf(
      web,
      shown.flatMap(({ uid }) => byUid.get(uid) ?? []),
    ),
    filter,
    filtered: asked.q !== '' || asked.tag !== '' || asked.state !== '' || asked.kind !== '',
    pages,
    kinds: DEVICE_KINDS.filter(kind => devices.some(({ config }) => config.kind === kind)),
    href: (change: Partial<Filter>) => listHref(filter, { page: 1, ...change }),
    query: listHref(filter, {}).split('?')[1] ?? '',
  }
}

export function devicesPage(web: WebContext): Handler {
  return async (request, reply) => {
    const query = request.query as Record<string, string | undefined>
    return page(request, reply, 'devices', { title: 'Devices', ...(await devicesData(web, query)) })
  }
}
