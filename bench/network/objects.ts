// Short ways to fill an agent's objects, by the names that the MIBs use. Functions of state, never
// of the request.

import type { Objects } from './agent.ts'
import { type SimulatedValue, TAG } from './message.ts'

export const integer = (value: number): SimulatedValue => ({
  tag: TAG.integer,
  value: Math.round(value),
})
export const gauge32 = (value: number): SimulatedValue => ({
  tag: TAG.gauge32,
  value: Math.min(0xffff_ffff, Math.max(0, Math.round(value))),
})
export const counter32 = (value: number): SimulatedValue => ({
  tag: TAG.counter32,
  value: Math.floor(value) % 2 ** 32,
})
export const counter64 = (value: number): SimulatedValue => ({
  tag: TAG.counter64,
  value: BigInt(Math.floor(value)),
})
export const ticks = (seconds: number): SimulatedValue => ({
  tag: TAG.ticks,
  value: Math.floor(seconds * 100) % 2 ** 32,
})
export const octets = (text: string | Uint8Array): SimulatedValue => ({
  tag: TAG.octets,
  value: typeof text === 'string' ? Buffer.from(text, 'utf8') : text,
})
export const oid = (text: string): SimulatedValue => ({
  tag: TAG.oid,
  value: text.split('.').map(Number),
})

/** Adds a column: an instance for each index. */
export function column(
  objects: Objects,
  base: string,
  indexes: readonly (number | string)[],
  value: (i: number) => SimulatedValue | undefined,
): void {
  for (const [i, index] of indexes.entries()) objects.set(`${base}.${index}`, () => value(i))
}

/** A level that moves as load does: two waves of different length around a mean, never negative. */
export function wave(
  seconds: number,
  options: { mean: number; swing: number; period: number; phase: number },
): number {
  const { mean, swing, period, phase } = options
  const turn = (2 * Math.PI * seconds) / period + phase
  return Math.max(0, mean + swing * (0.7 * Math.sin(turn) + 0.3 * Math.sin(turn * 7.3 + phase * 3)))
}

/** SNMPv2-MIB system group. */
export function addSystem(
  objects: Objects,
  system: {
    descr: string
    objectId: string
    name: string
    location: string
    upSeconds: () => number
  },
): void {
  const scalars: [number, () => SimulatedValue][] = [
    [1, () => octets(system.descr)],
    [2, () => oid(system.objectId)],
    [3, () => ticks(system.upSeconds())],
    [4, () => octets('noc@example.net')],
    [5, () => octets(system.name)],
    [6, () => octets(system.location)],
  ]
  for (const [id, value] of scalars) objects.set(`1.3.6.1.2.1.1.${id}.0`, value)
}

export interface Interface {
  index: number
  name: string
  alias: string
  type: number
  speedMbit: number
  /** Default: one that all devices have. */
  mac?: Uint8Array
  adminUp: boolean
  operUp: () => boolean
  counters: {
    inOctets: number
    outOctets: number
    inPackets: number
    outPackets: number
    inErrors: number
  }
}

/** IF-MIB: ifTable and ifXTable columns that monitors read. */
export function addInterfaces(objects: Objects, interfaces: readonly Interface[]): void {
  const indexes = interfaces.map(i => i.index)
  const add = (base: string, value: (i: Interface) => SimulatedValue) => {
    column(objects, base, indexes, at => {
      const found = interfaces[at]
      return found ? value(found) : undefined
    })
  }
  objects.set('1.3.6.1.2.1.2.1.0', () => integer(interfaces.length))
  const ifEntry = '1.3.6.1.2.1.2.2.1'
  add(`${ifEntry}.1`, i => integer(i.index))
  add(`${ifEntry}.2`, i => octets(i.name))
  add(`${ifEntry}.3`, i => integer(i.type))
  add(`${ifEntry}.4`, () => integer(1500))
  add(`${ifEntry}.5`, i => gauge32(i.speedMbit * 1e6))
  add(`${ifEntry}.6`, i => octets(i.mac ?? Uint8Array.of(2, 0, 94, 0, i.index >> 8, i.index & 255)))
  add(`${ifEntry}.7`, i => integer(i.adminUp ? 1 : 2))
  add(`${ifEntry}.8`, i => integer(i.adminUp && i.operUp() ? 1 : 2))
  add(`${ifEntry}.9`, () => ticks(0))
  add(`${ifEntry}.10`, i => counter32(i.counters.inOctets))
  add(`${ifEntry}.11`, i => counter32(i.counters.inPackets))
  add(`${ifEntry}.13`, () => counter32(0))
  add(`${ifEntry}.14`, i => counter32(i.counters.inErrors))
  add(`${ifEntry}.16`, i => counter32(i.counters.outOctets))
  add(`${ifEntry}.17`, i => counter32(i.counters.outPackets))
  add(`${ifEntry}.19`, () => counter32(0))
  add(`${ifEntry}.20`, () => counter32(0))
  const ifXEntry = '1.3.6.1.2.1.31.1.1.1'
  add(`${ifXEntry}.1`, i => octets(i.name))
  add(`${ifXEntry}.6`, i => counter64(i.counters.inOctets))
  add(`${ifXEntry}.7`, i => counter64(i.counters.inPackets))
  add(`${ifXEntry}.10`, i => counter64(i.counters.outOctets))
  add(`${ifXEntry}.11`, i => counter64(i.counters.outPackets))
  add(`${ifXEntry}.15`, i => gauge32(i.speedMbit))
  add(`${ifXEntry}.18`, i => octets(i.alias))
  add(`${ifXEntry}.19`, () => ticks(0))
  objects.set('1.3.6.1.2.1.31.1.5.0', () => ticks(1))
}
