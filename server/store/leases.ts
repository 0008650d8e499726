// Leases: what one process at a time may do. Nobody compares clocks: the holder counts `beat` up, and
// whoever waits takes over where it has not moved for a while by his own clock.

import type { Lease, LeaseStore, SeenLease } from './contract.ts'
import type { Database, Db } from './database.ts'

export function leaseStore(database: Database): LeaseStore {
  const { db } = database
  return {
    look: name => look(db, name),
    take: (name, holder, seen) => take(database, name, holder, seen),
    async beat({ name, holder, epoch }) {
      const { numUpdatedRows } = await db
        .updateTable('lease')
        .set(({ eb }) => ({ beat: eb('beat', '+', 1) }))
        .where('name', '=', name)
        .where('holder', '=', holder)
        .where('epoch', '=', epoch)
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    },
    async release({ name, holder, epoch }) {
      await db
        .updateTable('lease')
        .set({ holder: '' })
        .where('name', '=', name)
        .where('holder', '=', holder)
        .where('epoch', '=', epoch)
        .execute()
    },
  }
}

async function look(db: Db, name: string): Promise<SeenLease | null> {
  const row = await db.selectFrom('lease').selectAll().where('name', '=', name).executeTakeFirst()
  return row ? { holder: row.holder, epoch: row.epoch, beat: row.beat } : null
}

function take(
  database: Database,
  name: string,
  holder: string,
  seen: SeenLease | null,
): Promise<Lease | null> {
  return database.transaction(async tx => {
    const row = await tx
      .selectFrom('lease')
      .selectAll()
      .where('name', '=', name)
      .modifyEnd(database.exclusive)
      .executeTakeFirst()
    if (!row) {
      if (seen) return null
      await tx.insertInto('lease').values({ name, holder, epoch: 1, beat: 0 }).execute()
      return { name, holder, epoch: 1 }
    }
    if (seen?.epoch !== row.epoch || seen.beat !== row.beat || seen.holder !== row.holder)
      return null
    const epoch = row.epoch + 1
    await tx.updateTable('lease').set({ holder, epoch }).where('name', '=', name).execute()
    return { name, holder, epoch }
  })
}

/** Ends with the row locked: who writes under the lease does so one after another. */
export async function lockedLease(
  database: Database,
  db: Db,
  name: string,
): Promise<SeenLease | null> {
  const row = await db
    .selectFrom('lease')
    .selectAll()
    .where('name', '=', name)
    .modifyEnd(database.exclusive)
    .executeTakeFirst()
  return row ?? null
}
