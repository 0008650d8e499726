// Base units (UCUM) and how people read them: the stored value is always in the base unit, the
// page adds k, M, G (Ki, Mi for bytes).

export const UNITS = [
  '1',
  '%',
  's',
  'By',
  'By/s',
  'bit',
  'bit/s',
  'Hz',
  'V',
  'A',
  'W',
  'VA',
  'var',
  'Wh',
  'Cel',
  'Pa',
  'm',
  'm3',
  'm3/min',
  'l/min',
  'g',
  'lx',
  'dB',
  'dB[mW]',
  'Ohm',
  'deg',
  'm/s',
  'W/m2',
  'l/m2',
  '[ppm]',
] as const
export type Unit = (typeof UNITS)[number] | `{${string}}` | `{${string}}/s`

const SHOWN: Record<string, string> = {
  '1': '',
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

/** How a unit is written after a number: `By/s` is `B/s`, `{packet}/s` is `packets/s`. */
export function unitText(unit: string, count?: number): string {
  const thing = /^\{([a-z]+)\}(\/s)?$/.exec(unit)
  if (thing) return `${count === 1 ? thing[1] : plural(thing[1] ?? '')}${thing[2] ?? ''}`
  return SHOWN[unit] ?? unit
}

function plural(thing: string): string {
  if (thing.endsWith('ss')) return `${thing}es`
  return thing.endsWith('s') || thing === 'rpm' ? thing : `${thing}s`
}

function digits(value: number): string {
  const size = Math.abs(value)
  const places = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toFixed(places)
}

/** A value with its unit as people read it: 412_000_000 bit/s is `412 Mbit/s`. */
export function formatValue(value: number, unit: string, decimals?: number): string {
  if (unit === 's') return formatSeconds(value)
  // As everybody reads that of the air; below 1,000 Pa it is a difference, as at a filter.
  if (unit === 'Pa' && Math.abs(value) >= 1000) return `${(value / 100).toFixed(decimals ?? 1)} hPa`
  const suffix = unitText(unit, value)
  if (!SCALED.has(unit)) {
    return `${decimals === undefined ? digits(value) : value.toFixed(decimals)} ${suffix}`.trim()
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

/** Seconds as the two largest parts: 93_784 is `1 d 2 h`; below one second, milliseconds. */
export function formatSeconds(seconds: number): string {
  if (Math.abs(seconds) < 1 && seconds !== 0) return `${digits(seconds * 1000)} ms`
  if (Math.abs(seconds) < 60) return `${digits(seconds)} s`
  const whole = Math.round(Math.abs(seconds))
  const parts: string[] = []
  let rest = whole
  for (const [name, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${name}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return `${seconds < 0 ? '−' : ''}${parts.join(' ')}`
}
