// The Engine API's answers turned into raw values by path: pure functions. Counters stay cumulative
// (the profile's rate engine makes rates of them); nothing is computed that a profile can compute. Past 300
// lines: one small function for each answer of the API, in its order.

import type { RawValue } from '../model/raw.ts'
import { cleanText } from '../model/text.ts'
import type {
  DiskAnswer,
  InfoAnswer,
  InspectAnswer,
  ListedContainer,
  StatsAnswer,
  VersionAnswer,
} from './schema.ts'

/** Characters of the engine's warnings that are kept, all together. */
const warningsMax = 1000

type Values = Map<string, RawValue>

/** Every path of an engine that a profile with `"source": "docker"` may read in `scalars`. */
export const ENGINE_PATHS = [
  'engine.containers',
  'engine.running',
  'engine.paused',
  'engine.stopped',
  'engine.images',
  'engine.cpus',
  'engine.memory',
  'engine.name',
  'engine.version',
  'engine.api',
  'engine.os',
  'engine.kernel',
  'engine.arch',
  'engine.warnings',
  'engine.warning',
  'engine.restarting',
  'engine.unhealthy',
  'engine.stream',
  'disk.images',
  'disk.containers',
  'disk.volumes',
  'disk.build_cache',
] as const

/** Every path of a container that a profile may read in `tables`. */
export const CONTAINER_PATHS = [
  'id',
  'name',
  'image',
  'digest',
  'age',
  'compose.project',
  'compose.service',
  'compose.number',
  'state',
  'health',
  'exit_code',
  'oom_killed',
  'restarts',
  'started',
  'run',
  'uptime',
  'clock',
  'cpu.total',
  'cpu.system',
  'cpu.online',
  'cpu.throttled',
  'memory.used',
  'memory.limit',
  'net.in',
  'net.out',
  'block.read',
  'block.write',
  'pids',
] as const

/** Engine values: counts, memory in bytes, and texts. */
export function engineValues(info: InfoAnswer, version: VersionAnswer): Values {
  return values({
    'engine.containers': number(info.Containers),
    'engine.running': number(info.ContainersRunning),
    'engine.paused': number(info.ContainersPaused),
    'engine.stopped': number(info.ContainersStopped),
    'engine.images': number(info.Images),
    'engine.cpus': number(info.NCPU),
    'engine.memory': number(info.MemTotal),
    'engine.name': text(info.Name),
    'engine.version': text(version.Version),
    'engine.api': text(version.ApiVersion),
    'engine.os': text(info.OperatingSystem),
    'engine.kernel': text(info.KernelVersion),
    'engine.arch': text(info.Architecture),
    'engine.warnings': number(info.Warnings?.length ?? 0),
    'engine.warning': text(info.Warnings?.join('; '), warningsMax),
  })
}

/**
 * Bytes on the engine's disk by what takes them. Layers that images share count once; a volume
 * whose size the engine does not know, and build cache that is a part of an image, do not count.
 */
export function diskValues(disk: DiskAnswer): Values {
  const total = (sizes: readonly (number | null | undefined)[] | null | undefined) =>
    number(sizes ? sum(sizes.map(size => Math.max(0, size ?? 0))) : null)
  return values({
    // Podman does not count layers: its images' sizes are all there is.
    'disk.images': disk.LayersSize
      ? number(disk.LayersSize)
      : total(disk.Images?.map(one => one.Size)),
    'disk.containers': total(disk.Containers?.map(one => one.SizeRw)),
    'disk.volumes': total(disk.Volumes?.map(one => one.UsageData?.Size)),
    'disk.build_cache': total(disk.BuildCache?.filter(one => !one.Shared).map(one => one.Size)),
  })
}

/** What Compose puts before a name while it makes a container again. */
const COMPOSE_INTERIM = /^[0-9a-f]{12}_(?=.)/

/**
 * The name that people use, which is the identity of a container over its remaking. A linked one has
 * more names, of which this one has no slash; one that Compose is just remaking has its later name.
 */
export function containerName(listed: ListedContainer): string {
  const name = plainName(listed)
  const isCompose = listed.Labels?.[COMPOSE_PROJECT] !== undefined
  return cleanText(isCompose ? name.replace(COMPOSE_INTERIM, '') : name) || shortId(listed)
}

function plainName(listed: ListedContainer): string {
  const names = (listed.Names ?? []).map(name => name.replace(/^\//, ''))
  return names.find(name => name !== '' && !name.includes('/')) ?? names[0] ?? ''
}

/** One container to a name: of two, Compose is just replacing one; the finished one stays. */
export function withoutInterim(all: readonly ListedContainer[]): ListedContainer[] {
  const finished = new Set(all.map(plainName))
  return all.filter(one => {
    const name = containerName(one)
    return name === plainName(one) || !finished.has(name)
  })
}

/** Twelve hexadecimal digits, as the docker command shows them. */
export function shortId(listed: ListedContainer): string {
  return listed.Id.slice(0, 12)
}

const COMPOSE_PROJECT = 'com.docker.compose.project'
const COMPOSE_SERVICE = 'com.docker.compose.service'
const COMPOSE_NUMBER = 'com.docker.compose.container-number'
/** Our own fleets are projects too. */
const FLEET = 'pollux.fleet'
const FLEET_SERVICE = 'pollux.fleet.service'
/** The only labels that are kept: others may hold anything. */
export const KEPT_LABELS = [
  COMPOSE_PROJECT,
  COMPOSE_SERVICE,
  COMPOSE_NUMBER,
  FLEET,
  FLEET_SERVICE,
] as const

/**
 * What the list says: identity, labels of Compose, state, and age in s by the engine's clock
 * (`nowMs`). Without a digest of a registry it is the image's id, which changes whenever the image does.
 */
export function listedValues(
  listed: ListedContainer,
  nowMs: number,
  digest: string | null = null,
): Values {
  const labels = listed.Labels ?? {}
  const { Created: created } = listed
  return values({
    id: text(shortId(listed)),
    name: text(containerName(listed)),
    image: text(listed.Image),
    digest: text(digest ?? listed.ImageID),
    age: number(created ? Math.max(0, nowMs / 1000 - created) : null),
    'compose.project': text(labels[COMPOSE_PROJECT] ?? labels[FLEET]),
    'compose.service': text(labels[COMPOSE_SERVICE] ?? labels[FLEET_SERVICE]),
    'compose.number': text(labels[COMPOSE_NUMBER]),
    state: text(listed.State),
  })
}

/** How many containers of a read are in a state that the engine itself does not count. */
export function countedValues(rows: Iterable<Values>): Values {
  const count = { restarting: 0, unhealthy: 0 }
  for (const row of rows) {
    if (textOf(row, 'state') === 'restarting') count.restarting++
    if (textOf(row, 'health') === 'unhealthy') count.unhealthy++
  }
  return values({
    'engine.restarting': number(count.restarting),
    'engine.unhealthy': number(count.unhealthy),
  })
}

export function streamValues(isConnected: boolean): Values {
  return values({ 'engine.stream': number(isConnected ? 1 : 0) })
}

export function textOf(row: Values, path: string): string | null {
  const value = row.get(path)
  return value?.type === 'text' ? value.value : null
}

/**
 * State, health (`none` without a health check), exit code of one that has ended, restarts, start
 * in Unix s and uptime in s by the engine's own clock (`nowMs`), so that our clocks need not agree.
 * `run` is a counter that goes back with each start, as all counters of a container do; unlike them
 * it does so even where the new run has already counted more than the last one.
 */
export function inspectedValues(inspected: InspectAnswer, nowMs: number): Values {
  const { State: state } = inspected
  const up = state.Status === 'running' || state.Status === 'paused'
  const startedMs = timeMs(state.StartedAt)
  return values({
    state: text(state.Status),
    health: text(state.Health?.Status || 'none'),
    exit_code: number(up ? null : state.ExitCode),
    oom_killed: number(state.OOMKilled ? 1 : 0),
    restarts: number(inspected.RestartCount),
    started: number(startedMs === null ? null : startedMs / 1000),
    run: counter(startedMs === null ? null : Number.MAX_SAFE_INTEGER - startedMs),
    uptime: number(up && startedMs !== null ? Math.max(0, (nowMs - startedMs) / 1000) : null),
  })
}

/** True for an answer about a container that was not running: the engine then sends zeros. */
export function isEmptyStats(stats: StatsAnswer): boolean {
  return timeMs(stats.read) === null
}

/**
 * CPU time in ns (the container's, and the whole host's of the same moment), memory in bytes without
 * the page cache that can be given back, bytes of network and block devices, processes. `clock` is
 * the moment of the reading in ns by the engine: differences of counters are divided by its.
 */
export function statsValues(stats: StatsAnswer): Values {
  const cpu = stats.cpu_stats
  const networks = stats.networks ? Object.values(stats.networks) : null
  const block = blockBytes(stats)
  return values({
    clock: { type: 'counter64', value: BigInt(timeMs(stats.read) ?? 0) * 1_000_000n },
    'cpu.total': counter(cpu.cpu_usage.total_usage),
    'cpu.system': counter(cpu.system_cpu_usage),
    'cpu.online': number(cpu.online_cpus || cpu.cpu_usage.percpu_usage?.length || null),
    'cpu.throttled': counter(cpu.throttling_data?.throttled_time),
    'memory.used': number(memoryUsed(stats)),
    'memory.limit': number(stats.memory_stats?.limit),
    'net.in': counter(networks && sum(networks.map(network => network.rx_bytes))),
    'net.out': counter(networks && sum(networks.map(network => network.tx_bytes))),
    'block.read': counter(block?.read),
    'block.write': counter(block?.write),
    pids: number(stats.pids_stats?.current),
  })
}

/**
 * As the docker command shows memory (docs.docker.com/reference/cli/docker/container/stats): usage
 * less total_inactive_file (cgroup v1) or inactive_file (cgroup v2), where that is less than usage.
 */
function memoryUsed(stats: StatsAnswer): number | null {
  const usage = stats.memory_stats?.usage
  if (usage === undefined || usage === null) return null
  const detail = stats.memory_stats?.stats ?? {}
  const inactive = isCgroup1(stats) ? detail.total_inactive_file : detail.inactive_file
  return typeof inactive === 'number' && inactive < usage ? usage - inactive : usage
}

function isCgroup1(stats: StatsAnswer): boolean {
  return stats.memory_stats?.stats?.total_inactive_file !== undefined
}

/**
 * Bytes over all devices. An empty list is nothing read or written under cgroup v2; under v1 it is a
 * kernel that does not count (no CFQ scheduler), so there is no value.
 */
function blockBytes(stats: StatsAnswer): { read: number; write: number } | null {
  const entries = stats.blkio_stats?.io_service_bytes_recursive ?? []
  if (entries.length === 0 && (isCgroup1(stats) || !stats.blkio_stats)) return null
  const of = (op: string) =>
    sum(entries.filter(entry => entry.op.toLowerCase() === op).map(entry => entry.value))
  return { read: of('read'), write: of('write') }
}

/** Unix ms of an RFC 3339 time; null for Go's zero time, which means "never". */
export function timeMs(time: string | null | undefined): number | null {
  if (!time || time.startsWith('0001-')) return null
  const ms = Date.parse(time)
  return Number.isFinite(ms) ? ms : null
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0)
}

function number(value: number | null | undefined): RawValue {
  return value === null || value === undefined ? { type: 'none' } : { type: 'number', value }
}

/** JSON numbers are exact to 2^53: CPU time of 104 days x cores in ns; beyond, 1 ns is rounded. */
function counter(value: number | null | undefined): RawValue {
  return value === null || value === undefined
    ? { type: 'none' }
    : { type: 'counter64', value: BigInt(Math.round(value)) }
}

function text(value: string | null | undefined, max?: number): RawValue {
  const clean = cleanText(value ?? '', max)
  return clean ? { type: 'text', value: clean } : { type: 'none' }
}

function values(entries: Record<string, RawValue>): Values {
  return new Map(Object.entries(entries))
}
