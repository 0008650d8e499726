// What chart.js asks of a library of dates, with the browser's own: ticks at whole minutes, hours
// and days of local time.

import { LOCALE } from './words.js'

const MS = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_592_000_000,
  quarter: 7_776_000_000,
  year: 31_536_000_000,
}
const FORMATS = {
  clock: new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit' }),
  second: new Intl.DateTimeFormat(LOCALE, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }),
  day: new Intl.DateTimeFormat(LOCALE, { weekday: 'short', day: 'numeric', month: 'short' }),
  month: new Intl.DateTimeFormat(LOCALE, { month: 'short', year: 'numeric' }),
}

/** A moment in full, with seconds; with the day where it is not today. */
export function momentText(at) {
  const time = FORMATS.second.format(at)
  const isToday = new Date(at).toDateString() === new Date().toDateString()
  return isToday ? time : `${FORMATS.day.format(at)} ${time}`
}

function startOf(at, unit) {
  const date = new Date(at)
  if (unit === 'millisecond') return at
  if (unit === 'second') return date.setMilliseconds(0)
  if (unit === 'minute') return date.setSeconds(0, 0)
  if (unit === 'hour') return date.setMinutes(0, 0, 0)
  date.setHours(0, 0, 0, 0)
  if (unit === 'week' || unit === 'isoWeek')
    date.setDate(date.getDate() - ((date.getDay() + 6) % 7))
  if (unit === 'month' || unit === 'quarter') date.setDate(1)
  if (unit === 'year') date.setMonth(0, 1)
  return date.getTime()
}

/** Days are not all 24 hours long. */
function add(at, amount, unit) {
  if (MS[unit] < MS.day) return at + amount * MS[unit]
  const date = new Date(at)
  return date.setDate(date.getDate() + amount * Math.round(MS[unit] / MS.day))
}

/** No ticks finer than what their texts tell: hours of several days would look alike. */
export function leastUnit(spanMs) {
  if (spanMs > 150 * MS.day) return 'month'
  return spanMs > 2 * MS.day ? 'day' : 'second'
}

export function useLocalTime(Chart) {
  Chart._adapters._date.override({
    formats: () => ({
      datetime: 'second',
      millisecond: 'second',
      second: 'second',
      minute: 'clock',
      hour: 'clock',
      day: 'day',
      week: 'day',
      month: 'month',
      quarter: 'month',
      year: 'month',
    }),
    parse: value => (typeof value === 'number' ? value : null),
    format: (at, format) => FORMATS[format].format(at),
    add,
    diff: (a, b, unit) => (a - b) / MS[unit],
    startOf,
    endOf: (at, unit) => add(startOf(at, unit), 1, unit) - 1,
  })
}
