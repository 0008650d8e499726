// Columns that are read together, as they are on the wire, with the requests for them: both the same
// for all devices alike, so that a request is encoded once and sent by thousands of sessions.

import { encodeIndex, encodeOid } from './ber.ts'
import { type KnownNames, knownNames } from './knownrows.ts'
import type { Layout } from './layout.ts'
import { encodePdu } from './message.ts'
import { type NamePrefix, namePrefix } from './varbinds.ts'

const columnSetsMax = 2000
/** Requests kept for one set of columns and one list of rows. */
const requestsMax = 512
/** A bound on max-repetitions, which a key holds beside the row. */
const repetitionsBound = 4096

export class ColumnSet {
  /** Columns that are read row by row. */
  readonly columns: readonly string[]
  /** Columns without a row at the last read: each read looks once whether one has come. */
  readonly absent: readonly string[]
  readonly prefixes: readonly NamePrefix[]
  readonly absentPrefixes: readonly NamePrefix[]
  readonly #names: readonly Uint8Array[]
  readonly #absentNames: readonly Uint8Array[]
  readonly #requests = new WeakMap<Layout, Map<number, Uint8Array>>()
  /** The list that was asked for last: devices alike share it. */
  #lastLayout: Layout | null = null
  #lastRequests = new Map<number, Uint8Array>()
  readonly #knownNames = new WeakMap<Layout, KnownNames | null>()
  readonly #firstRequests = new Map<number, Uint8Array>()

  constructor(columns: readonly string[], absent: readonly string[]) {
    this.columns = columns
    this.absent = absent
    this.#names = columns.map(encodeOid)
    this.#absentNames = absent.map(encodeOid)
    this.prefixes = this.#names.map(namePrefix)
    this.absentPrefixes = this.#absentNames.map(namePrefix)
  }

  /** The names of the cells of these rows; null: too many, or too long. */
  namesOf(layout: Layout): KnownNames | null {
    const known = this.#knownNames.get(layout)
    if (known !== undefined) return known
    const made = knownNames(this.#names, layout)
    this.#knownNames.set(layout, made)
    return made
  }

  /** GETBULK for the first rows, and for the successors of the absent columns. */
  first(repetitions: number): Uint8Array {
    const known = this.#firstRequests.get(repetitions)
    if (known) return known
    const pdu = encodePdu('bulk', [...this.#absentNames, ...this.#names], {
      nonRepeaters: this.#absentNames.length,
      repetitions,
    })
    keep(this.#firstRequests, repetitions, pdu)
    return pdu
  }

  /** GETBULK for the rows after this one of the list. */
  after(layout: Layout, row: number, repetitions: number): Uint8Array {
    const requests = this.#requestsOf(layout)
    const key = row * repetitionsBound + repetitions
    const known = requests.get(key)
    if (known) return known
    const index = layout.octets.subarray(layout.starts[row], layout.starts[row + 1])
    const pdu = this.#encode(index, repetitions)
    keep(requests, key, pdu)
    return pdu
  }

  #requestsOf(layout: Layout): Map<number, Uint8Array> {
    if (layout === this.#lastLayout) return this.#lastRequests
    const requests = this.#requests.get(layout) ?? new Map<number, Uint8Array>()
    this.#requests.set(layout, requests)
    this.#lastLayout = layout
    this.#lastRequests = requests
    return requests
  }

  /** GETBULK for the rows after an index that is in no list yet. */
  afterIndex(index: string, repetitions: number): Uint8Array {
    return this.#encode(encodeIndex(index), repetitions)
  }

  #encode(index: Uint8Array, repetitions: number): Uint8Array {
    const oids = this.#names.map(name => Buffer.concat([name, index]))
    return encodePdu('bulk', oids, { nonRepeaters: 0, repetitions })
  }
}

function keep(requests: Map<number, Uint8Array>, key: number, pdu: Uint8Array): void {
  if (requests.size >= requestsMax) requests.clear()
  requests.set(key, pdu)
}

const columnSets = new Map<string, ColumnSet>()

/** @param isAbsent by the column's place; null: all are there */
export function columnSetOf(
  columns: readonly string[],
  isAbsent: ((place: number) => boolean) | null = null,
): ColumnSet {
  const present = columns.filter((_, place) => !isAbsent?.(place))
  const absent = columns.filter((_, place) => isAbsent?.(place))
  const key = `${present.join(' ')}|${absent.join(' ')}`
  const known = columnSets.get(key)
  if (known) return known
  if (columnSets.size >= columnSetsMax) columnSets.clear()
  const set = new ColumnSet(present, absent)
  columnSets.set(key, set)
  return set
}
