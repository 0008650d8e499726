// One read of an engine and all its containers as raw values by path, side by side and bounded.
// It decides what a container that dies in between means; what the values mean is said by profiles.

import { AppError } from '../model/errors.ts'
import type { GroupReading, RawValue } from '../model/raw.ts'
import { type RawTable, tableOf } from '../model/rawtable.ts'
import type { Engine } from './engine.ts'
import { knowsOneShot } from './engine.ts'
import type { ListedContainer, VersionAnswer } from './schema.ts'
import {
  engineValues,
  inspectedValues,
  isEmptyStats,
  listedValues,
  shortId,
  statsValues,
  timeMs,
} from './stats.ts'

/**
 * Containers asked about at a time. An engine before 23.0 answers a reading of statistics only with
 * the next round of its collector, up to 1 s later, so many must wait side by side.
 */
const containersAtOnceMax = 250

/** States of which the engine has statistics. */
const COUNTED = new Set(['running', 'paused'])

type Values = Map<string, RawValue>

export interface EngineReading {
  scalars: GroupReading
  /** By short id; null where containers were not wanted. */
  containers: GroupReading | null
}

/**
 * Engine facts and, `withContainers`, every container's state and statistics. A container that is
 * gone between the list and its turn is left out; one that cannot be read makes the table partial.
 * @throws AppError as the calls of Engine, where the engine as a whole did not answer
 */
export async function readEngine(
  engine: Engine,
  version: VersionAnswer,
  withContainers: boolean,
  signal: AbortSignal,
): Promise<EngineReading> {
  const [info, listed] = await Promise.all([
    engine.info(signal),
    withContainers ? engine.containers(signal) : null,
  ])
  const scalars = {
    table: tableOfRows(new Map([['', engineValues(info, version)]])),
    partial: false,
  }
  if (listed === null) return { scalars, containers: null }

  const nowMs = timeMs(info.SystemTime) ?? Date.now()
  const oneShot = knowsOneShot(version.ApiVersion)
  const rows = new Map<string, Values>()
  let isPartial = false
  await eachBounded(listed, async container => {
    const { values, partial } = await readContainer(engine, container, { nowMs, oneShot, signal })
    if (partial) isPartial = true
    if (values) rows.set(shortId(container), values)
  })
  return { scalars, containers: { table: tableOfRows(rows), partial: isPartial } }
}

function tableOfRows(rows: ReadonlyMap<string, Values>): RawTable {
  const columns = new Map<string, Map<string, RawValue>>()
  for (const [index, values] of rows) {
    for (const [path, value] of values) {
      const column = columns.get(path) ?? new Map<string, RawValue>()
      columns.set(path, column.set(index, value))
    }
  }
  return tableOf([...rows.keys()], columns)
}

interface ContainerTurn {
  nowMs: number
  oneShot: boolean
  signal: AbortSignal
}

async function readContainer(
  engine: Engine,
  listed: ListedContainer,
  turn: ContainerTurn,
): Promise<{ values: Values | null; partial: boolean }> {
  const [inspected, stats] = await Promise.all([
    attempt(engine.inspect(listed.Id, turn.signal), turn.signal),
    COUNTED.has(listed.State ?? '')
      ? attempt(engine.stats(listed.Id, turn.oneShot, turn.signal), turn.signal)
      : null,
  ])
  if (inspected === 'gone') return { values: null, partial: false }
  const values = new Map([
    ...listedValues(listed),
    ...(inspected === 'failed' ? [] : inspectedValues(inspected, turn.nowMs)),
    ...(stats === null || stats === 'gone' || stats === 'failed' || isEmptyStats(stats)
      ? []
      : statsValues(stats)),
  ])
  return { values, partial: inspected === 'failed' || stats === 'failed' }
}

/** A container that died is no failure; an abort of the whole read is. */
async function attempt<T>(call: Promise<T>, signal: AbortSignal): Promise<T | 'gone' | 'failed'> {
  try {
    return await call
  } catch (error) {
    if (signal.aborted) throw error
    return error instanceof AppError && error.code === 'E_DOCKER_GONE' ? 'gone' : 'failed'
  }
}

async function eachBounded<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await act(item)
  }
  await Promise.all(Array.from({ length: Math.min(containersAtOnceMax, items.length) }, worker))
}
