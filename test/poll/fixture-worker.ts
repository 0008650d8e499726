// A poll thread with a made-up collector behind the real protocol: what a device does is written as
// JSON in its address, so that a test can make it slow, wrong, or deadly for its thread.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import {
  type Collected,
  type Collector,
  type DeviceReader,
  type FailedBody,
  type ReadOptions,
  type Target,
  type Tell,
  UNKNOWN_GROUP,
} from '../../server/collectors/collector.ts'
import type { DeviceTuning } from '../../server/model/device.ts'
import type { EventBody } from '../../server/model/event.ts'
import type { GapReason } from '../../server/model/gap.ts'
import { serveThread } from '../../server/poll/serve.ts'
import type { Catalogue, ProfileSource } from '../../server/profiles/catalogue.ts'

export interface Behaviour {
  tookMs?: number
  /** Busy CPU of each read. */
  spinMs?: number
  groups?: string[]
  /** Rows of each collection; none: scalars. */
  rows?: number
  fails?: GapReason
  bug?: 'throw' | 'reject' | 'not-json'
  /** Ends the thread while this file exists (or always, without one). */
  deadly?: 'throw' | 'exit' | 'oom' | 'loop' | 'arrays' | 'buffers' | 'native'
  /** How long `native` cannot be interrupted. */
  nativeSeconds?: number
  flag?: string
  /** From this read on it takes `slowMs`, or for ever where it ignores its abort. */
  slowFrom?: number
  slowMs?: number
  ignoresAbort?: boolean
  cannotOpen?: boolean
  /** Silent while this file exists. */
  silentWhile?: string
  /** How long it takes to find that out. */
  silentMs?: number
  /** Tells at its first read that it learned a timeout of so many ms. */
  learns?: number
  /** Its first read holds an event; a moment after it, it tells another one. */
  tells?: boolean
}

/** Goes fast to 180 MB, then slowly on, and never back to the event loop. */
function hoard(megabyte: (i: number) => unknown): never {
  const kept: unknown[] = []
  for (;;) {
    kept.push(megabyte(kept.length))
    if (kept.length > 180) spin(50)
  }
}

function die({ deadly: how, nativeSeconds = 10 }: Behaviour): void {
  if (how === undefined) return
  if (how === 'arrays') hoard(i => new Array(131_072).fill(i + 0.5))
  if (how === 'buffers') hoard(i => Buffer.alloc(2 ** 20, i))
  if (how === 'native') {
    spawnSync('sleep', [String(nativeSeconds)], { stdio: 'ignore' })
    return
  }
  if (how === 'exit') process.exit(3)
  if (how === 'loop') for (;;) Math.random()
  if (how === 'oom') {
    const hoard: Record<string, string>[] = []
    for (;;) {
      const names = Array.from({ length: 20 }, (_, i) => [`k${i}`, `v${hoard.length}.${i}`])
      hoard.push(Object.fromEntries(names))
    }
  }
  setImmediate(() => {
    throw new Error('a bug outside of any read')
  })
}

function spin(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) Math.random()
}

async function wait(behaviour: Behaviour, reads: number, signal: AbortSignal): Promise<void> {
  const slow = reads >= (behaviour.slowFrom ?? 1)
  if (slow && behaviour.ignoresAbort) await new Promise(() => {})
  const usual = behaviour.tookMs ?? 1
  await sleep(slow ? (behaviour.slowMs ?? usual) : usual, undefined, { signal })
}

function learnedBy({ learns }: Behaviour, reads: number): DeviceTuning | null {
  if (learns === undefined || reads > 1) return null
  const snmp = {
    srttMs: 1,
    rttvarMs: 1,
    timeoutMs: learns,
    inFlight: 1,
    messageBytes: 1472,
    bulk: true,
    oidsPerGet: 20,
    columnsPerRequest: 10,
    tables: {},
  }
  return { at: Date.now(), snmp, kindness: { factor: 1, reason: null, since: null } }
}

function bodyOf(
  behaviour: Behaviour,
  reads: number,
  at: number,
  took: number,
  catalogue: string,
  learned: number | null,
) {
  const rows = behaviour.rows
  if (behaviour.fails) {
    const error = `made to fail: ${behaviour.fails}`
    return { at: Date.now(), took, ok: false, reason: behaviour.fails, error } satisfies FailedBody
  }
  const facts = { reads, learned, thread: threadId, scheduled: at, catalogue }
  if (rows === undefined) return { at: Date.now(), took, ok: true as const, metrics: facts }
  const names = Array.from({ length: rows }, (_, i) => `row ${i}`)
  const values = names.map((_, i) => i)
  return { at: Date.now(), took, ok: true as const, rows: names, metrics: { value: values } }
}

const eventOf = (name: string): EventBody => ({
  ...{ at: Date.now(), kind: 'docker', severity: 'info', name, text: `told ${name}` },
})

function eventsOf({ tells }: Behaviour, reads: number, tell?: Tell): EventBody[] {
  if (!tells || reads > 1) return []
  setTimeout(() => tell?.({ events: [eventOf('between')] }), 50)
  return [eventOf('read')]
}

function open(target: Target, initial: Catalogue, tell?: Tell): DeviceReader {
  const behaviour: Behaviour = JSON.parse(target.config.address ?? '{}')
  if (behaviour.cannotOpen) throw new Error(`cannot open with ${Object.values(target.secrets)}`)
  let catalogue = initial.version
  const learned = target.tuning?.snmp?.timeoutMs ?? null
  let reads = 0
  const groups = behaviour.groups ?? ['main']

  const silence = async (
    { probe }: ReadOptions,
    signal: AbortSignal,
  ): Promise<Collected | null> => {
    if (!behaviour.silentWhile || !existsSync(behaviour.silentWhile)) return null
    await sleep(behaviour.silentMs ?? 1, undefined, { signal })
    const silent = { reason: 'timeout', error: probe ? 'still silent' : 'went silent' } as const
    const body: FailedBody = { at: Date.now(), took: 1, ok: false, ...silent }
    const collections = probe ? [] : groups.map(group => ({ group, body }))
    return { collections, rows: [], identity: null, silent }
  }

  const collect = async (
    at: number,
    signal: AbortSignal,
    options: ReadOptions,
  ): Promise<Collected> => {
    const startedAt = performance.now()
    const silent = await silence(options, signal)
    if (silent) return silent
    reads++
    if (behaviour.flag === undefined || existsSync(behaviour.flag)) die(behaviour)
    if (behaviour.bug === 'reject') throw new Error(`a bug with ${Object.values(target.secrets)}`)
    await wait(behaviour, reads, signal)
    spin(behaviour.spinMs ?? 0)
    const body = bodyOf(behaviour, reads, at, performance.now() - startedAt, catalogue, learned)
    if (behaviour.bug === 'not-json') Object.assign(body, { at: 1n })
    const identity =
      reads === 1 && target.identity === null
        ? { at: Date.now(), profiles: ['fake'], chosenBecause: ['always'], facts: {} }
        : null
    const under = behaviour.fails && reads === 1 ? [UNKNOWN_GROUP] : groups
    const info = { v: 1, at, units: {}, rows: [] }
    return {
      collections: under.map(group => ({ group, body })),
      rows: reads === 1 && body.ok ? [{ group: 'main', body: info }] : [],
      events: eventsOf(behaviour, reads, tell),
      identity,
      tuning: learnedBy(behaviour, reads),
    }
  }
  return {
    collect(at, signal, options = { probe: false }) {
      if (behaviour.bug === 'throw') throw new Error('a bug before the first await')
      return collect(at, signal, options)
    },
    setCatalogue(next) {
      catalogue = next.version
    },
    async close() {},
  }
}

const fake: Collector = {
  kind: 'snmp',
  check: async () => ({ ok: false, tookMs: 0, reason: 'decode', error: 'not here', hint: '' }),
  open: (target, { catalogue }, tell) => open(target, catalogue, tell),
}

const buildCatalogue = (sources: readonly ProfileSource[]): Catalogue => ({
  version: sources.map(source => source.id).join(' '),
  profiles: new Map(),
  problems: [],
  sources,
})

if (!parentPort) throw new Error('this file runs in a worker thread only')
serveThread({ port: parentPort, init: workerData, collectors: { snmp: fake }, buildCatalogue })
