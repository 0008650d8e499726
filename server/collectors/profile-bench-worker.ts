// The thread in which profiles that somebody is writing are looked at and tried: building the catalogue
// takes half a second of CPU, and what a person writes must not stop the program.

import { parentPort } from 'node:worker_threads'
import { addressPolicy } from '../addresses.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { buildCatalogue } from '../profiles/build.ts'
import type { Catalogue, ProfileSource } from '../profiles/catalogue.ts'
import {
  type Draft,
  type DraftDevice,
  type DraftReport,
  reportOf,
  withDraft,
} from '../profiles/draft.ts'
import { compilePlan } from '../profiles/plan.ts'
import { openSession } from '../snmp/open.ts'
import { parseRecording } from '../snmp/recording.ts'
import { recordingSession } from '../snmp/recording-session.ts'
import type { SnmpSession } from '../snmp/session.ts'
import type { Target } from './collector.ts'
import { addressOf, sessionOptions } from './snmp-options.ts'
import { type Tried, type TryCost, trySession } from './snmp-try.ts'

/** Samples that are shown of one try, and of these of one metric. */
const samplesMax = 100
const samplesOfMetricMax = 2
const skippedMax = 100
/** A device is read for at most this long. */
const deviceMsMax = 30_000

export type BenchJob =
  | { do: 'check'; draft: Draft; devices: DraftDevice[] }
  | { do: 'recording'; draft: Draft; bytes: Uint8Array }
  | { do: 'device'; draft: Draft; target: Target; networks: readonly string[] }

export interface BenchRequest {
  id: number
  version: string
  /** The catalogue in force, where the thread does not have it yet. */
  sources: readonly ProfileSource[] | null
  job: BenchJob
}

export interface BenchFailure {
  code: string
  message: string
  hint: string
}

export interface BenchReply {
  id: number
  report: DraftReport | null
  tried: DraftTry | null
  failure: BenchFailure | null
}

/** What a try of the draft alone gave. */
export interface DraftTry {
  /** The device chose the draft, or one that extends it, by itself; else it was added by hand. */
  isChosen: boolean
  profiles: string[]
  chosenBecause: string[]
  device: Record<string, string>
  samples: Tried['samples']
  /** All of the draft's groups; only the first are in `samples`. */
  series: number
  /** For a year's samples: how often each is read, ms; null: with every poll. */
  seriesByInterval: { everyMs: number | null; series: number }[]
  skipped: Tried['skipped']
  cost: TryCost & { tookMs: number | null }
}

let inForce: Catalogue = buildCatalogue([])
/** The last draft, compiled: checked first, it is tried next. */
let last: { key: string; catalogue: Catalogue } | null = null

function compiled(draft: Draft): Catalogue {
  const key = JSON.stringify([inForce.version, draft])
  if (last?.key !== key) last = { key, catalogue: withDraft(inForce.sources, draft) }
  return last.catalogue
}

async function run({ job }: BenchRequest): Promise<Pick<BenchReply, 'report' | 'tried'>> {
  const catalogue = compiled(job.draft)
  if (job.do === 'check') {
    const report = await reportOf(inForce, catalogue, job.draft.id, job.devices)
    return { report, tried: null }
  }
  const tried =
    job.do === 'recording'
      ? await tryRecording(catalogue, job.draft, job.bytes)
      : await tryDevice(catalogue, job.draft, job)
  return { report: null, tried }
}

async function tryRecording(
  catalogue: Catalogue,
  { id }: Draft,
  bytes: Uint8Array,
): Promise<DraftTry> {
  const recording = parseRecording(bytes)
  if (recording.oids.length === 0) {
    throw new AppError('E_RECORDING', 'the recording has no value in it', {
      hint: 'a recording has lines OID|TAG|VALUE',
    })
  }
  const session = recordingSession(recording)
  const tried = await tryDraft(catalogue, id, ['auto'], () => session, new AbortController().signal)
  return { ...tried, cost: { ...tried.cost, tookMs: null } }
}

async function tryDevice(
  catalogue: Catalogue,
  { id }: Draft,
  { target, networks }: Extract<BenchJob, { do: 'device' }>,
): Promise<DraftTry> {
  const address = await addressPolicy(networks).resolve(addressOf(target))
  const opened: SnmpSession[] = []
  try {
    return await tryDraft(
      catalogue,
      id,
      target.config.profiles,
      quirks => {
        const session = openSession(sessionOptions(target, address, quirks))
        opened.push(session)
        return session
      },
      AbortSignal.timeout(deviceMsMax),
    )
  } finally {
    for (const session of opened) session.close()
  }
}

async function tryDraft(
  catalogue: Catalogue,
  id: string,
  wanted: readonly string[],
  open: Parameters<typeof trySession>[0]['open'],
  signal: AbortSignal,
): Promise<DraftTry> {
  const profile = catalogue.profiles.get(id)
  if (!profile) {
    throw new AppError('E_PROFILE', 'the profile has errors, or is abstract', {
      hint: 'mend it first: what is wrong is listed',
    })
  }
  if (profile.source !== 'snmp') {
    throw new AppError(
      'E_PROFILE',
      `a profile of source "${profile.source}" cannot be tried here`,
      {
        hint: 'for messages there is "pollux profiles try --mqtt"',
      },
    )
  }
  let isChosen = true
  const tried = await trySession(
    {
      catalogue,
      wanted,
      open,
      apart: new Set(profile.groups),
      planOf(of, profiles) {
        isChosen = profiles.some(
          one => one === id || of.profiles.get(one)?.definition.ancestors.has(id),
        )
        return compilePlan(of, isChosen ? [...profiles] : [...profiles, id])
      },
    },
    signal,
  )
  const isOwn = (metric: string) => profile.groups.includes(metric.split('.')[0] ?? '')
  const own = tried.samples.filter(({ metric }) => isOwn(metric))
  const everyOf = (metric: string) =>
    profile.definition.groups.get(metric.split('.')[0] ?? '')?.everyMs ?? null
  const byInterval = Map.groupBy(own, ({ metric }) => everyOf(metric))
  return {
    isChosen,
    profiles: tried.profiles,
    chosenBecause: tried.chosenBecause,
    device: tried.device,
    samples: [...Map.groupBy(own, ({ metric }) => metric).values()]
      .flatMap(of => of.slice(0, samplesOfMetricMax))
      .slice(0, samplesMax),
    series: own.length,
    seriesByInterval: [...byInterval].map(([everyMs, { length }]) => ({ everyMs, series: length })),
    skipped: tried.skipped
      .filter(({ what }) => isOwn(what) || what === 'rows')
      .slice(0, skippedMax),
    cost: tried.apart,
  }
}

function failureOf(error: unknown): BenchFailure {
  const { code = 'E_PROFILE', hint = '' } = error instanceof AppError ? error : {}
  return { code, message: messageOf(error), hint }
}

/** One after the other: a job's catalogue is large. */
let queue = Promise.resolve()

parentPort?.on('message', (request: BenchRequest) => {
  queue = queue.then(async () => {
    let reply: BenchReply
    try {
      if (request.sources) inForce = buildCatalogue(request.sources)
      reply = { id: request.id, ...(await run(request)), failure: null }
    } catch (error) {
      reply = { id: request.id, report: null, tried: null, failure: failureOf(error) }
    }
    parentPort?.postMessage(reply)
  })
})
