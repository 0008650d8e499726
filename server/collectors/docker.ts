// The collector for Docker engines: one engine is a device, its containers are the rows of a table.
// What becomes of the values is said by the profiles of `"source": "docker"` (oids/docker.json). Past 300
// lines: check, identify and the reader share how an engine is opened.

import { ImageDigests } from '../docker/digests.ts'
import { type Engine, type EngineOptions, openEngine } from '../docker/engine.ts'
import { dockerGapReason } from '../docker/errors.ts'
import { type Made, oneRow, readEngine } from '../docker/read.ts'
import type { VersionAnswer } from '../docker/schema.ts'
import { streamValues } from '../docker/stats.ts'
import { recreations } from '../docker/told.ts'
import type { DeviceIdentity, SecretRef } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { EventBody } from '../model/event.ts'
import type { GapReason } from '../model/gap.ts'
import type { Reading } from '../model/raw.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { chooseProfiles } from '../profiles/choose.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { Evaluator, FetchRequest } from '../profiles/face.ts'
import { compilePlan } from '../profiles/plan.ts'
import {
  type CheckReport,
  type Collected,
  type Collector,
  type DeviceReader,
  type FailedBody,
  type Surroundings,
  type Target,
  type Tell,
  UNKNOWN_GROUP,
} from './collector.ts'
import { DISK_PREFIX, DiskUse } from './docker-disk.ts'
import { Follower } from './docker-follow.ts'

export const dockerCollector: Collector = {
  kind: 'docker',
  check,
  open: (target, surroundings, tell = () => {}) => new DockerReader(target, surroundings, tell),
}

async function check(
  target: Target,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<CheckReport> {
  const started = performance.now()
  const took = () => Math.round(performance.now() - started)
  let engine: Engine | null = null
  try {
    engine = await openEngine(engineOptions(target, surroundings))
    await engine.ping(signal)
    const identity = await identify(engine, target, surroundings.catalogue, signal)
    return { ok: true, tookMs: took(), identity }
  } catch (error) {
    return {
      ok: false,
      tookMs: took(),
      reason: dockerGapReason(error),
      error: messageOf(error),
      hint: (error instanceof AppError && error.hint) || 'check the address of the engine',
    }
  } finally {
    engine?.close()
  }
}

/** What the engine says it is, and the profiles that are to be read from it. */
async function identify(
  engine: Engine,
  target: Target,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<DeviceIdentity> {
  const [version, info] = await Promise.all([engine.version(signal), engine.info(signal)])
  const { profiles, because } = await choose(catalogue, target)
  const facts: Record<string, string> = {
    vendor: 'Docker',
    version: version.Version,
    api: version.ApiVersion,
    ...(info.Name && { name: info.Name }),
    ...(info.OperatingSystem && { os: info.OperatingSystem }),
    ...(info.KernelVersion && { kernel: info.KernelVersion }),
    ...(info.Architecture && { architecture: info.Architecture }),
    containers: String(info.Containers),
  }
  return { at: Date.now(), profiles: [...profiles], chosenBecause: [...because], facts }
}

function choose(catalogue: Catalogue, target: Target) {
  return chooseProfiles(catalogue, target.config.profiles, {
    source: 'docker',
    sysObjectID: '',
    sysDescr: '',
    exists: async () => new Set(),
  })
}

/** @throws AppError E_DOCKER_ADDRESS where the config names no address */
export function engineOptions(
  { config, secrets }: Pick<Target, 'config' | 'secrets'>,
  { addresses }: Pick<Surroundings, 'addresses'>,
): EngineOptions {
  if (config.address === undefined) {
    throw new AppError('E_DOCKER_ADDRESS', 'the device has no address', {
      hint: 'write unix:///var/run/docker.sock or tcp://host:2376',
    })
  }
  const opened = (field: string, input: string | SecretRef): string => {
    const text = typeof input === 'string' ? input : secrets[input.secret]
    if (text !== undefined) return text
    throw new AppError('E_DOCKER_TLS', `the secret of ${field} is not there`, {
      hint: 'give the text again',
    })
  }
  const tls: Record<string, string> = {}
  for (const [name, input] of Object.entries(config.tls ?? {}))
    tls[name] = opened(`tls.${name}`, input)
  const { ssh } = config
  return {
    address: config.address,
    ...(config.port !== undefined && { port: config.port }),
    ...(config.tls !== undefined && { tls }),
    ...(ssh && { ssh: { key: opened('ssh.key', ssh.key), knownHosts: ssh.knownHosts } }),
    addresses,
    timeoutMs: parseDuration(config.timeout),
  }
}

interface Due {
  /** Group → whether it is a table. */
  groups: ReadonlyMap<string, boolean>
  /** The group that shows the use of the disk, where it is due. */
  disk: string | null
}

class DockerReader implements DeviceReader {
  readonly #target: Target
  readonly #everyMs: number
  readonly #tell: Tell
  readonly #disk = new DiskUse()
  readonly #digests = new ImageDigests()
  /** What stood behind each name when it was last read: so a remaking is seen. */
  readonly #made = new Map<string, Made>()
  #surroundings: Surroundings
  /** What the evaluator at work was made of. */
  #planned: Catalogue | null = null
  #engine: Engine | null = null
  #follower: Follower | null = null
  #version: VersionAnswer | null = null
  #evaluator: Evaluator | null = null
  #identified = false
  #closed = false

  constructor(target: Target, surroundings: Surroundings, tell: Tell) {
    this.#target = target
    this.#surroundings = surroundings
    this.#tell = tell
    this.#everyMs = parseDuration(target.config.every)
    // What was chosen before is enough to name the groups of a first read that fails.
    const { catalogue } = surroundings
    const known = target.identity?.profiles.filter(id => catalogue.profiles.has(id)) ?? []
    if (known.length > 0) this.#plan(catalogue, known)
  }

  async collect(at: number, signal: AbortSignal): Promise<Collected> {
    const started = performance.now()
    this.#follower?.readBegins()
    try {
      return await this.#collect(at, started, signal)
    } finally {
      this.#follower?.readEnded(elapsedMs(started))
    }
  }

  async #collect(at: number, started: number, signal: AbortSignal): Promise<Collected> {
    let evaluator = this.#evaluator
    let due = this.#due(at)
    try {
      const engine = await this.#open()
      const identity = this.#identified ? null : await this.#identify(engine, signal)
      if (this.#evaluator !== evaluator) {
        evaluator = this.#evaluator
        due = this.#due(at)
      }
      const evaluated = await this.#evaluate(engine, due, started, signal)
      return { ...evaluated, identity }
    } catch (error) {
      this.#forgetEngine()
      const reason = dockerGapReason(error)
      const body = failed(reason, messageOf(error), elapsedMs(started))
      const groups = evaluator?.plan.groups.length ? [...due.groups.keys()] : [UNKNOWN_GROUP]
      return { collections: groups.map(group => ({ group, body })), rows: [], identity: null }
    }
  }

  setCatalogue(catalogue: Catalogue): void {
    if (catalogue.version === this.#surroundings.catalogue.version) return
    this.#surroundings = { ...this.#surroundings, catalogue }
    this.#identified = false
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#follower?.close()
    this.#disk.close()
    this.#forgetEngine()
  }

  async #open(): Promise<Engine> {
    if (this.#closed) throw new AppError('E_ABORTED', 'the device is no longer polled')
    this.#engine ??= await openEngine(engineOptions(this.#target, this.#surroundings))
    return this.#engine
  }

  /** After a failure the name is resolved again, and the engine may be another version. */
  #forgetEngine(): void {
    this.#engine?.close()
    this.#engine = null
    this.#version = null
    this.#identified = false
  }

  #plan(catalogue: Catalogue, profiles: readonly string[]): void {
    this.#evaluator = createEvaluator(compilePlan(catalogue, profiles))
    this.#planned = catalogue
  }

  /** Rates go on where nothing changed; other profiles or another catalogue begin them anew. */
  async #identify(engine: Engine, signal: AbortSignal): Promise<DeviceIdentity> {
    const { catalogue } = this.#surroundings
    const identity = await identify(engine, this.#target, catalogue, signal)
    const before = this.#evaluator?.plan.profiles.join()
    if (this.#planned !== catalogue || before !== identity.profiles.join()) {
      this.#plan(catalogue, identity.profiles)
    }
    this.#identified = true
    return identity
  }

  /**
   * Groups to read now, and which of them are tables. An evaluator seldom asks again for what a
   * device does not have; an engine without containers may have one a second later, and asking
   * costs nothing more, so every group without a slower pace of its own is read.
   */
  #due(at: number): Due {
    const evaluator = this.#evaluator
    const requests = evaluator?.due(at, this.#everyMs) ?? []
    const always = evaluator?.plan.groups.filter(group => group.everyMs === null) ?? []
    const isDisk = ({ sources }: FetchRequest) => sources.some(one => one.startsWith(DISK_PREFIX))
    const groups = new Map([
      ...requests.filter(one => !isDisk(one)).map(({ group, table }) => [group, table] as const),
      ...always.map(({ id, table }) => [id, table] as const),
    ])
    return { groups, disk: requests.find(isDisk)?.group ?? null }
  }

  async #evaluate(
    engine: Engine,
    due: Due,
    started: number,
    signal: AbortSignal,
  ): Promise<Omit<Collected, 'identity'>> {
    if (!this.#evaluator || this.#evaluator.plan.groups.length === 0) {
      throw new AppError('E_DOCKER_PROFILE', 'no profile says what to read of this engine', {
        hint: 'the device\'s "profiles" should hold "auto" or "docker"',
      })
    }
    if (due.groups.size === 0) return { collections: [], rows: [] }
    const read = await this.#read(engine, due, signal)
    const disk = due.disk === null ? null : this.#disk.take(engine)
    if (due.disk !== null && disk?.ok) read.groups.set(due.disk, disk.reading)
    const took = elapsedMs(started)
    const { collections, rows } = this.#evaluator.evaluate(read, took)
    const lost =
      due.disk !== null && disk?.ok === false
        ? [{ group: due.disk, body: failed(disk.reason, disk.error, took) }]
        : []
    return { collections: [...collections, ...lost], rows, events: read.events }
  }

  async #read(
    engine: Engine,
    due: Due,
    signal: AbortSignal,
  ): Promise<Reading & { events: EventBody[] }> {
    this.#version ??= await engine.version(signal)
    const withContainers = [...due.groups.values()].includes(true)
    const digests = this.#digests
    const read = await readEngine(engine, this.#version, withContainers, signal, digests)
    this.#follow().clockAheadMs = read.clockAheadMs
    const stream = streamValues(this.#follow().connected)
    const scalars = oneRow(new Map([...read.scalars, ...stream]))
    const groups = [...due.groups].map(([group, table]) => {
      return [group, (table ? read.containers : null) ?? scalars] as const
    })
    const at = Date.now()
    return {
      at,
      monotonicMs: performance.now(),
      upTicks: null,
      groups: new Map(groups),
      events: recreations(this.#made, read.made, at),
    }
  }

  /** From the first read that went well. */
  #follow(): Follower {
    this.#follower ??= new Follower({
      open: () => openEngine(engineOptions(this.#target, this.#surroundings)),
      tell: this.#tell,
    })
    if (this.#closed) this.#follower.close()
    return this.#follower
  }
}

function failed(reason: GapReason, error: string, took: number): FailedBody {
  return { at: Date.now(), took, ok: false, reason, error }
}

function elapsedMs(started: number): number {
  return Math.round(performance.now() - started)
}
