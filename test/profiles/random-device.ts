// Devices by chance, for comparing two ways of evaluating them: counters of all widths that go on, wrap,
// restart and vanish, values of every type, rows that come, go and change their names. One seed, one
// device. It holds no assertions.

import type { RawValue } from '../../server/model/raw.ts'
import { c32, c64, type Device, int, none, num, text } from './kit.ts'

/** Numbers from 0 to 1 by mulberry32. */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Of every kind of field that is read: one source and several, scaled, bounded, conditional, looked up. */
export const RANDOM_PROFILE = {
  title: 'R',
  tables: {
    port: {
      title: 'Ports',
      index: ['n'],
      key: ['name'],
      name: ['name', '#{n}'],
      labels: ['n', 'kind'],
      refreshOn: ['1.8.0'],
      where: 'kind != 9',
      columns: {
        name: { oid: '1.1.1', as: 'text', every: '5m' },
        kind: { oid: '1.1.2', every: '5m' },
        mark: { oid: '1.1.3', as: 'ticks' },
      },
      metrics: {
        in: {
          title: 'In',
          unit: 'bit/s',
          kind: 'rate',
          oid: ['1.2.1', '1.2.2'],
          ifZero: 'next',
          scale: 8,
          max: '1.5 * speed',
          resetOn: 'mark',
        },
        out: { title: 'Out', unit: 'By/s', kind: 'rate', oid: ['1.2.3', '1.2.4'], max: 1e9 },
        drops: { title: 'Drops', unit: '{packet}/s', kind: 'rate', oid: '1.2.5' },
        odd: { title: 'Odd', unit: '{thing}/s', kind: 'rate', oid: '1.2.6', offset: 0.5 },
        bounded: {
          title: 'Bounded',
          unit: '{thing}/s',
          kind: 'rate',
          oid: '1.2.2',
          range: [0, 1e6],
        },
        slow: { title: 'Slow', unit: '{thing}/s', kind: 'rate', oid: '1.2.7', every: '2m' },
        speed: {
          title: 'Speed',
          unit: 'bit/s',
          every: '5m',
          first: [{ oid: '1.9.1', scale: 1_000_000, invalid: [0] }, { oid: '1.9.2' }],
        },
        load: { title: 'Load', unit: '%', value: '100 * in / speed' },
        heat: { title: 'Heat', unit: 'Cel', oid: '1.9.3', scale: 0.1, range: [-50, 200] },
        total: { title: 'Total', unit: '{packet}', kind: 'total', oid: '1.2.3' },
        size: { title: 'Size', oid: ['1.9.5', '1.9.4'], range: [0, 9_007_199_254_740_992] },
        up: { title: 'Up', unit: 's', oid: '1.9.6', as: 'ticks', where: 'kind == 1' },
        state: { title: 'State', oid: '1.9.7', states: { '1': 'up', '2': 'down' } },
        word: { title: 'Word', kind: 'text', oid: '1.9.8' },
        twin: { title: 'Twin', lookup: { table: 'twin', column: 'value' } },
      },
    },
    twin: {
      title: 'Twins',
      index: ['n'],
      metrics: { value: { title: 'Value', oid: '1.4.1' } },
    },
  },
  scalars: {
    one: {
      title: 'One',
      metrics: {
        busy: { title: 'Busy', unit: '{thing}/s', kind: 'rate', oid: '1.5.1.0' },
        left: { title: 'Left', oid: '1.5.2.0', where: 'busy > 1' },
      },
    },
  },
} as const

const COLUMNS = [
  ...['1.1.2', '1.1.3', '1.2.1', '1.2.2', '1.2.3', '1.2.4', '1.2.5', '1.2.6', '1.2.7'],
  ...['1.9.1', '1.9.2', '1.9.3', '1.9.4', '1.9.5', '1.9.6', '1.9.7', '1.9.8', '1.4.1'],
]

/** A device's instances, poll after poll. */
export class RandomDevice {
  private readonly chance: () => number
  private rows: number[]
  private readonly device: Device = {}
  private ticks = 100_000

  constructor(seed: number) {
    this.chance = chanceOf(seed)
    this.rows = Array.from({ length: this.below(7) }, (_, i) => i + 1)
    this.device['1.8.0'] = int(1)
    for (const row of this.rows) this.fill(row)
  }

  /** What it answers, a minute later; sometimes only a part. */
  next(): { device: Device; upTicks: number | null; partial: string[] } {
    this.ticks = this.is(0.04) ? this.below(5000) : this.ticks + 6000
    if (this.is(0.1)) this.change()
    for (const [oid, raw] of Object.entries(this.device)) {
      if (this.is(0.8)) this.device[oid] = this.later(raw)
      else if (this.is(0.05)) this.device[oid] = this.value()
    }
    this.device['1.5.1.0'] = this.later(this.device['1.5.1.0'] ?? c32(5))
    this.device['1.5.2.0'] = int(this.below(9))
    const device = { ...this.device }
    const isPartial = this.is(0.1)
    for (const oid of Object.keys(device)) if (isPartial && this.is(0.3)) delete device[oid]
    const upTicks = this.is(0.05) ? null : this.ticks
    return { device, upTicks, partial: isPartial ? ['port'] : [] }
  }

  private is(share: number): boolean {
    return this.chance() < share
  }

  private below(end: number): number {
    return Math.floor(this.chance() * end)
  }

  /** A row goes, comes, or is called as another. */
  private change(): void {
    const gone = this.rows[this.below(this.rows.length)]
    if (gone !== undefined && this.is(0.5)) {
      this.rows = this.rows.filter(row => row !== gone)
      for (const oid of Object.keys(this.device)) {
        if (oid.endsWith(`.${gone}`) && !oid.endsWith('.0')) delete this.device[oid]
      }
    } else {
      const row = 1 + this.below(9)
      if (!this.rows.includes(row)) this.rows.push(row)
      this.fill(row)
    }
    if (this.is(0.7)) this.device['1.8.0'] = int(this.below(1e6))
  }

  private fill(row: number): void {
    for (const column of COLUMNS) {
      if (this.is(0.85)) this.device[`${column}.${row}`] = this.value()
    }
    this.device[`1.1.1.${row}`] = text(`p${this.below(6)}`)
    this.device[`1.1.2.${row}`] = int(this.below(3))
    if (this.is(0.8)) this.device[`1.9.1.${row}`] = int(this.below(4) * 500)
  }

  private value(): RawValue {
    switch (this.below(14)) {
      case 0:
        return none
      case 1:
        return int(this.below(200) - 100)
      case 2:
        return text(String(this.below(1e6)))
      case 3:
        return text('many')
      case 4:
        return num(this.chance() * 1000)
      case 5:
        return c64(2n ** 64n - BigInt(this.below(1e10)))
      case 6:
        return c64(2n ** 53n + BigInt(this.below(10)))
      case 7:
        return { type: 'gauge32', value: 2 ** 32 - 1 - this.below(3) }
      case 8:
        return { type: 'ticks', value: this.below(1e9) }
      case 9:
        return c32(0)
      case 10:
        return c64(this.below(1e12))
      default:
        return c32(2 ** 32 - 1 - this.below(1e7))
    }
  }

  private later(raw: RawValue): RawValue {
    const more = this.is(0.2) ? 0 : this.below(this.is(0.1) ? 4e9 : 1e6)
    if (raw.type === 'counter32') return c32((raw.value + more) % 2 ** 32)
    if (raw.type === 'counter64') return c64(BigInt.asUintN(64, raw.value + BigInt(more)))
    if (raw.type === 'number') return num(raw.value + more / 7)
    if (raw.type === 'gauge32' && this.is(0.3))
      return { type: 'gauge32', value: this.below(2 ** 32) }
    return raw
  }
}
