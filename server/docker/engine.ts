// One Docker engine, by dockerode over our own bounded transport: only the reading endpoints that
// monitoring needs, each answer checked by schema. It keeps no state of containers.

import Docker, { type DockerOptions } from 'dockerode'
import type { TSchema } from 'typebox'
import type { AddressPolicy } from '../addresses.ts'
import { AppError } from '../model/errors.ts'
import { parser } from '../validate.ts'
import { parseEngineAddress } from './address.ts'
import {
  containersMax,
  InfoAnswer,
  InspectAnswer,
  ListAnswer,
  type ListedContainer,
  StatsAnswer,
  VersionAnswer,
} from './schema.ts'
import {
  createTransport,
  type Endpoint,
  type TlsTexts,
  type TransportCounters,
} from './transport.ts'

/**
 * Time that an engine may take for one reading of statistics beside the time limit of a call: it
 * waits for its own collector (1 s; without one-shot two of its rounds).
 */
const statsWaitMs = 3000

export interface EngineOptions {
  /** `unix:///path` or `tcp://host:port`. */
  address: string
  /** Where the address names no port. */
  port?: number
  /** PEM texts; present: TLS. Without `ca` the system's authorities are trusted. */
  tls?: TlsTexts
  addresses: AddressPolicy
  /** Time limit of each call, ms. */
  timeoutMs: number
}

export interface EngineCounters extends TransportCounters {
  /** Containers beyond `containersMax` that were not read. */
  dropped: number
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
const statsAnswer = decode(StatsAnswer, "the engine's statistics of a container")

/**
 * Resolves and checks the address; does not connect yet.
 * @throws AppError E_DOCKER_ADDRESS, E_ADDRESS_REFUSED, E_ADDRESS_UNKNOWN (passing)
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const endpoint = await endpointOf(options)
  const calls = connect(endpoint, options.timeoutMs)
  const statsCalls = connect(endpoint, options.timeoutMs + statsWaitMs)
  let dropped = 0

  return {
    name: calls.transport.name,
    get counters() {
      const [a, b] = [calls.transport.counters, statsCalls.transport.counters]
      return {
        requests: a.requests + b.requests,
        bytes: a.bytes + b.bytes,
        errors: a.errors + b.errors,
        dropped,
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
      const all = listAnswer(await calls.docker.listContainers({ all: true, ...within(signal) }))
      dropped += Math.max(0, all.length - containersMax)
      return all.slice(0, containersMax)
    },
    inspect: async (id, signal) =>
      inspectAnswer(await calls.docker.getContainer(id).inspect(within(signal))),
    async stats(id, oneShot, signal) {
      const query = { stream: false as const, ...(oneShot && { 'one-shot': true }) }
      const answer: unknown = await statsCalls.docker
        .getContainer(id)
        .stats({ ...query, ...within(signal) })
      return statsAnswer(answer)
    },
    close() {
      calls.transport.close()
      statsCalls.transport.close()
    },
  }
}

/** Whether this API version (`1.41`) knows `one-shot`; older engines wait for two readings. */
export function knowsOneShot(apiVersion: string): boolean {
  const [major = 0, minor = 0] = apiVersion.split('.').map(Number)
  return major > 1 || (major === 1 && minor >= 41)
}

/** @throws AppError as openEngine */
export async function endpointOf(options: Omit<EngineOptions, 'timeoutMs'>): Promise<Endpoint> {
  const parsed = parseEngineAddress(options.address, options.tls !== undefined, options.port)
  if (parsed.kind === 'unix') return { socketPath: parsed.socketPath }
  return {
    address: await options.addresses.resolve(parsed.host),
    host: parsed.host,
    port: parsed.port,
    tls: parsed.tls ? (options.tls ?? {}) : null,
  }
}

/** What dockerode's own types leave out: the `modem` it takes, and that these calls take a signal. */
interface Abortable {
  ping(options: Within): Promise<unknown>
  version(options: Within): Promise<unknown>
  info(options: Within): Promise<unknown>
}

interface Within {
  abortSignal?: AbortSignal
}

function connect(endpoint: Endpoint, timeoutMs: number) {
  const transport = createTransport(endpoint, timeoutMs)
  const options: DockerOptions & { modem: typeof transport } = { modem: transport }
  return { transport, docker: new Docker(options) as Docker & Abortable }
}

function within(signal: AbortSignal | undefined): Within {
  return signal ? { abortSignal: signal } : {}
}
