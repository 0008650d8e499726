// The writing side of the Engine API, as far as a fleet needs it: images, networks, volumes and
// containers are made and removed. What is to be there is decided by fleet/.

import Type from 'typebox'
import { AppError } from '../model/errors.ts'
import { checker, parseJson, parser } from '../validate.ts'
import { type Caller, openCaller } from './call.ts'
import type { EngineOptions } from './engine.ts'
import { ListedContainer } from './schema.ts'
import { containerName } from './stats.ts'

/** Seconds that a container has to end by itself before it is killed. */
const stopSeconds = 10
/** A registry that says nothing for so long is given up, ms. */
const pullSilenceMs = 120_000
/** A pull as a whole, ms. */
const pullMsMax = 60 * 60_000
/** Bytes of one line of a pull's progress. */
const progressLineMax = 64 * 1024

export interface PortBinding {
  /** Empty: all addresses of the host. */
  hostAddress: string
  hostPort: number
  port: number
  protocol: 'tcp' | 'udp' | 'sctp'
}

export interface NewContainer {
  name: string
  image: string
  command: readonly string[] | null
  env: Readonly<Record<string, string>>
  labels: Readonly<Record<string, string>>
  ports: readonly PortBinding[]
  /** Cores; null: no limit. */
  cpus: number | null
  memoryBytes: number | null
  /** A network's name, or `bridge`, `host`, `none`. */
  network: string
  /** Names under which others of the network find it. */
  aliases: readonly string[]
  /** As `docker run --volume`. */
  volumes: readonly string[]
  restart: string
}

export interface Deployed {
  id: string
  name: string
  image: string
  state: string
  /** `Up 3 minutes`, as the engine says. */
  status: string
  labels: Readonly<Record<string, string>>
}

/** All calls reject with the errors of Engine. */
export interface Deployer {
  readonly name: string
  /** All containers of the engine, also those that do not run. */
  containers(): Promise<Deployed[]>
  /** The id of an image that lies on the engine, or null. */
  imageId(image: string): Promise<string | null>
  /** @throws AppError E_DOCKER_PULL with what the registry or the engine said */
  pull(image: string): Promise<void>
  create(container: NewContainer): Promise<string>
  start(id: string): Promise<void>
  /** Stops it, and removes it with its unnamed volumes; one that is gone already is fine. */
  remove(id: string): Promise<void>
  /** Names of networks or volumes that bear this label. */
  labelled(kind: 'networks' | 'volumes', label: string): Promise<string[]>
  /**
   * Makes what is missing.
   * @returns false where it was there with these labels
   * @throws AppError E_DOCKER_FOREIGN where one of the name has not these labels: it is somebody else's
   */
  ensure(kind: 'networks' | 'volumes', name: string, labels: Labels): Promise<boolean>
  removeNamed(kind: 'networks' | 'volumes', name: string): Promise<void>
  close(): void
}

type Labels = Readonly<Record<string, string>>

const containersAnswer = parser(
  Type.Array(Type.Intersect([ListedContainer, Type.Object({ Status: Type.String() })])),
  'E_DOCKER_DECODE',
  "the engine's list of containers",
)
const idAnswer = parser(
  Type.Object({ Id: Type.String() }),
  'E_DOCKER_DECODE',
  "the engine's answer",
)
const Named = Type.Array(
  Type.Object({
    Name: Type.String(),
    Labels: Type.Optional(Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()])),
  }),
)
const networksAnswer = parser(Named, 'E_DOCKER_DECODE', "the engine's list of networks")
const volumesAnswer = parser(
  Type.Object({ Volumes: Type.Union([Named, Type.Null()]) }),
  'E_DOCKER_DECODE',
  "the engine's list of volumes",
)
const checkPullError = checker(Type.Object({ error: Type.String() }))

/** @throws AppError as openEngine */
export async function openDeployer(options: EngineOptions): Promise<Deployer> {
  const calls = await openCaller(options)
  const slowly = { timeoutMs: options.timeoutMs + stopSeconds * 1000 }

  async function listed(kind: 'networks' | 'volumes', filters: object) {
    const path = `/${kind}?filters=${encodeURIComponent(JSON.stringify(filters))}`
    const answer = await calls.send({ method: 'GET', path })
    const list = kind === 'networks' ? networksAnswer(answer) : volumesAnswer(answer).Volumes
    return list ?? []
  }

  return {
    name: calls.name,
    async containers() {
      const list = containersAnswer(
        await calls.send({ method: 'GET', path: '/containers/json?all=1' }),
      )
      return list.map(one => ({
        id: one.Id,
        name: containerName(one),
        image: one.Image ?? '',
        state: one.State ?? '',
        status: one.Status,
        labels: one.Labels ?? {},
      }))
    },
    async imageId(image) {
      const path = `/images/${image.split('/').map(encodeURIComponent).join('/')}/json`
      const answer = await orGone(calls.send({ method: 'GET', path }), null)
      return answer === null ? null : idAnswer(answer).Id
    },
    pull: image => pull(calls, image),
    close: () => calls.close(),
    async create(container) {
      const path = `/containers/create?name=${encodeURIComponent(container.name)}`
      return idAnswer(
        await calls.send({ method: 'POST', path, body: createBody(container), ...slowly }),
      ).Id
    },
    async start(id) {
      await calls.send({ method: 'POST', path: `/containers/${id}/start`, ...slowly })
    },
    async remove(id) {
      const stop = `/containers/${id}/stop?t=${stopSeconds}`
      await orGone(calls.send({ method: 'POST', path: stop, ...slowly }), null)
      const path = `/containers/${id}?force=1&v=1`
      await orGone(calls.send({ method: 'DELETE', path, ...slowly }), null)
    },
    labelled: async (kind, label) => (await listed(kind, { label: [label] })).map(one => one.Name),
    async ensure(kind, name, labels) {
      // The engine's filter finds parts of names too.
      const found = (await listed(kind, { name: [name] })).find(one => one.Name === name)
      if (found && hasLabels(found.Labels ?? {}, labels)) return false
      if (found) throw foreign(kind, name)
      const body = { Name: name, Labels: labels }
      await calls.send({ method: 'POST', path: `/${kind}/create`, body, ...slowly })
      return true
    },
    async removeNamed(kind, name) {
      const path = `/${kind}/${encodeURIComponent(name)}`
      await calls.send({ method: 'DELETE', path, ...slowly })
    },
  }
}

function hasLabels(found: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([label, value]) => found[label] === value)
}

function foreign(kind: 'networks' | 'volumes', name: string): AppError {
  const what = kind.slice(0, -1)
  return new AppError(
    'E_DOCKER_FOREIGN',
    `there is a ${what} "${name}" that is not of this fleet`,
    {
      hint: `give the fleet or its ${what} another name, or remove that one: docker ${what} rm ${name}`,
    },
  )
}

async function orGone<T>(call: Promise<T>, instead: T): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof AppError && error.code === 'E_DOCKER_GONE') return instead
    throw error
  }
}

/** The body of POST /containers/create (Docker Engine API v1.41 to v1.51). */
export function createBody(container: NewContainer): Record<string, unknown> {
  const { ports, network, aliases } = container
  const isOwnNetwork = !['bridge', 'host', 'none'].includes(network)
  const bindings = Map.groupBy(ports, port => `${port.port}/${port.protocol}`)
  return {
    Image: container.image,
    ...(container.command && { Cmd: container.command }),
    Env: Object.entries(container.env).map(([name, value]) => `${name}=${value}`),
    Labels: container.labels,
    ExposedPorts: Object.fromEntries([...bindings.keys()].map(port => [port, {}])),
    HostConfig: {
      NetworkMode: network,
      RestartPolicy: { Name: container.restart },
      Binds: container.volumes,
      ...(container.cpus !== null && { NanoCpus: Math.round(container.cpus * 1e9) }),
      ...(container.memoryBytes !== null && { Memory: container.memoryBytes }),
      PortBindings: Object.fromEntries(
        [...bindings].map(([port, of]) => [
          port,
          of.map(one => ({ HostIp: one.hostAddress, HostPort: String(one.hostPort) })),
        ]),
      ),
    },
    ...(isOwnNetwork && {
      NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: aliases } } },
    }),
  }
}

/** The engine tells its progress as lines of JSON, and a failure as one of them under status 200. */
async function pull(calls: Caller, image: string): Promise<void> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), pullSilenceMs)
  const path = `/images/create?fromImage=${encodeURIComponent(withTag(image))}`
  let failure = ''
  try {
    const answer = await calls.stream({
      method: 'POST',
      path,
      signal: AbortSignal.any([silence.signal, AbortSignal.timeout(pullMsMax)]),
      timeoutMs: pullSilenceMs,
    })
    let rest = ''
    for await (const chunk of answer.setEncoding('utf8')) {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), pullSilenceMs)
      const lines = (rest + String(chunk)).split('\n')
      rest = (lines.pop() ?? '').slice(0, progressLineMax)
      for (const line of lines) failure = pullError(line) || failure
    }
    failure = pullError(rest) || failure
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
  } finally {
    clearTimeout(timer)
  }
  if (failure) throw pullFailed(image, calls.name, failure)
}

/** Without a tag or digest the engine would pull all tags of the name. */
export function withTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`
}

function pullError(line: string): string {
  const checked = checkPullError(parseJson(line.trim()))
  return checked.ok ? checked.value.error : ''
}

function pullFailed(image: string, where: string, cause: string): AppError {
  return new AppError('E_DOCKER_PULL', `the image ${image} is not on the engine ${where}`, {
    cause,
    hint: `it could not be pulled: ${cause.slice(0, 300)}. Load it by hand: on a machine that has it "docker save ${image} -o image.tar", then "docker -H ENGINE load -i image.tar"`,
  })
}
