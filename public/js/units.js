// Numbers as people read them: the same words as server/model/units.ts, for values that arrive
// while a page is open.

const SHOWN = {
  1: '',
  By: 'B',
  'By/s': 'B/s',
  Cel: '°C',
  'dB[mW]': 'dBm',
  deg: '°',
  'W/m2': 'W/m²',
  'l/m2': 'l/m²',
  '[ppm]': 'ppm',
}
const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P']
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']
const SCALED = new Set(['By', 'By/s', 'bit', 'bit/s', 'Hz', 'W', 'VA', 'Wh', 'var'])
const PARTS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]

function unitText(unit, count) {
  const thing = /^\{([a-z]+)\}(\/s)?$/.exec(unit)
  if (!thing) return SHOWN[unit] ?? unit
  return `${count === 1 ? thing[1] : plural(thing[1])}${thing[2] ?? ''}`
}

function plural(thing) {
  if (thing.endsWith('ss')) return `${thing}es`
  return thing.endsWith('s') || thing === 'rpm' ? thing : `${thing}s`
}

function digits(value) {
  const size = Math.abs(value)
  const places = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toFixed(places)
}

function seconds(value) {
  const size = Math.abs(value)
  if (size < 1 && size > 0) return `${digits(value * 1000)} ms`
  if (size < 60) return `${digits(value)} s`
  const parts = []
  let rest = Math.round(size)
  for (const [name, length] of PARTS) {
    const count = Math.floor(rest / length)
    rest -= count * length
    if (count > 0) parts.push(`${count} ${name}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return `${value < 0 ? '−' : ''}${parts.join(' ')}`
}

/** 412_000_000 bit/s is `412 Mbit/s`; null is a dash. */
export function formatValue(value, unit, decimals = null) {
  if (value === null || value === undefined) return '–'
  if (unit === 's') return seconds(value)
  if (unit === 'Pa' && Math.abs(value) >= 1000) return `${(value / 100).toFixed(decimals ?? 1)} hPa`
  const suffix = unitText(unit, value)
  if (!SCALED.has(unit)) {
    const text = decimals === null ? digits(value) : value.toFixed(decimals)
    return suffix === '' ? text : `${text} ${suffix}`
  }
  const [step, prefixes] = unit.startsWith('By') ? [1024, BINARY] : [1000, DECIMAL]
  let scaled = value
  let power = 0
  while (Math.abs(scaled) >= step && power < prefixes.length - 1) {
    scaled /= step
    power++
  }
  return `${digits(scaled)} ${prefixes[power]}${suffix}`
}

/** A short label of an axis: things that are counted go without their word. */
export function axisText(value, unit, decimals) {
  return unit.startsWith('{')
    ? formatValue(value, '1', decimals).concat(unit.endsWith('/s') ? ' /s' : '')
    : formatValue(value, unit)
}

const TIME_STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400]

/** A step between ticks that reads well in the unit; undefined: tens do. */
export function niceStep(span, unit) {
  const wanted = span / 4
  if (!(wanted > 0)) return undefined
  if (unit.startsWith('By')) return 2 ** Math.ceil(Math.log2(wanted))
  if (unit === 's')
    return TIME_STEPS.find(step => step >= wanted) ?? 86_400 * Math.ceil(wanted / 86_400)
  return undefined
}
