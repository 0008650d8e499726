// The series that the store is measured with, 100 to a device: 28 error rates nearly always 0, 7 states,
// 30 octet rates of which a third idles, 15 percentages, 10 temperatures, 10 whole gauges. Rates have the
// five digits with which they are published.

import type { AcceptedCollection } from '../server/model/accepted.ts'

export const SERIES = 100
export const ROWS = Array.from({ length: 10 }, (_, row) => `row-${row}`)
export const METRICS = Array.from({ length: 10 }, (_, metric) => `m${metric}`)

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

function makerOf(index: number): (random: Random) => () => number {
  if (index < 28) return rare
  if (index < 35) return state
  if (index < 65) return index % 3 === 0 ? () => () => 0 : octets
  if (index < 80) return percent
  return index < 90 ? temperature : gauge
}

/** The polls of one device, one after another. */
export function deviceOf(deviceUid: number): (at: number) => AcceptedCollection {
  const random = randomFrom(deviceUid)
  const series = Array.from({ length: SERIES }, (_, index) => makerOf(index)(random))
  return at => ({
    ...{ deviceUid, group: 'interface', failed: null, gaps: new Map() },
    at: at + Math.floor(random() * 40),
    rows: ROWS,
    metrics: new Map(
      METRICS.map((metric, index) => [
        metric,
        series.slice(index * 10, index * 10 + 10).map(next => next()),
      ]),
    ),
  })
}
