// The series that the store is measured with; of each 100 of a device: 28 error rates nearly always 0,
// 7 states, 30 octet rates of which a third idles, 15 percentages, 10 temperatures, 10 whole gauges.
// Rates have the five digits with which they are published.

import type { AcceptedCollection } from '../../server/model/accepted.ts'

export const METRICS = Array.from({ length: 10 }, (_, metric) => `m${metric}`)
export const rowsOf = (series: number) =>
  Array.from({ length: series / METRICS.length }, (_, row) => `row-${row}`)

type Random = () => number

/** Mulberry32: the same numbers in every run. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const five = (value: number): number => Number(value.toPrecision(5))

/** About a standard normal distribution. */
const noise = (random: Random): number => (random() + random() + random() - 1.5) * 2

const rare = (random: Random) => () => (random() < 0.002 ? five(random() * 3) : 0)

function state(random: Random): () => number {
  let value = 1
  return () => {
    if (random() < 0.001) value = value === 1 ? 2 : 1
    return value
  }
}

function octets(random: Random): () => number {
  const level = 10 ** (4 + random() * 5)
  let value = level
  return () => {
    value = Math.max(1, value + 0.05 * (level - value) + 0.05 * level * noise(random))
    return five(value * (1 + 0.02 * noise(random)))
  }
}

function percent(random: Random): () => number {
  let value = random() * 100
  return () => {
    value = Math.min(100, Math.max(0, value + noise(random)))
    return Math.round(value * 10) / 10
  }
}

function temperature(random: Random): () => number {
  let value = 40
  return () => {
    if (random() < 0.2) value += random() < 0.5 ? 0.5 : -0.5
    return value
  }
}

function gauge(random: Random): () => number {
  let value = 1000
  return () => {
    value = Math.max(0, value + Math.round(3 * noise(random)))
    return value
  }
}

type Maker = (random: Random) => () => number

const idle: Maker = () => () => 0

/** Every kind of series by itself. */
export const KINDS: Record<string, Maker> = {
  'error rates': rare,
  states: state,
  'octet rates': octets,
  'idle ports': idle,
  percentages: percent,
  temperatures: temperature,
  'integer gauges': gauge,
}

function makerOf(index: number): Maker {
  if (index < 28) return rare
  if (index < 35) return state
  if (index < 65) return index % 3 === 0 ? idle : octets
  if (index < 80) return percent
  return index < 90 ? temperature : gauge
}

/** The polls of one device, one after another. @param series a multiple of 10 */
export function deviceOf(seed: number, series: number): (at: number) => AcceptedCollection {
  const random = randomFrom(seed)
  const next = Array.from({ length: series }, (_, index) => makerOf(index % 100)(random))
  const rows = rowsOf(series)
  return at => ({
    ...{ deviceUid: seed, group: 'interface', failed: null, gaps: new Map() },
    at: at + Math.floor(random() * 40),
    rows,
    metrics: new Map(
      METRICS.map((metric, index) => [
        metric,
        next.slice(index * rows.length, (index + 1) * rows.length).map(value => value()),
      ]),
    ),
  })
}
