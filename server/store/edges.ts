// How far back each class of retention reaches now, as the last run of retention wrote it down.

import type { Database, Db } from './database.ts'
import type { Edges } from './segments.ts'
import { RETENTION_CLASSES, type RetentionClass, TIERS } from './tiers.ts'

/** A writer looks again so often, ms: what is a little too old goes at the next compaction. */
const rememberMs = 60_000

const noEdges = (): Edges => ({ raw: 0, r15m: 0, r1h: 0 })

export async function readEdges(db: Db, kept: RetentionClass): Promise<Edges> {
  const edges = noEdges()
  const rows = await db
    .selectFrom('retention_edge')
    .select(['tier', 'before_at'])
    .where('class', '=', kept)
    .execute()
  for (const { tier, before_at } of rows) {
    const known = TIERS.find(one => one === tier)
    if (known) edges[known] = before_at
  }
  return edges
}

export async function writeEdges(
  database: Database,
  edges: ReadonlyMap<RetentionClass, Edges>,
): Promise<void> {
  const rows = [...edges].flatMap(([kept, of]) =>
    TIERS.map(tier => ({ class: kept, tier, before_at: of[tier] })),
  )
  await database.put(database.db, 'retention_edge', ['class', 'tier'], rows)
}

/** The edges of raw samples, remembered for a minute. */
export class RawEdges {
  #edges = new Map<RetentionClass, number>()
  #readAt = Number.NEGATIVE_INFINITY

  async load(db: Db): Promise<void> {
    if (performance.now() - this.#readAt < rememberMs) return
    const edges = new Map<RetentionClass, number>()
    for (const kept of RETENTION_CLASSES) edges.set(kept, (await readEdges(db, kept)).raw)
    this.#edges = edges
    this.#readAt = performance.now()
  }

  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY
  }

  of(kept: RetentionClass): number {
    return this.#edges.get(kept) ?? 0
  }
}
