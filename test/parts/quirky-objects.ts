// The objects of quirky-agent.ts: a table of OIDs that may change while it is read, and values that
// know both their octets on the wire and the text by which a test knows them again.

import { counter64 as counter64Of, integer as integerOf, oidValue, tlv } from './hostile-agent.ts'

export interface Value {
  /** BER, tag and length included. */
  readonly wire: Buffer
  /** Type and value, as `shown` writes what a session read. */
  readonly text: string
}

/** Values by their SNMP type. */
export const value = {
  integer: (n: number): Value => ({ wire: tlv(0x02, signed(n)), text: `integer ${n}` }),
  counter32: (n: number): Value => ({ wire: integerOf(n, 0x41), text: `counter32 ${n}` }),
  gauge32: (n: number): Value => ({ wire: integerOf(n, 0x42), text: `gauge32 ${n}` }),
  ticks: (n: number): Value => ({ wire: integerOf(n, 0x43), text: `ticks ${n}` }),
  counter64: (n: bigint): Value => {
    const hex = n.toString(16)
    const bytes = [...Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')]
    const wire = counter64Of(...((bytes[0] ?? 0) > 127 ? [0, ...bytes] : bytes))
    return { wire, text: `counter64 ${n}` }
  },
  octets: (bytes: string | Buffer): Value => {
    const body = Buffer.from(bytes)
    return { wire: tlv(0x04, body), text: `octets ${body.toString('hex')}` }
  },
  ip: (text: string): Value => ({
    wire: tlv(0x40, text.split('.').map(Number)),
    text: `ip ${text}`,
  }),
  oid: (text: string): Value => ({ wire: oidValue(text), text: `oid ${text}` }),
  float: (n: number): Value => {
    const bytes = Buffer.from([0x9f, 0x78, 4, 0, 0, 0, 0])
    bytes.writeFloatBE(n, 3)
    return { wire: tlv(0x44, bytes), text: `number ${Math.fround(n)}` }
  },
}

/** Two's complement in as few octets as hold it (X.690, section 8.3). */
function signed(n: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(n)
  let from = 0
  while (from < 3 && isSignOnly(bytes, from)) from++
  return bytes.subarray(from)
}

function isSignOnly(bytes: Buffer, at: number): boolean {
  const next = bytes[at + 1] ?? 0
  return (bytes[at] === 0 && next < 128) || (bytes[at] === 255 && next > 127)
}

export interface Objects {
  get(oid: string): Value | undefined
  /** Also changes one that is there. */
  set(oid: string, value: Value): void
  delete(oid: string): void
  /** The OID as BER. */
  name(oid: string): Buffer
  /** The OID after this one, which need not exist; null: the end of the MIB. */
  next(oid: string, fileOrder: boolean): string | null
  /** What a right read of these columns gives: index → text by column. */
  table(columns: readonly string[]): Record<string, Record<string, string>>
}

export function createObjects(values: Record<string, Value>): Objects {
  const byOid = new Map(Object.entries(values))
  const names = new Map<string, Buffer>()
  const keys = new Map<string, number[]>()
  let sorted: string[] | null = null
  const keyOf = (oid: string): number[] => cached(keys, oid, () => oid.split('.').map(Number))
  const inOrder = () => {
    sorted ??= [...byOid.keys()].sort((a, b) => compare(keyOf(a), keyOf(b)))
    return sorted
  }

  const after = (oid: string): string | null => {
    const all = inOrder()
    const key = keyOf(oid)
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compare(keyOf(all[middle] ?? ''), key) > 0) high = middle
      else low = middle + 1
    }
    return all[low] ?? null
  }

  const afterInFile = (oid: string): string | null => {
    const all = [...byOid.keys()]
    const at = all.indexOf(oid)
    if (at >= 0) return all[at + 1] ?? null
    return all.find(one => one.startsWith(`${oid}.`)) ?? after(oid)
  }

  return {
    get: oid => byOid.get(oid),
    set(oid, changed) {
      if (!byOid.has(oid)) sorted = null
      byOid.set(oid, changed)
    },
    delete(oid) {
      byOid.delete(oid)
      sorted = null
    },
    name: oid => cached(names, oid, () => oidValue(oid)),
    next: (oid, fileOrder) => (fileOrder ? afterInFile(oid) : after(oid)),
    table: columns =>
      Object.fromEntries(
        columns.map(column => {
          const cells = [...byOid].filter(([oid]) => oid.startsWith(`${column}.`))
          return [
            column,
            Object.fromEntries(
              cells.map(([oid, { text }]) => [`[${oid.slice(column.length + 1)}]`, text]),
            ),
          ]
        }),
      ),
  }
}

function cached<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
