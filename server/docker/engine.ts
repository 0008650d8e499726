// One Docker engine, by dockerode over our own bounded transport: only the reading endpoints that
// monitoring needs, each answer checked by schema. It keeps no state of containers.

import Docker, { type DockerOptions } from 'dockerode'
import type { TSchema } from 'typebox'
import type { AddressPolicy } from '../addresses.ts'
import { AppError } from '../model/errors.ts'
import { parser } from '../validate.ts'
import { type ContainerEvent, eventsOf } from './events.ts'
import {
  containersMax,
  DiskAnswer,
  ImageAnswer,
  InfoAnswer,
  InspectAnswer,
  ListAnswer,
  type ListedContainer,
  StatsAnswer,
  VersionAnswer,
} from './schema.ts'
import type { SshTexts, Tunnel } from './ssh.ts'
import { KEPT_LABELS } from './stats.ts'
import {
  createTransport,
  type Endpoint,
  type TlsTexts,
  type TransportCounters,
} from './transport.ts'
import { wayTo } from './way.ts'

/**
 * Time that an engine may take for one reading of statistics beside the time limit of a call: it
 * waits for its own collector (1 s; without one-shot two of its rounds).
 */
const statsWaitMs = 3000
/** Names of one image in registries that are kept. */
const digestsMax = 20
/** Time that an engine may take to count what lies on its disk: it walks over all of it. */
const diskWaitMs = 120_000

export interface EngineOptions {
  /** `unix:///path`, `tcp://host:port` or `ssh://user@host`. */
  address: string
  /** Where the address names no port. */
  port?: number
  /** PEM texts; present: TLS. Without `ca` the system's authorities are trusted. */
  tls?: TlsTexts
  /** For an ssh:// address. */
  ssh?: SshTexts
  addresses: AddressPolicy
  /** Time limit of each call, ms. */
  timeoutMs: number
}

export interface EngineCounters extends TransportCounters {
  /** Containers beyond `containersMax` that were not read. */
  dropped: number
  /** Lines of the stream of events that were none, or too long. */
  badLines: number
}

/**
 * All calls reject with AppError: E_DOCKER_UNREACHABLE, E_DOCKER_TIMEOUT (both passing),
 * E_DOCKER_PERMISSION, E_DOCKER_TLS, E_DOCKER_DECODE, E_DOCKER_TOO_BIG, E_DOCKER_GONE (no such
 * container), E_DOCKER_ERROR (any other refusal), E_ABORTED (the signal).
 */
export interface Engine {
  ping(signal?: AbortSignal): Promise<void>
  version(signal?: AbortSignal): Promise<VersionAnswer>
  info(signal?: AbortSignal): Promise<InfoAnswer>
  /** All containers, also those that do not run; at most `containersMax`. */
  containers(signal?: AbortSignal): Promise<ListedContainer[]>
  inspect(id: string, signal?: AbortSignal): Promise<InspectAnswer>
  /** One reading without waiting for a second one, where the engine can (API 1.41). */
  stats(id: string, oneShot: boolean, signal?: AbortSignal): Promise<StatsAnswer>
  /** What an image is called in registries, as `name@sha256:…`; at most `digestsMax`. */
  repoDigests(imageId: string): Promise<string[]>
  /** Bytes on the engine's disk. Dear: the engine walks over all of it, for seconds or minutes. */
  disk(signal?: AbortSignal): Promise<DiskAnswer>
  /**
   * What happens to containers from now on, or after `since` as far as the engine remembers (the
   * last 256 events). It resolves when the engine has begun the stream, which ends by the signal, by
   * the engine or by an error of the connection.
   */
  events(since: string | null, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>>
  /** The socket's path, or host and port. */
  readonly name: string
  readonly counters: Readonly<EngineCounters>
  /** Closes idle connections; may be called twice. */
  close(): void
}

const decode = <T extends TSchema>(schema: T, what: string) =>
  parser(schema, 'E_DOCKER_DECODE', what)
const versionAnswer = decode(VersionAnswer, "the engine's answer to /version")
const infoAnswer = decode(InfoAnswer, "the engine's answer to /info")
const listAnswer = decode(ListAnswer, "the engine's list of containers")
const inspectAnswer = decode(InspectAnswer, "the engine's answer about a container")
const imageAnswer = decode(ImageAnswer, "the engine's answer about an image")
const diskAnswer = decode(DiskAnswer, "the engine's answer to /system/df")
const statsAnswer = decode(StatsAnswer, "the engine's statistics of a container")

/**
 * Resolves and checks the address; does not connect yet.
 * @throws AppError as wayTo
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { endpoint, tunnel } = await wayTo(options)
  const calls = connect(endpoint, options.timeoutMs, tunnel)
  const statsCalls = connect(endpoint, options.timeoutMs + statsWaitMs, tunnel)
  const diskCalls = connect(endpoint, diskWaitMs, tunnel)
  const all = [calls, statsCalls, diskCalls]
  const lines = { dropped: 0 }
  let dropped = 0

  return {
    name: calls.transport.name,
    get counters() {
      const total = (name: keyof TransportCounters) =>
        all.reduce((sum, { transport }) => sum + transport.counters[name], 0)
      return {
        requests: total('requests'),
        bytes: total('bytes'),
        errors: total('errors'),
        dropped,
        badLines: lines.dropped,
      }
    },
    async ping(signal) {
      const answer: unknown = await calls.docker.ping(within(signal))
      if (answer !== 'OK') {
        throw new AppError('E_DOCKER_DECODE', `${calls.transport.name} is no Docker engine`, {
          hint: 'it answered /_ping with something other than OK',
        })
      }
    },
    version: async signal => versionAnswer(await calls.docker.version(within(signal))),
    info: async signal => infoAnswer(await calls.docker.info(within(signal))),
    async containers(signal) {
      const listed = listAnswer(await calls.docker.listContainers({ all: true, ...within(signal) }))
      dropped += Math.max(0, listed.length - containersMax)
      return listed.slice(0, containersMax).map(kept)
    },
    inspect: async (id, signal) =>
      withoutConfig(inspectAnswer(await calls.docker.getContainer(id).inspect(within(signal)))),
    async stats(id, oneShot, signal) {
      const query = { stream: false as const, ...(oneShot && { 'one-shot': true }) }
      const answer: unknown = await statsCalls.docker
        .getContainer(id)
        .stats({ ...query, ...within(signal) })
      return statsAnswer(answer)
    },
    async repoDigests(imageId) {
      const { RepoDigests } = imageAnswer(await calls.docker.getImage(imageId).inspect())
      return (RepoDigests ?? []).slice(0, digestsMax)
    },
    disk: async signal => diskAnswer(await diskCalls.docker.df(within(signal))),
    async events(since, signal) {
      const filters = JSON.stringify({ type: ['container'] })
      const query = { filters, ...(since !== null && { since }), abortSignal: signal }
      return eventsOf(await calls.docker.getEvents(query), lines)
    },
    close() {
      for (const { transport } of all) transport.close()
      tunnel?.close()
    },
  }
}

/** Of what an engine says of a container, only what is used: Env and Cmd may hold secrets. */
function withoutConfig({ RestartCount, State }: InspectAnswer): InspectAnswer {
  const { Status, ExitCode = null, OOMKilled = null, StartedAt = null } = State
  const Health = State.Health ? { Status: State.Health.Status ?? null } : null
  return {
    RestartCount: RestartCount ?? null,
    State: { Status, ExitCode, OOMKilled, StartedAt, Health },
  }
}

/** Labels may hold anything, so that only Compose's are kept; `Command` is not kept either. */
function kept({
  Id,
  Names = null,
  Image = null,
  ImageID = null,
  Created = null,
  State = null,
  Labels,
}: ListedContainer): ListedContainer {
  const labels: Record<string, string> = {}
  for (const name of KEPT_LABELS) {
    const value = Labels?.[name]
    if (value !== undefined) labels[name] = value
  }
  return { Id, Names, Image, ImageID, Created, State, Labels: labels }
}

/** Whether this API version (`1.41`) knows `one-shot`; older engines wait for two readings. */
export function knowsOneShot(apiVersion: string): boolean {
  const [major = 0, minor = 0] = apiVersion.split('.').map(Number)
  return major > 1 || (major === 1 && minor >= 41)
}

/** What dockerode's own types leave out: the `modem` it takes, and that these calls take a signal. */
interface Abortable {
  ping(options: Within): Promise<unknown>
  version(options: Within): Promise<unknown>
  info(options: Within): Promise<unknown>
  df(options: Within): Promise<unknown>
  getEvents(options: Within & { filters: string; since?: string }): Promise<AsyncIterable<Buffer>>
}

interface Within {
  abortSignal?: AbortSignal
}

function connect(endpoint: Endpoint, timeoutMs: number, tunnel: Tunnel | null) {
  const transport = createTransport(endpoint, timeoutMs, tunnel)
  const options: DockerOptions & { modem: typeof transport } = { modem: transport }
  return { transport, docker: new Docker(options) as Docker & Abortable }
}

function within(signal: AbortSignal | undefined): Within {
  return signal ? { abortSignal: signal } : {}
}
