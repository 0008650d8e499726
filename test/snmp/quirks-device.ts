// The device that the quirks tests read: tables of every shape, and values that say where they belong.

import { AppError } from '../../server/model/errors.ts'
import type { RawValue } from '../../server/model/raw.ts'
import { rawValue } from '../../server/model/rawtable.ts'
import { createExchange, type Exchange } from '../../server/snmp/exchange.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SessionOptions, TableRead } from '../../server/snmp/session.ts'
import { openUdp } from '../../server/snmp/udp.ts'
import type { Teardown } from '../parts/find.ts'
import type { QuirkyAgent } from '../parts/quirky-agent.ts'
import { type Value, value } from '../parts/quirky-objects.ts'

export const SYSTEM = '1.3.6.1.2.1.1'
export const DENSE = '1.3.6.1.2.1.2.2.1'
const SPARSE = '1.3.6.1.2.1.99.1.1.1'
const ODD = '1.3.6.1.4.1.99999.2.1'
const LAST = '1.3.6.1.4.1.99999.9.1'

export const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
const columnsOf = (table: string, numbers: readonly number[]) => numbers.map(n => `${table}.${n}`)

/** A value that says where it belongs, so that one in a wrong place shows. */
export function cell(column: number, row: number, round: number): Value {
  const n = column * 100_000 + row * 100 + round
  const kinds: ((n: number) => Value)[] = [
    n => value.octets(`eth${n}`),
    n => value.integer(row % 3 === 0 ? -n : n),
    n => value.counter32(4_294_967_295 - n),
    n => value.gauge32(n),
    n => value.counter64(2n ** 64n - BigInt(n)),
    n => value.counter64(BigInt(n)),
    n => value.ticks(n),
    n => value.oid(`1.3.6.1.4.1.${n}.4294967295.0`),
    () => value.ip(`10.${column}.${row % 256}.${round}`),
    n => value.octets('x'.repeat(n % 150)),
    n => value.float(n),
  ]
  return (kinds[column % kinds.length] ?? value.gauge32)(n)
}

/** Indexes of several sub-identifiers, also of five octets each, in increasing order. */
const ODD_INDEXES = [
  '0',
  '1.4.192.0.2.1',
  '1.4.192.0.2.255',
  '2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1',
  '127',
  '128',
  '16383.4294967295',
  '16384',
  '4294967295.4294967295.4294967295',
]

/** What all reads below read: dense, with holes, long, wide, of odd indexes, at the MIB's end. */
export const TABLES: Record<string, string[]> = {
  dense: columnsOf(DENSE, upTo(11)),
  'two columns in another order': columnsOf(DENSE, [10, 2]),
  sparse: columnsOf(SPARSE, [1, 2, 3, 4]),
  'odd indexes': columnsOf(ODD, [1, 2, 5]),
  'the end of the MIB': columnsOf(LAST, [1, 2]),
  nothing: columnsOf(`${DENSE.slice(0, -1)}77`, [1, 2]),
}

export function device(): Record<string, Value> {
  const objects: Record<string, Value> = {}
  for (const n of upTo(9)) objects[`${SYSTEM}.${n}.0`] = cell(n, 0, 0)
  const fill = (table: string, columns: number[], indexes: readonly (number | string)[]) => {
    for (const column of columns) {
      for (const [place, index] of indexes.entries()) {
        const row = typeof index === 'number' ? index : place
        objects[`${table}.${column}.${index}`] = cell(column, row, 0)
      }
    }
  }
  // Column 20 stands behind column 2 where texts are compared, and is not read.
  fill(DENSE, [...upTo(11), 20], upTo(60))
  fill(SPARSE, [1], upTo(140))
  fill(SPARSE, [2], [7, 14, 21, 139])
  fill(SPARSE, [3], [1, 2, 3])
  fill(ODD, [1, 2, 5], ODD_INDEXES)
  fill(LAST, [1, 2], [1, 2, 3, 300, 70_000])
  return objects
}

/** Changes each value of the dense table, or with `rows` also which rows there are. */
export function change({ objects }: QuirkyAgent, round: number, rows: boolean): void {
  for (const column of upTo(11)) {
    for (const row of upTo(60)) objects.set(`${DENSE}.${column}.${row}`, cell(column, row, round))
    if (!rows) continue
    objects.delete(`${DENSE}.${column}.17`)
    objects.set(`${DENSE}.${column}.61`, cell(column, 61, round))
    objects.set(`${DENSE}.${column}.1000`, cell(column, 1000, round))
  }
}

export const shown = (raw: RawValue): string => {
  if (raw.type === 'none') return 'none'
  return raw.value instanceof Uint8Array
    ? `${raw.type} ${Buffer.from(raw.value).toString('hex')}`
    : `${raw.type} ${raw.value}`
}

/** As Objects.table. */
export function cells({ table }: TableRead): Record<string, Record<string, string>> {
  return Object.fromEntries(
    table.sources.map((source, column) => {
      const values = table.indexes.map(
        (index, row) => [index, rawValue(table, column, row)] as const,
      )
      const there = values.filter(([, raw]) => raw.type !== 'none')
      return [source, Object.fromEntries(there.map(([index, raw]) => [`[${index}]`, shown(raw)]))]
    }),
  )
}

/** An exchange for one test alone: its counters are those of that test. */
export function ownExchange(t: Teardown): Exchange {
  const exchange = createExchange(openUdp)
  t.teardown(() => exchange.close())
  return exchange
}

/** Every datagram that was no answer to an open request of its device, whatever the reason. */
export function refused({ counters }: Exchange): number {
  return Object.values(counters).reduce((sum, count) => sum + count, 0)
}

export function open(
  t: Teardown,
  agent: QuirkyAgent,
  options: Partial<SessionOptions> = {},
  exchange?: Exchange,
) {
  const session = openSession(
    {
      address: agent.address,
      port: agent.port,
      credentials: { version: '2c', community: 'public' },
      timeoutMs: 5000,
      retries: 0,
      ...options,
    },
    exchange,
  )
  t.teardown(() => session.close())
  return session
}

export const failure = (promise: Promise<unknown>): Promise<AppError | null> =>
  promise.then(
    () => null,
    error => {
      if (error instanceof AppError) return error
      throw error
    },
  )
