// Goal: the fast way of reading tables, which compares octets and makes no text, reads what the second
// reader reads: whatever bits of an answer are flipped, each cell stands in the answer, under its name,
// and an answer that is not sound counts for nothing.
import t from 'tap'
import { rawValue } from '../../server/model/rawtable.ts'
import { columnSetOf } from '../../server/snmp/columnset.ts'
import { type Layout, layoutOf } from '../../server/snmp/layout.ts'
import { type PduHead, readPduHead } from '../../server/snmp/message.ts'
import { Rows } from '../../server/snmp/rows.ts'
import { elements, integer, oidValue, tlv } from '../parts/hostile-agent.ts'
import { seeded } from '../parts/quirky-agent.ts'
import { createObjects } from '../parts/quirky-objects.ts'
import { understand } from './fuzz-reference.ts'
import { device, shown, TABLES } from './quirks-device.ts'

const rowsMax = 100
const head: PduHead = { type: 0, id: 0, status: 0, index: 0, listAt: 0, listEnd: 0 }
const objects = createObjects(device())

/** The answer to a GETBULK for the first rows of these columns, and a few names behind them. */
function answer(columns: readonly string[], rows: number): Buffer {
  const varbinds: Buffer[] = []
  let row = [...columns]
  for (let i = 0; i < rows; i++) {
    row = row.map(oid => objects.next(oid, false) ?? oid)
    for (const oid of row) {
      const value = objects.get(oid)?.wire ?? tlv(0x82, [])
      varbinds.push(tlv(0x30, Buffer.concat([oidValue(oid), value])))
    }
  }
  const list = tlv(0x30, Buffer.concat(varbinds))
  const pdu = tlv(0xa2, Buffer.concat([integer(0x4711_0815), integer(0), integer(0), list]))
  return tlv(0x30, Buffer.concat([integer(1), tlv(0x04, Buffer.from('public')), pdu]))
}

/** Cells by OID; null: malformed. */
function read(bytes: Buffer, columns: readonly string[], known: Layout | null): string[] | null {
  const rows = new Rows(columnSetOf(columns), known, rowsMax)
  if (rows.take(bytes, head.listAt, head.listEnd) === 'malformed') return null
  const table = rows.table(rows.layout(), columns, null)
  return columns.flatMap((column, c) =>
    table.indexes.map((index, row) => `${column}.${index} = ${shown(rawValue(table, c, row))}`),
  )
}

/** Where the PDU begins: it is the last part of the message. */
function pduAt(bytes: Buffer): number {
  const [message] = elements(bytes)
  const parts = elements(message?.body ?? Buffer.alloc(0))
  return bytes.length - (parts[2]?.body.length ?? 0) - ((parts[2]?.body.length ?? 0) < 128 ? 2 : 4)
}

const RECORDED: Record<string, [columns: string[], rows: number]> = {
  'three columns': [(TABLES.dense ?? []).slice(0, 3), 4],
  'all columns': [TABLES.dense ?? [], 2],
  'odd indexes': [TABLES['odd indexes'] ?? [], 10],
  'its last rows': [TABLES['the end of the MIB'] ?? [], 7],
}

for (const [what, [columns, count]] of Object.entries(RECORDED)) {
  t.test(`flipped bits: ${what}`, async t => {
    const good = answer(columns, count)
    const at = pduAt(good)
    t.ok(readPduHead(good, at, good.length, head))
    const first = read(good, columns, null)
    const said = understand(good)?.varbinds ?? []
    const names = said.map(({ oid }) => oid).filter(oid => oid.startsWith(`${columns[0]}.`))
    const known = layoutOf(names.map(oid => oid.slice((columns[0] ?? '').length + 1)))
    t.ok((first?.length ?? 0) >= names.length * columns.length, 'all rows')
    t.same(read(good, columns, known), first, 'known or not')

    const counts = { flips: 0, malformed: 0, cells: 0 }
    const wrong: string[] = []
    const random = seeded(3)
    const bits = good.length * 8
    for (let bit = at * 8; bit < bits; bit++) {
      const bent = Buffer.from(good)
      flip(bent, bit)
      // Each second one has another flip elsewhere; each of both kinds meets both ways of reading.
      if (bit % 2 === 1) flip(bent, at * 8 + Math.floor(random() * (bits - at * 8)))
      if (!readPduHead(bent, at, bent.length, head)) continue
      const cells = read(bent, columns, bit % 4 < 2 ? known : null)
      counts.flips++
      if (cells === null) counts.malformed++
      counts.cells += cells?.length ?? 0
      if (!isRight(bent, cells)) wrong.push(bent.toString('hex'))
    }
    t.same(wrong.slice(0, 5), [], `${wrong.length} wrong`)
    t.comment(JSON.stringify(counts))
  })
}

/** Whether these cells are what the second reader finds in the answer too. */
function isRight(bytes: Buffer, cells: string[] | null): boolean {
  const expected = understand(bytes)?.varbinds ?? null
  if (cells === null || expected === null) return cells === expected
  const said = new Set(expected.map(({ oid, text }) => `${oid} = ${text}`))
  return cells.every(cell => said.has(cell))
}

function flip(bytes: Buffer, bit: number): void {
  const at = bit >> 3
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
}
