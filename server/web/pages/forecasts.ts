// The page of what runs out, the nearest first; the report cards of all forecasts; and which device differs
// from its peers. What is shown lies in the address.

import Type from 'typebox'
import { FORECAST_KINDS, type ForecastState, type ReportCard } from '../../model/forecast.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { type ForecastOfDevice, type OddOne, oddOnes, withDevices } from '../forecasts.ts'
import type { Dictionary } from '../languages/en.ts'
import { type Reader, readerOf, wordsOf } from '../languages/say.ts'
import { page } from '../render.ts'
import { plainText } from '../words.ts'

const PAGE_SIZE = 100
const VIEWS = ['near', 'cards', 'peers'] as const
type View = (typeof VIEWS)[number]
const DAYS = [7, 30, 365] as const
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NEAR: readonly ForecastState[] = ['reached', 'reaches']
/** What has a report card, or says why there is no forecast. */
const CARDS: readonly ForecastState[] = ['reaches', 'stays', 'muted', 'unknown']

const checkOne = {
  view: checker(Type.Enum(VIEWS)),
  kind: checker(Type.Enum(FORECAST_KINDS)),
  days: checker(Type.Enum(DAYS.map(String))),
  page: checker(Type.String({ pattern: '^[1-9][0-9]{0,2}$' })),
}
const checkQuery = checker(Type.Record(Type.String(), Type.Unknown()))

interface Asked {
  view: View
  kind: (typeof FORECAST_KINDS)[number] | ''
  days: number
  page: number
}

/** What the address says wrongly counts as not said. */
function askedOf(query: unknown): Asked {
  const found = checkQuery(query)
  const text = (name: keyof typeof checkOne): string => {
    const checked = found.ok ? checkOne[name](found.value[name]) : found
    return checked.ok ? String(checked.value) : ''
  }
  return {
    view: VIEWS.find(one => one === text('view')) ?? 'near',
    kind: FORECAST_KINDS.find(one => one === text('kind')) ?? '',
    days: Number(text('days') || 30),
    page: Number(text('page') || 1),
  }
}

function hrefOf(asked: Asked, change: Partial<Asked>): string {
  const { view, kind, days, page: number } = { ...asked, page: 1, ...change }
  const query = new URLSearchParams()
  if (view !== 'near') query.set('view', view)
  if (kind) query.set('kind', kind)
  if (days !== 30) query.set('days', String(days))
  if (number > 1) query.set('page', String(number))
  const text = query.toString()
  return text ? `/forecasts?${text}` : '/forecasts'
}

export function forecastsPage(web: WebContext): Handler {
  return async (request, reply) => {
    const reader = request.viewer ?? readerOf(request)
    const words = wordsOf(reader).forecasts
    const asked = askedOf(request.query)
    const counts = await web.store.forecasts.counts({})
    const { lines, odd, hasMore } = await found(web, asked, reader)
    return page(request, reply, 'forecasts', {
      title: words.views[asked.view],
      ...{ asked, lines, odd, counts, kinds: FORECAST_KINDS, days: DAYS, views: VIEWS },
      isEmpty: Object.values(counts).every(count => count === 0),
      href: (change: Partial<Asked>) => hrefOf(asked, change),
      hasMore,
    })
  }
}

async function found(web: WebContext, asked: Asked, reader: Reader) {
  const now = Date.now()
  if (asked.view === 'peers') {
    const odd = (await oddOnes(web)).filter(({ of }) => !asked.kind || of.kind === asked.kind)
    return { lines: [], odd: odd.map(one => oddView(one, reader)), hasMore: false }
  }
  const rows = await web.store.forecasts.list({
    states: asked.view === 'near' ? NEAR : CARDS,
    ...(asked.kind && { kinds: [asked.kind] }),
    ...(asked.view === 'near' && { before: now + asked.days * DAY_MS }),
    limit: PAGE_SIZE + 1,
    offset: (asked.page - 1) * PAGE_SIZE,
  })
  const lines = withDevices(rows.slice(0, PAGE_SIZE), await web.devices.list())
  return {
    lines: lines.map(one => lineView(one, now, reader)),
    odd: [],
    hasMore: rows.length > PAGE_SIZE,
  }
}

function lineView(one: ForecastOfDevice, now: number, reader: Reader) {
  const words = wordsOf(reader).forecasts
  const { state, reachAt, soonestAt, latestAt, slope, card } = one
  const isNear = state === 'reaches' && reachAt !== null && soonestAt !== null
  return {
    ...thing(one),
    ...{ state, reachAt, kind: one.kind, card: card && cardView(card, reader) },
    when: isNear
      ? words.after(countOf(reachAt - now, unitOf(reachAt - now)), unitOf(reachAt - now))
      : words.states[state],
    isNear,
    range: isNear
      ? rangeOf(soonestAt - now, latestAt === null ? null : latestAt - now, reachAt - now, words)
      : one.why
        ? words.whys[one.why]
        : '',
    now: percent(one.value, reader),
    value: one.value,
    aDay: slope === null ? '' : percent(slope * 24, reader, { signDisplay: 'exceptZero' }),
  }
}

/** What a line is about, with its links. */
function thing(one: ForecastOfDevice) {
  const device = `/devices/${encodeURIComponent(one.device)}`
  const { group, row, rowName } = one
  return {
    device: { href: device, name: plainText(one.deviceName, 100) },
    what: plainText(rowName ?? one.title, 100),
    title: rowName === null ? '' : plainText(one.title, 100),
    href: `${device}${row === null ? '' : `/rows/${encodeURIComponent(group)}/${encodeURIComponent(row)}`}?range=30d&forecast=on`,
  }
}

function oddView(one: OddOne, reader: Reader) {
  const words = wordsOf(reader).forecasts
  return {
    ...thing(one.of),
    ...{ tag: plainText(one.tag, 40), kind: one.of.kind },
    now: percent(one.value, reader),
    middle: percent(one.middle, reader),
    peers: one.peers,
    why: words.differs(
      numberOf(Math.abs(one.distance), reader, 1),
      one.peers,
      plainText(one.tag, 40),
    ),
  }
}

const cardView = ({ mase, naive, coverage, hours }: ReportCard, reader: Reader) => ({
  mase: numberOf(mase, reader, 2, { minimumFractionDigits: 2 }),
  naive: numberOf(naive, reader, 2, { minimumFractionDigits: 2 }),
  coverage: percent(100 * coverage, reader),
  days: Math.round(hours / 24),
})

/** In hours below two days, else in days. */
const unitOf = (ms: number) => (ms < 2 * DAY_MS ? 'hour' : 'day')

const countOf = (ms: number, unit: 'hour' | 'day') =>
  Math.max(1, Math.round(ms / (unit === 'hour' ? HOUR_MS : DAY_MS)))

/** Both ends in the unit of the middle. */
function rangeOf(
  soonest: number,
  latest: number | null,
  middle: number,
  words: Dictionary['forecasts'],
): string {
  const unit = unitOf(middle)
  const from = countOf(soonest, unit)
  if (latest === null) return words.perhapsNever(from, unit)
  const to = countOf(latest, unit)
  return from === to ? words.about(from, unit) : words.range(from, to, unit)
}

function numberOf(
  value: number,
  { language }: Reader,
  digits: number,
  more: Intl.NumberFormatOptions = {},
): string {
  return new Intl.NumberFormat(language, {
    ...{ maximumFractionDigits: digits, ...more },
    ...(Math.abs(value) >= 1e6 && { notation: 'scientific' }),
  }).format(value)
}

function percent(
  value: number | null,
  reader: Reader,
  more: Intl.NumberFormatOptions = {},
): string {
  if (value === null) return '–'
  const digits = Math.abs(value) < 1 ? 2 : Math.abs(value) < 10 ? 1 : 0
  return `${numberOf(value, reader, digits, more)} %`
}
