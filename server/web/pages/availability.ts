// The page of availability: a month by device or by tag, in any order, on paper, and as CSV. Month, order
// and page lie in the address.

import Type from 'typebox'
import { availability, availabilityOfAll } from '../../model/availability.ts'
import { AppError } from '../../model/errors.ts'
import type { Language } from '../../model/user.ts'
import { checker } from '../../validate.ts'
import {
  type AvailabilityLine,
  availabilityOf,
  byTag,
  MONTH_PATTERN,
  type Month,
  monthAfter,
  monthOf,
  monthsUntil,
} from '../availability.ts'
import type { Handler, WebContext } from '../context.ts'
import { csvLine } from '../csv.ts'
import { type Reader, readerOf, wordsOf } from '../languages/say.ts'
import { page } from '../render.ts'
import { plainText } from '../words.ts'
import { compareTexts } from './device-line.ts'

/** Lines of one page. */
const PAGE_SIZE = 500
const HOUR_MS = 3_600_000

const COLUMNS = [
  'name',
  'share',
  'all',
  'down',
  'outages',
  'longest',
  'maintenance',
  'unknown',
] as const
type Column = (typeof COLUMNS)[number]

interface Asked {
  month: string
  by: 'device' | 'tag'
  device: string
  tag: string
  sort: Column
  down: boolean
  page: number
}

const checkOne = {
  month: checker(Type.String({ pattern: MONTH_PATTERN })),
  by: checker(Type.Enum(['device', 'tag'] as const)),
  device: checker(Type.String({ maxLength: 63 })),
  tag: checker(Type.String({ maxLength: 40 })),
  sort: checker(Type.Enum(COLUMNS.flatMap(column => [column, `-${column}`] as const))),
  page: checker(Type.String({ pattern: '^[1-9][0-9]{0,4}$' })),
}
const checkQuery = checker(Type.Record(Type.String(), Type.Unknown()))

/** What the address says wrongly counts as not said. */
function askedOf(query: unknown, thisMonth: string): Asked {
  const found = checkQuery(query)
  const text = (name: keyof typeof checkOne): string => {
    const checked = found.ok ? checkOne[name](found.value[name]) : found
    return checked.ok ? String(checked.value) : ''
  }
  const sort = text('sort')
  return {
    month: text('month') || thisMonth,
    by: text('by') === 'tag' ? 'tag' : 'device',
    device: text('device'),
    tag: text('tag'),
    sort: COLUMNS.find(one => one === sort.replace('-', '')) ?? 'share',
    down: sort.startsWith('-'),
    page: Number(text('page') || 1),
  }
}

function hrefOf(path: string, asked: Asked, change: Partial<Asked>): string {
  const { month, by, device, tag, sort, down, page: number } = { ...asked, ...change }
  const query = new URLSearchParams({ month })
  if (by === 'tag') query.set('by', by)
  if (device) query.set('device', device)
  if (tag) query.set('tag', tag)
  if (sort !== 'share' || down) query.set('sort', `${down ? '-' : ''}${sort}`)
  if (number > 1) query.set('page', String(number))
  return `${path}?${query}`
}

async function found(web: WebContext, query: unknown, reader: Reader) {
  const now = Date.now()
  const months = monthsUntil(now, reader.zone)
  const asked = askedOf(query, months[0] ?? '')
  const month = monthOf(asked.month, reader.zone, now)
  if (!month) throw new AppError('E_NOT_FOUND', `the month ${asked.month} has not begun yet`)
  const device = asked.device === '' ? undefined : asked.device
  const devices = await web.devices.list()
  const all = await availabilityOf(web.store, devices, month, device)
  const some = asked.tag === '' ? all : all.filter(({ tags }) => tags.includes(asked.tag))
  const lines = (asked.by === 'tag' ? byTag(some) : some).sort(compareOf(asked))
  return { asked, month, months, lines, total: all.length }
}

/** What is not known comes last, whichever way the others go. */
function compareOf({ sort, down }: Asked) {
  const turn = down ? -1 : 1
  const of = ({ uptime }: AvailabilityLine): number | null => {
    if (sort === 'share') return availability(uptime)
    if (sort === 'all') return availabilityOfAll(uptime)
    return sort === 'name' ? 0 : uptime[sort]
  }
  return (a: AvailabilityLine, b: AvailabilityLine): number => {
    const [left, right] = [of(a), of(b)]
    if (left === null || right === null) {
      if (left !== right) return Number(left === null) - Number(right === null)
    } else if (left !== right) return turn * (left - right)
    return (sort === 'name' ? turn : 1) * compareTexts(a.name, b.name)
  }
}

const digits = { minimumFractionDigits: 3, maximumFractionDigits: 3 }
/** Making one costs more than using it a thousand times. */
const percents: Record<Language, Intl.NumberFormat> = {
  en: new Intl.NumberFormat('en', digits),
  fr: new Intl.NumberFormat('fr', digits),
}

/** Never 100 % where something was missing: cut, not rounded. */
export function percentText(share: number | null, reader: Pick<Reader, 'language'>): string {
  if (share === null) return '–'
  const cut = Math.floor(share * 100_000 + 1e-9) / 1000
  return `${percents[reader.language].format(cut)} %`
}

/** `3 d 4 h`, `2 h 5 min`, `12 s`: the two largest units. */
export function spanText(ms: number, reader: Reader): string {
  const { day, hour, minute, second } = wordsOf(reader).time
  if (ms === 0) return '–'
  const seconds = Math.max(1, Math.round(ms / 1000))
  const parts = [
    [Math.floor(seconds / 86_400), day],
    [Math.floor(seconds / 3600) % 24, hour],
    [Math.floor(seconds / 60) % 60, minute],
    [seconds % 60, second],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

export function availabilityPage(web: WebContext): Handler {
  return async (request, reply) => {
    const reader = request.viewer ?? readerOf(request)
    const { asked, month, months, lines, total } = await found(web, request.query, reader)
    const pages = Math.max(1, Math.ceil(lines.length / PAGE_SIZE))
    const shownPage = Math.min(asked.page, pages)
    const shown = lines.slice((shownPage - 1) * PAGE_SIZE, shownPage * PAGE_SIZE)
    const href = (change: Partial<Asked>) => hrefOf('/availability', asked, { page: 1, ...change })
    const newest = months[0] ?? month.name
    const oldest = months.at(-1) ?? month.name
    return page(request, reply, 'availability', {
      title: wordsOf(reader).availability.title,
      lines: shown.map(line => viewOf(line, reader)),
      ...{
        asked: { ...asked, page: shownPage },
        columns: COLUMNS,
        pages,
        href,
        found: lines.length,
        total,
      },
      months: months.map(name => ({ name, text: monthText(name, reader) })),
      month: { ...month, text: monthText(month.name, reader) },
      isRunning: month.name === newest,
      before: month.name > oldest ? href({ month: monthAfter(month.name, -1) }) : null,
      after: month.name < newest ? href({ month: monthAfter(month.name, 1) }) : null,
      csv: hrefOf('/availability.csv', asked, { page: 1 }),
    })
  }
}

function viewOf(line: AvailabilityLine, reader: Reader) {
  const { uptime, id, devices, isDeleted } = line
  const share = availability(uptime)
  return {
    ...{ id, devices, isDeleted, share },
    name: plainText(line.name, 100),
    tags: line.tags.map(tag => plainText(tag, 40)),
    outages: uptime.outages,
    cells: {
      share: percentText(share, reader),
      all: percentText(availabilityOfAll(uptime), reader),
      down: spanText(uptime.down, reader),
      longest: spanText(uptime.longest, reader),
      maintenance: spanText(uptime.maintenance, reader),
      unknown: spanText(uptime.unknown + uptime.paused, reader),
    },
  }
}

function monthText(name: string, { language }: Reader): string {
  const locale = language === 'en' ? 'en-GB' : language
  const format = new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: 'long',
    timeZone: 'UTC',
  })
  return format.format(Date.parse(`${name}-15T00:00Z`))
}

export function availabilityCsv(web: WebContext): Handler {
  return async (request, reply) => {
    const reader = request.viewer ?? readerOf(request)
    const { asked, month, lines } = await found(web, request.query, reader)
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="availability-${month.name}.csv"`)
      .send(csvOf(asked, month, lines))
  }
}

/** Hours with three decimals, shares as they are: for a spreadsheet, so in no language. */
function csvOf({ by }: Asked, { from, until, zone }: Month, lines: AvailabilityLine[]): string {
  const head = [
    ...[by, 'name', 'devices', 'from', 'until', 'zone', 'availability_percent'],
    ...['availability_with_maintenance_percent', 'up_h', 'down_h', 'maintenance_h', 'paused_h'],
    ...['unknown_h', 'outages', 'longest_outage_h'],
  ]
  const percent = (share: number | null) =>
    share === null ? '' : String(Math.floor(share * 10_000_000) / 100_000)
  const hours = (ms: number) => (ms / HOUR_MS).toFixed(3)
  const times = [new Date(from).toISOString(), new Date(until).toISOString(), zone]
  const rows = lines.map(({ id, name, devices, uptime }) => [
    ...[id, name, String(devices), ...times, percent(availability(uptime))],
    ...[percent(availabilityOfAll(uptime)), hours(uptime.up), hours(uptime.down)],
    ...[hours(uptime.maintenance), hours(uptime.paused), hours(uptime.unknown)],
    ...[String(uptime.outages), hours(uptime.longest)],
  ])
  return [head, ...rows].map(csvLine).join('')
}
