// The Engine API's answers turned into raw values by path: pure functions. Counters stay cumulative
// (the profile's rate engine makes rates of them); nothing is computed that a profile can compute.

import type { RawValue } from '../model/raw.ts'
import type {
  InfoAnswer,
  InspectAnswer,
  ListedContainer,
  StatsAnswer,
  VersionAnswer,
} from './schema.ts'

/** Characters of a name, image or label. */
const textMax = 512

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
] as const

/** Every path of a container that a profile may read in `tables`. */
export const CONTAINER_PATHS = [
  'id',
  'name',
  'image',
  'compose.project',
  'compose.service',
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
  })
}

/** The name that people use; a linked container has more names, of which this one has no slash. */
export function containerName(listed: ListedContainer): string {
  const names = (listed.Names ?? []).map(name => name.replace(/^\//, ''))
  return names.find(name => name !== '' && !name.includes('/')) ?? names[0] ?? shortId(listed)
}

/** Twelve hexadecimal digits, as the docker command shows them. */
export function shortId(listed: ListedContainer): string {
  return listed.Id.slice(0, 12)
}

/** What the list says: identity, labels of Compose and state. */
export function listedValues(listed: ListedContainer): Values {
  const labels = listed.Labels ?? {}
  return values({
    id: text(shortId(listed)),
    name: text(containerName(listed)),
    image: text(listed.Image),
    'compose.project': text(labels['com.docker.compose.project']),
    'compose.service': text(labels['com.docker.compose.service']),
    state: text(listed.State),
  })
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

function text(value: string | null | undefined): RawValue {
  return value ? { type: 'text', value: value.slice(0, textMax) } : { type: 'none' }
}

function values(entries: Record<string, RawValue>): Values {
  return new Map(Object.entries(entries))
}
