// What a backup holds, before it is packed and sealed: JSON lines. The first says what it is, then each
// table its name and columns, and each row an array; the last counts them. Bytes are `{ "b": base64 }`.

import Type, { type Static } from 'typebox'
import { AppError } from '../model/errors.ts'
import type { DumpCell } from '../store/dump.ts'
import { parser } from '../validate.ts'

export const FORMAT = 1
/** Bytes of one line: the largest row is a block of 16 MB. */
const lineBytesMax = 64 << 20

const Head = Type.Object({
  pollux: Type.Literal('backup'),
  format: Type.Literal(FORMAT),
  version: Type.String(),
  site: Type.String(),
  /** Unix ms. */
  madeAt: Type.Integer(),
  dialect: Type.String(),
  migrations: Type.Array(Type.String()),
  /** The master key of the secrets, 64 hex digits; null: it was not in a file of the data folder. */
  secretKey: Type.Union([Type.String({ pattern: '^[0-9a-f]{64}$' }), Type.Null()]),
})
export type Head = Static<typeof Head>

const Table = Type.Object({ table: Type.String(), columns: Type.Array(Type.String()) })
const End = Type.Object({ rows: Type.Record(Type.String(), Type.Integer()) })
const Cell = Type.Union([
  Type.String(),
  Type.Number(),
  Type.Null(),
  Type.Object({ b: Type.String() }, { additionalProperties: false }),
])

export const parseHead = parser(Head, 'E_BACKUP_FORMAT', 'the head of the backup')
export const parseTable = parser(Table, 'E_BACKUP_DAMAGED', 'a table of the backup')
export const parseEnd = parser(End, 'E_BACKUP_DAMAGED', 'the end of the backup')
const parseRow = parser(Type.Array(Cell), 'E_BACKUP_DAMAGED', 'a row of the backup')

export const rowLine = (row: readonly DumpCell[]): string =>
  JSON.stringify(
    row.map(cell =>
      cell instanceof Uint8Array
        ? {
            b: Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('base64'),
          }
        : cell,
    ),
  )

export function rowOf(line: unknown): DumpCell[] {
  return parseRow(line).map(cell =>
    typeof cell === 'object' && cell !== null ? Buffer.from(cell.b, 'base64') : cell,
  )
}

/** The lines of a stream, as what their JSON says. @throws AppError E_BACKUP_DAMAGED */
export async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  let held: Buffer[] = []
  let bytes = 0
  for await (const chunk of source) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      held.push(chunk.subarray(from, end))
      yield jsonOf(Buffer.concat(held))
      held = []
      bytes = 0
      from = end + 1
    }
    held.push(chunk.subarray(from))
    bytes += chunk.length - from
    if (bytes > lineBytesMax) throw damaged('a line is too long')
  }
  if (bytes > 0) throw damaged('its last line is cut short')
}

function jsonOf(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw damaged('a line is not JSON', cause)
  }
}

export const damaged = (what: string, cause?: unknown) =>
  new AppError('E_BACKUP_DAMAGED', `the backup is damaged: ${what}`, {
    ...(cause !== undefined && { cause }),
    hint: 'take another copy of it, or an older backup',
  })
