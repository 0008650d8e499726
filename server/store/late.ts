// What a block holds already of samples that come after their window was compacted: so that a resend is
// a duplicate and what is new is known.

import { type Damage, readBlocks } from './blocks.ts'
import { ABSENT } from './codec.ts'
import { type Columns, placeOf } from './columns.ts'
import type { Db } from './database.ts'
import { classesOf } from './streams.ts'
import { tableOf } from './tiers.ts'

export interface LateKey {
  streamId: number
  ts: number
}

/** The kinds of the cells, by slot, that are in a block for each of these; absent where there is none. */
export async function storedKinds<K extends LateKey>(
  db: Db,
  damage: Damage,
  keys: readonly K[],
): Promise<Map<K, Uint8Array>> {
  const found = new Map<K, Uint8Array>()
  const classes = await classesOf(db, [...new Set(keys.map(key => key.streamId))])
  let streamId = -1
  let block: { t0: number; t1: number; columns: Columns | null } | null = null
  // In this order a backfill reads each block once.
  for (const key of keys.toSorted((a, b) => a.streamId - b.streamId || a.ts - b.ts)) {
    const isOther = key.streamId !== streamId || !block || key.ts < block.t0 || key.ts >= block.t1
    if (isOther) {
      streamId = key.streamId
      const table = tableOf('raw', classes.get(streamId) ?? 'default')
      const [row] = await readBlocks(db, table, streamId, { from: key.ts, to: key.ts }, 1)
      block = row ? { ...row, columns: damage.decode(table, streamId, row) } : null
    }
    const kinds = block?.columns && kindsAt(block.columns, key.ts)
    if (kinds) found.set(key, kinds)
  }
  return found
}

function kindsAt({ times, slots }: Columns, ts: number): Uint8Array | null {
  const place = placeOf(times, ts)
  if (times[place] !== ts) return null
  return Uint8Array.from(slots, column => column?.kinds[place] ?? ABSENT)
}
