// The lists of alarms: filters lie in the address, so that a list can be sent to somebody and works
// without JavaScript.

import Type from 'typebox'
import type { Alarm, AlarmState } from '../model/alarm.ts'
import { SEVERITIES, type Severity } from '../model/event.ts'
import type { AlarmQuery } from '../store/contract.ts'
import { checker } from '../validate.ts'
import { rowPath } from './charts.ts'
import type { WebContext } from './context.ts'
import { plainText } from './words.ts'

const pageSize = 100
/** Alarms on the page of a device. */
const shortSize = 20
/** Bars of the history's timeline. */
const timelineDays = 30
const DAY_MS = 86_400_000

/** Which alarms a tab shows. */
export const TABS = {
  active: ['active'],
  acknowledged: ['acknowledged'],
  suppressed: ['suppressed'],
  history: ['clear'],
} as const satisfies Record<string, readonly AlarmState[]>
export type Tab = keyof typeof TABS

const checkOne = {
  tab: checker(Type.Enum(['active', 'acknowledged', 'suppressed', 'history'] as const)),
  severity: checker(Type.Enum(SEVERITIES)),
  device: checker(Type.String({ pattern: '^[a-z0-9._-]{1,63}$' })),
  rule: checker(Type.String({ minLength: 1, maxLength: 200 })),
  q: checker(Type.String({ minLength: 1, maxLength: 100 })),
  before: checker(Type.String({ pattern: '^[0-9]{1,16}-[A-Za-z0-9_-]{1,22}$' })),
}
type Name = keyof typeof checkOne
export type AlarmFilter = Partial<Record<Name, string>>

export function alarmFilter(query: Record<string, unknown>): AlarmFilter {
  const filter: AlarmFilter = {}
  for (const name of Object.keys(checkOne) as Name[]) {
    const checked = checkOne[name](query[name])
    if (checked.ok && checked.value.trim() !== '') filter[name] = checked.value.trim()
  }
  return filter
}

export function alarmsHref(filter: AlarmFilter): string {
  const shown = { ...filter, ...(filter.tab === 'active' && { tab: '' }) }
  const query = new URLSearchParams(Object.entries(shown).filter(([, text]) => text))
  return query.size > 0 ? `/alarms?${query}` : '/alarms'
}

export interface AlarmLine {
  id: string
  state: AlarmState
  severity: Severity
  text: string
  device: { text: string; href: string }
  row: { text: string; href: string } | null
  rule: string
  value: string
  limit: string
  since: number
  raisedAt: number
  clearedAt: number | null
  flapping: boolean
  ack: { by: string; note: string; at: number } | null
}

export function alarmLine(alarm: Alarm): AlarmLine {
  const { id, state, severity, raisedAt, since, clearedAt, flapping, ack, device } = alarm
  const href = `/devices/${encodeURIComponent(device)}`
  return {
    ...{ id, state, severity, raisedAt, since, clearedAt, flapping },
    text: plainText(alarm.text, 300),
    device: { text: plainText(alarm.deviceName, 100), href },
    row:
      alarm.row === null
        ? null
        : { text: plainText(alarm.row, 80), href: rowPath(device, alarm.group, alarm.row) },
    rule: plainText(alarm.ruleName, 80),
    value: plainText(alarm.value, 100),
    limit: plainText(alarm.limit, 200),
    ack: ack && { ...ack, by: plainText(ack.by, 100), note: plainText(ack.note, 500) },
  }
}

/** What `views/alarms/_list` shows. */
export async function alarmListData(
  web: WebContext,
  asked: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const filter = alarmFilter(asked)
  const tab: Tab = TAB_NAMES.find(one => one === filter.tab) ?? 'active'
  const { before, ...rest } = filter
  const uid = filter.device === undefined ? null : await uidOf(web, filter.device)
  const severity = SEVERITIES.find(one => one === filter.severity)
  const query: AlarmQuery = {
    states: TABS[tab],
    ...(severity && { severities: [severity] }),
    ...(filter.rule && { rule: filter.rule }),
    ...(filter.q && { text: filter.q }),
    ...(uid !== null && { deviceUid: uid }),
    ...(before && { before }),
  }
  const found = await web.store.alarms.list({ ...query, limit: pageSize + 1 })
  const shown = found.slice(0, pageSize)
  const last = found.length > pageSize ? shown.at(-1) : undefined
  const first = tab === 'active' && !before && !severity ? await worst(web, query) : []
  return {
    lines: worstFirst([...first, ...shown]).map(alarmLine),
    ...{ tab, filter, counts: web.alarms.desk.counts(), severities: SEVERITIES },
    tabs: TAB_NAMES.map(name => ({ name, href: alarmsHref({ ...rest, before: '', tab: name }) })),
    filtered: ['severity', 'device', 'rule', 'q'].some(name => Object.hasOwn(filter, name)),
    isFirst: before === undefined,
    older: last ? alarmsHref({ ...rest, before: `${last.raisedAt}-${last.id}` }) : null,
    newest: before === undefined ? null : alarmsHref(rest),
    clear: alarmsHref({ tab }),
    query: alarmsHref(rest).split('?')[1] ?? '',
    timeline: tab === 'history' && before === undefined ? await timeline(web, query) : null,
  }
}

/** However many lesser ones are newer, a critical alarm is on the first page. */
const worst = (web: WebContext, query: AlarmQuery): Promise<Alarm[]> =>
  web.store.alarms.list({ ...query, severities: ['critical'], limit: pageSize })

function worstFirst(alarms: readonly Alarm[]): Alarm[] {
  const once = [...new Map(alarms.map(alarm => [alarm.id, alarm])).values()]
  const rank = ({ severity, state }: Alarm) =>
    state === 'active' ? SEVERITIES.indexOf(severity) : 0
  return once.sort((a, b) => rank(b) - rank(a))
}

const TAB_NAMES = Object.keys(TABS) as Tab[]

async function uidOf(web: WebContext, device: string): Promise<number> {
  return (await web.devices.get(device))?.uid ?? -1
}

/** How many alarms were raised on each of the last days, by severity; of too many the newest. */
async function timeline(web: WebContext, query: AlarmQuery) {
  const now = Date.now()
  const first = Math.floor(now / DAY_MS) - timelineDays + 1
  const found = await web.store.alarms.list({ ...query, from: first * DAY_MS, limit: 1000 })
  const days = Array.from({ length: timelineDays }, (_, i) => {
    return { at: (first + i) * DAY_MS, critical: 0, warning: 0, info: 0 }
  })
  for (const { raisedAt, severity } of found) {
    const day = days[Math.floor(raisedAt / DAY_MS) - first]
    if (day) day[severity]++
  }
  return { days, most: Math.max(1, ...days.map(day => day.critical + day.warning + day.info)) }
}

/** The device's open alarms and the newest that are over, for `views/alarms/_device`. */
export async function deviceAlarms(
  web: WebContext,
  device: { id: string; uid: number },
): Promise<Record<string, unknown>> {
  const states = ['active', 'acknowledged', 'suppressed'] as const
  const open = await web.store.alarms.list({ deviceUid: device.uid, states, limit: shortSize })
  const left = shortSize - open.length
  const past =
    left > 0
      ? await web.store.alarms.list({ deviceUid: device.uid, states: ['clear'], limit: left })
      : []
  return {
    alarmLines: [...open, ...past].map(alarmLine),
    alarmsOpen: open.length,
    alarmsHref: alarmsHref({ tab: 'history', device: device.id }),
    alarmsWhy: `/devices/${encodeURIComponent(device.id)}/why`,
  }
}
