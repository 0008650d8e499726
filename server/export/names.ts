// The names of polled metrics for Prometheus: `interface.in` in bit/s is
// `pollux_interface_in_bytes_per_second`. Base units and their names as Prometheus asks for them
// (prometheus.io/docs/practices/naming), so that values are in bytes, seconds and ratios.

/** `unit`: what the name ends with; empty: nothing. `factor`: from our base unit to Prometheus'. */
interface BaseUnit {
  unit: string
  factor: number
}

const BASE_UNITS: Record<string, BaseUnit> = {
  '1': { unit: '', factor: 1 },
  '%': { unit: 'ratio', factor: 0.01 },
  '[ppm]': { unit: 'ratio', factor: 1e-6 },
  s: { unit: 'seconds', factor: 1 },
  By: { unit: 'bytes', factor: 1 },
  'By/s': { unit: 'bytes_per_second', factor: 1 },
  bit: { unit: 'bytes', factor: 1 / 8 },
  'bit/s': { unit: 'bytes_per_second', factor: 1 / 8 },
  Hz: { unit: 'hertz', factor: 1 },
  V: { unit: 'volts', factor: 1 },
  A: { unit: 'amperes', factor: 1 },
  W: { unit: 'watts', factor: 1 },
  VA: { unit: 'voltamperes', factor: 1 },
  var: { unit: 'vars', factor: 1 },
  Wh: { unit: 'joules', factor: 3600 },
  Cel: { unit: 'celsius', factor: 1 },
  Pa: { unit: 'pascals', factor: 1 },
  m: { unit: 'meters', factor: 1 },
  m3: { unit: 'cubic_meters', factor: 1 },
  'm3/min': { unit: 'cubic_meters_per_second', factor: 1 / 60 },
  'l/min': { unit: 'cubic_meters_per_second', factor: 1 / 60_000 },
  g: { unit: 'grams', factor: 1 },
  lx: { unit: 'lux', factor: 1 },
  dB: { unit: 'decibels', factor: 1 },
  'dB[mW]': { unit: 'decibel_milliwatts', factor: 1 },
  Ohm: { unit: 'ohms', factor: 1 },
  deg: { unit: 'degrees', factor: 1 },
  'm/s': { unit: 'meters_per_second', factor: 1 },
  'W/m2': { unit: 'watts_per_square_meter', factor: 1 },
  'l/m2': { unit: 'liters_per_square_meter', factor: 1 },
  '{day}': { unit: 'seconds', factor: 86_400 },
}

/** Endings that belong to the parts of counters, histograms and summaries, and their names here. */
const RESERVED = /_(total|count|sum|bucket|info)$/

/** Words for units that become others here: `cert_days` in seconds would name two. */
const UNIT_WORDS: Record<string, string> = { '%': 'percent', '{day}': 'days' }

/** Words for types of metrics; a MIB may call a thing so (mtxrGaugeTable). */
const TYPE_WORDS = new Map([
  ['gauge', 'sensor'],
  ['counter', 'counted'],
  ['histogram', 'distribution'],
  ['summary', 'overview'],
])

export interface ExportName {
  name: string
  /** Values are multiplied by it. */
  factor: number
  type: 'gauge' | 'counter'
}

/** @param unit in UCUM, as profiles write it */
export function exportName(
  group: string,
  metric: { id: string; unit: string; kind: string },
): ExportName {
  const { unit, factor } = BASE_UNITS[metric.unit] ?? thingsOf(metric.unit)
  const type = metric.kind === 'total' ? 'counter' : 'gauge'
  const words = `${group}_${metric.id}`.split('_').map(word => TYPE_WORDS.get(word) ?? word)
  const named = `pollux_${words.join('_')}`
  const word = UNIT_WORDS[metric.unit]
  const plain = withUnit(word ? named.replace(`_${word}`, '') : named, unit)
  // What is measured in its own right may be called a total: `memory.total`.
  const free = plain.replace(RESERVED, '_$1_value')
  const name = type === 'counter' ? `${plain.replace(/_total$/, '')}_total` : free
  return { name, factor, type }
}

/** `{packet}/s` is packets_per_second; of a unit that is not known, its letters. */
function thingsOf(unit: string): BaseUnit {
  const thing = /^\{([a-z]+)\}(\/s)?$/.exec(unit)
  const name = thing ? `${plural(thing[1] ?? '')}${thing[2] ? '_per_second' : ''}` : letters(unit)
  return { unit: name, factor: 1 }
}

const letters = (unit: string) =>
  unit
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toLowerCase()

const plural = (thing: string) =>
  thing.endsWith('ss') ? `${thing}es` : thing.endsWith('s') || thing === 'rpm' ? thing : `${thing}s`

/** No unit twice: `host_users` of `{user}` stays, `in_errors` of `{error}/s` is `in_errors_per_second`. */
function withUnit(name: string, unit: string): string {
  const [things = '', per = ''] = unit.split(/(?=_per_second$)/)
  if (things !== '' && name.endsWith(`_${things}`)) return name + per
  return unit === '' || name.endsWith(`_${unit}`) ? name : `${name}_${unit}`
}
