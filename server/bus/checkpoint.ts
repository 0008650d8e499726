// Which numbers of which boot need no more care (stored, refused or dropped), as one small file
// beside the spool, so that a restart does not send everything again. Losing it is harmless: what
// is sent twice is stored once.

import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import Type from 'typebox'
import { checker } from '../validate.ts'
import { createRangeSet, type RangeSet } from './ranges.ts'
import type { Segment } from './segment.ts'

const FILE = 'settled.json'

const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })
const Checkpoint = Type.Object({
  v: Type.Literal(1),
  boots: Type.Record(
    Type.String({ maxLength: 32 }),
    Type.Array(Type.Tuple([Whole, Whole]), { maxItems: 1_000_000 }),
  ),
})
const check = checker(Checkpoint)

/** Boot → its settled numbers; empty where the file is missing or broken. */
export async function readCheckpoint(dir: string): Promise<Map<string, RangeSet>> {
  const text = await readFile(path.join(dir, FILE), 'utf8').catch(() => '')
  let document: unknown = null
  try {
    document = JSON.parse(text)
  } catch {
    return new Map()
  }
  const checked = check(document)
  if (!checked.ok) return new Map()
  return new Map(
    Object.entries(checked.value.boots).map(([boot, ranges]) => [boot, createRangeSet(ranges)]),
  )
}

/** Replaces the file at once or not at all. */
export async function writeCheckpoint(
  dir: string,
  settled: ReadonlyMap<string, RangeSet>,
): Promise<void> {
  const boots = Object.fromEntries([...settled].map(([boot, set]) => [boot, set.ranges()]))
  const temporary = path.join(dir, `${FILE}.new`)
  await writeFile(temporary, JSON.stringify({ v: 1, boots }))
  await rename(temporary, path.join(dir, FILE))
}

/** Numbers of boots that no file holds any more need not be remembered. */
export function forgetBoots(
  settled: Map<string, RangeSet>,
  segments: readonly Segment[],
  keep?: string,
): void {
  const alive = new Set(segments.map(segment => segment.boot))
  for (const boot of settled.keys()) if (boot !== keep && !alive.has(boot)) settled.delete(boot)
}
