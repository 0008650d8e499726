// The latest value of every series as plain rows, for people who read the database by SQL: devices one
// after another, slowly, as a row for each sample is what the rest of the store avoids.

import type { Logger } from '../log.ts'
import type { Damage } from './blocks.ts'
import type { Database } from './database.ts'
import { readLatest } from './latest.ts'
import { findSeries } from './series.ts'

/** Rows written a second, over a long time. */
const rowsPerSecond = 50
/** No device more often than this, ms. */
const roundMsLeast = 300_000

export class LatestRows {
  readonly #database: Database
  readonly #log: Logger
  readonly #damage: Damage
  #after = 0
  #roundAt = Number.NEGATIVE_INFINITY
  #nextAt = 0

  constructor(database: Database, log: Logger, damage: Damage) {
    this.#database = database
    this.#log = log
    this.#damage = damage
  }

  isDue(now: number): boolean {
    return now >= this.#nextAt
  }

  /** Writes the rows of the next device. @returns how many */
  async step(now: number): Promise<number> {
    const { db } = this.#database
    const device = await db
      .selectFrom('device')
      .select('uid')
      .where('uid', '>', this.#after)
      .where('live_id', 'is not', null)
      .orderBy('uid')
      .limit(1)
      .executeTakeFirst()
    if (this.#after === 0) this.#roundAt = now
    this.#after = device?.uid ?? 0
    if (!device) {
      this.#nextAt = this.#roundAt + roundMsLeast
      return 0
    }
    const count = await this.#write(device.uid)
    this.#nextAt = now + (count / rowsPerSecond) * 1000
    return count
  }

  async #write(deviceUid: number): Promise<number> {
    const { db } = this.#database
    const places = new Map(
      (await findSeries(db, deviceUid, null)).map(({ info, streamId, slot }) => [
        keyOf(info),
        { stream_id: streamId, slot },
      ]),
    )
    const latest = await readLatest(db, deviceUid, this.#log, this.#damage)
    const rows = latest.flatMap(({ at, value, gap, ...info }) => {
      const place = places.get(keyOf(info))
      return place
        ? [
            {
              ...place,
              ts: at,
              value: typeof value === 'number' ? value : null,
              text: typeof value === 'string' ? value : null,
              gap,
            },
          ]
        : []
    })
    await this.#database.put(db, 'latest_value', ['stream_id', 'slot'], rows)
    return rows.length
  }
}

const keyOf = (one: { group: string; metric: string; row: string | null }): string =>
  JSON.stringify([one.group, one.metric, one.row])
