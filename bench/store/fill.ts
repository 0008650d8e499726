// A store filled by a fleet of devices, what that cost, and charts read from it.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Store } from '../../server/store/contract.ts'
import { type Cost, counted, type Engine, rateOf, say, timesOf } from './engines.ts'
import { deviceOf, rowsOf } from './mix.ts'
import { watchTurns } from './turns.ts'

const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** Collections in one batch, as ingest makes them. */
const BATCH = 200
/** Different devices; a larger fleet sends the same values under other names. */
const TEMPLATES_MAX = 500
/** A Thursday. */
export const T0 = Date.UTC(2026, 0, 1)

type Sender = (at: number) => AcceptedCollection

export async function makeDevices(store: Store, from: number, count: number): Promise<number[]> {
  const uids: number[] = []
  for (let index = from; index < from + count; index++) {
    const id = `dev-${index}`
    const config = {
      ...{ id, name: id, kind: 'snmp' as const, profiles: ['auto'], every: '60s' },
      ...{ timeout: '2s', retries: 1, enabled: true },
    }
    uids.push((await store.devices.create(config, 'api', 0)).uid)
  }
  return uids
}

function sendersOf(uids: readonly number[], series: number): Sender[] {
  const templates = uids.slice(0, TEMPLATES_MAX).map(uid => deviceOf(uid, series))
  return uids.map((deviceUid, index) => {
    const next = templates[index % templates.length]
    return at => ({ ...(next ?? deviceOf(deviceUid, series))(at), deviceUid })
  })
}

/** Steps until nothing is left to do at that time. @returns the longest step, ms */
async function maintain({ store }: Engine, now: number): Promise<number> {
  let longest = 0
  for (;;) {
    const began = performance.now()
    if ((await store.maintenance.step(now)) === 'idle') return longest
    longest = Math.max(longest, performance.now() - began)
  }
}

/** Every device once a minute; every four hours, and at the end, what is closed is compacted. */
export async function fill(
  engine: Engine,
  uids: readonly number[],
  series: number,
  hours: number,
): Promise<void> {
  const senders = sendersOf(uids, series)
  const write = writer(engine)
  // Series are registered once in the life of a device.
  await write(senders.map(next => next(T0)))
  const writing: Cost = { client: 0, server: 0 }
  const compacting: Cost = { client: 0, server: 0 }
  const loop = monitorEventLoopDelay({ resolution: 1 })
  let longest = 0
  let longestTurn = 0
  const compact = async (until: number) => {
    loop.enable()
    const turns = watchTurns()
    const step = await counted(engine, compacting, () => maintain(engine, until))
    loop.disable()
    longestTurn = Math.max(longestTurn, turns.end())
    longest = Math.max(longest, step)
  }
  for (let minute = 1; minute < hours * 60; minute += 4) {
    const collections = Array.from({ length: Math.min(4, hours * 60 - minute) }, (_, more) =>
      senders.map(next => next(T0 + (minute + more) * MINUTE)),
    ).flat()
    await counted(engine, writing, () => write(collections))
    if (minute % 240 > 236) await compact(T0 + minute * MINUTE + 7 * MINUTE)
  }
  for (const later of [4 * HOUR, DAY, 8 * DAY, 9 * DAY]) await compact(T0 + hours * HOUR + later)
  const samples = uids.length * series * hours * 60
  const both = {
    client: writing.client + compacting.client,
    server: writing.server + compacting.server,
  }
  say(
    `${engine.name}: ${uids.length} devices, ${series} series each, ${hours} h: ${samples} samples`,
  )
  say(`  write: ${rateOf(writing, samples)}`)
  say(
    `  compaction and roll-ups: ${rateOf(compacting, samples)}; longest step ${longest.toFixed(0)} ms`,
  )
  say(`  together: ${rateOf(both, samples)}`)
  const delay = (q: number) => (loop.percentile(q) / 1e6 - 1).toFixed(1)
  say(
    `  event loop while compacting at full speed: p99 ${delay(99)}, longest ${delay(100)} ms late; ` +
      `the most CPU between two looks at the clock ${longestTurn.toFixed(0)} ms`,
  )
  await sayBytes(engine, samples)
}

function writer({ store }: Engine): (collections: readonly AcceptedCollection[]) => Promise<void> {
  return async collections => {
    for (let from = 0; from < collections.length; from += BATCH) {
      await store.samples.write(collections.slice(from, from + BATCH))
    }
  }
}

async function sayBytes(engine: Engine, samples: number): Promise<void> {
  const sizes = Object.entries(await engine.sizes())
  const each = sizes.map(([kind, bytes]) => `${kind} ${(bytes / samples).toFixed(2)}`).join(', ')
  const all = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  say(`  at rest on disk: ${(all / samples).toFixed(2)} bytes per sample (${each})`)
}

/** A year of a few devices, read every 15 minutes: as many blocks of roll-ups as at any interval. */
export async function fillYear(
  engine: Engine,
  uids: readonly number[],
  series: number,
  began: number,
): Promise<void> {
  const senders = sendersOf(uids, series)
  const write = writer(engine)
  for (let day = 0; day < 365; day++) {
    const minutes = Array.from({ length: 96 }, (_, index) => index * 15 * MINUTE)
    for (const at of minutes) await write(senders.map(next => next(began + day * DAY + at)))
    if (day % 20 === 19) await maintain(engine, began + (day + 1) * DAY)
  }
  for (const day of [365, 366, 373]) await maintain(engine, began + day * DAY)
  const samples = uids.length * series * 365 * 96
  say(`${engine.name}: a year of ${uids.length} devices: ${samples} samples`)
}

/** Charts of 10 series and 500 points. */
export async function charts(
  { store }: Engine,
  what: string,
  uids: readonly number[],
  to: number,
  span: number,
): Promise<void> {
  const took: number[] = []
  const before = process.cpuUsage()
  let points = 0
  for (let index = 0; index < 300; index++) {
    const began = performance.now()
    const read = await store.samples.read({
      deviceUid: uids[(index * 7) % uids.length] ?? 0,
      ...{ group: 'interface', metrics: [`m${index % 10}`], rows: rowsOf(100) },
      ...{ from: to - span, to: to - 1, points: 500 },
    })
    took.push(performance.now() - began)
    points = read.reduce((sum, one) => sum + one.points.length, 0)
  }
  const { user, system } = process.cpuUsage(before)
  const cpu = ((user + system) / 1000 / took.length).toFixed(1)
  say(`  chart of ${what}, 10 series, ${points} points: ${timesOf(took)}; ${cpu} ms of CPU here`)
}
