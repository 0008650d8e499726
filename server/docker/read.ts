// One read of an engine and all its containers as raw values by path, side by side and bounded.
// It decides what a container that dies in between means; what the values mean is said by profiles.

import { AppError } from '../model/errors.ts'
import type { GroupReading, RawValue } from '../model/raw.ts'
import { type RawTable, tableOf } from '../model/rawtable.ts'
import { ImageDigests } from './digests.ts'
import type { Engine } from './engine.ts'
import { knowsOneShot } from './engine.ts'
import type { ListedContainer, VersionAnswer } from './schema.ts'
import {
  containerName,
  countedValues,
  engineValues,
  inspectedValues,
  isEmptyStats,
  listedValues,
  shortId,
  statsValues,
  textOf,
  timeMs,
  withoutInterim,
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
  /** Of the engine itself. */
  scalars: Values
  /** By short id; null where containers were not wanted. */
  containers: GroupReading | null
  /** What stands behind each name. */
  made: Map<string, Made>
  /** How far the engine's clock is before ours, ms. */
  clockAheadMs: number
}

/** A container as it was made, which is another one when it is made again. */
export interface Made {
  id: string
  image: string
  /** The same as long as the image is; `digest` is how a registry knows it, where one does. */
  imageId: string
  digest: string
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
  digests = new ImageDigests(),
): Promise<EngineReading> {
  const [info, listed] = await Promise.all([
    engine.info(signal),
    withContainers ? engine.containers(signal) : null,
  ])
  const systemMs = timeMs(info.SystemTime)
  const clockAheadMs = systemMs === null ? 0 : systemMs - Date.now()
  const facts = engineValues(info, version)
  if (listed === null) {
    return { scalars: facts, containers: null, made: new Map(), clockAheadMs }
  }

  const oneShot = knowsOneShot(version.ApiVersion)
  const turn = { nowMs: systemMs ?? Date.now(), oneShot, digests, signal }
  const rows = new Map<string, Values>()
  const made = new Map<string, Made>()
  let isPartial = false
  await eachBounded(withoutInterim(listed), async container => {
    const { values, partial } = await readContainer(engine, container, turn)
    if (partial) isPartial = true
    if (!values) return
    rows.set(shortId(container), values)
    made.set(containerName(container), madeOf(container, values))
  })
  return {
    scalars: new Map([...facts, ...countedValues(rows.values())]),
    containers: { table: tableOfRows(rows), partial: isPartial },
    made,
    clockAheadMs,
  }
}

/** Values of the engine itself, as a reading. */
export function oneRow(values: Values): GroupReading {
  return { table: tableOfRows(new Map([['', values]])), partial: false }
}

function madeOf({ Id, Image, ImageID }: ListedContainer, values: Values): Made {
  const imageId = ImageID ?? ''
  return { id: Id, image: Image ?? '', imageId, digest: textOf(values, 'digest') ?? imageId }
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
  digests: ImageDigests
  signal: AbortSignal
}

async function readContainer(
  engine: Engine,
  listed: ListedContainer,
  turn: ContainerTurn,
): Promise<{ values: Values | null; partial: boolean }> {
  const [digest, inspected, stats] = await Promise.all([
    turn.digests.of(engine, listed, turn.signal),
    attempt(engine.inspect(listed.Id, turn.signal), turn.signal),
    COUNTED.has(listed.State ?? '')
      ? attempt(engine.stats(listed.Id, turn.oneShot, turn.signal), turn.signal)
      : null,
  ])
  if (inspected === 'gone') return { values: null, partial: false }
  const values = new Map([
    ...listedValues(listed, turn.nowMs, digest),
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
