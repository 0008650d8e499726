// From a host's counters to the agent's fields: one function a group, each keeping what it needs of
// the last measurement. It knows no bus and no timer.

import {
  INTERFACE_STATES,
  type Measured,
  type MeasuredRow,
  type MeasuredScalars,
  type ScalarId,
  type TableId,
} from './fields.ts'
import { createPrograms } from './programs.ts'
import { createRates, roundRate } from './rates.ts'
import type { CpuTimes, Filesystem, HostSource, Sensors, SmartDisk, Tasks } from './source.ts'

/** How long processes and sensors serve both of their groups, ms. */
const sharedMs = 10_000

/** How each group is measured: null where the host has no such thing; a rejected one gave nothing. */
export type Measurements = {
  [G in ScalarId]: () => Promise<MeasuredScalars<G> | null>
} & {
  [G in TableId]: () => Promise<MeasuredRow<G>[] | null>
}

/**
 * @param ahead how far the host's clock is ahead of the server's, s
 * @param now monotonic ms, for rates
 * @param interval between two measurements, s; 0: it pauses
 */
export function createMeasurements(
  source: HostSource,
  ahead: () => number | null = () => null,
  now: () => number = () => performance.now(),
  interval: () => number | null = () => null,
): Measurements {
  const rates = createRates(now)
  const cpuShares = createCpuShares()
  const coreShares = new Map<number, ReturnType<typeof createCpuShares>>()
  const programRows = createPrograms(now)
  const sensors = shared<Sensors | null>(() => source.sensors(), now)
  const tasks = shared<Tasks | null>(() => source.tasks(), now)

  return {
    async host() {
      const { uptimeSeconds, processes, users } = await source.system()
      return {
        uptime: Math.round(uptimeSeconds),
        processes: known(processes),
        users: known(users),
        clock: known(ahead()),
        interval: known(interval()),
      }
    },
    async host_cpu() {
      const { cores, ...all } = await source.cpu()
      return { ...cpuShares(all), cores: cores.length }
    },
    async host_core() {
      const { cores } = await source.cpu()
      return cores.map((times, i) => {
        const shares = coreShares.get(i) ?? createCpuShares()
        coreShares.set(i, shares)
        return { labels: { core: String(i) }, values: shares(times) }
      })
    },
    async host_load() {
      const [one, five, fifteen] = (await source.load()) ?? [null, null, null]
      return { one: known(one), five: known(five), fifteen: known(fifteen) }
    },
    async host_memory() {
      const { total, available, free, cached, swapTotal, swapFree } = await source.memory()
      return {
        total,
        used: total - available,
        available,
        cached: known(cached),
        free,
        percent: percentOf(total - available, total),
        swap_total: swapTotal,
        swap_used: swapTotal - swapFree,
        swap_percent: percentOf(swapTotal - swapFree, swapTotal),
      }
    },
    host_disk: async () => (await source.filesystems()).map(filesystemRow),
    async host_disk_io() {
      const disks = await source.disks()
      return disks.map(({ disk, readBytes, writtenBytes, reads, writes, busyMs }) => {
        const rate = (name: string, counter: number | null, scale?: number) =>
          rates.perSecond(`io|${disk}|${name}`, counter, scale)
        const busy = rate('busy', busyMs, 0.1)
        return {
          labels: { disk },
          values: {
            read: rate('read', readBytes),
            write: rate('write', writtenBytes),
            reads: rate('reads', reads),
            writes: rate('writes', writes),
            // The kernel counts a request that began before: a disk is never busier than 100 %.
            busy: typeof busy === 'number' ? Math.min(100, busy) : busy,
          },
        }
      })
    },
    async host_interface() {
      const interfaces = await source.interfaces()
      return interfaces.map(counted => {
        const rate = (name: string, counter: number, scale?: number) =>
          rates.perSecond(`net|${counted.name}|${name}`, counter, scale)
        return {
          labels: { name: counted.name, ...(counted.mac && { mac: counted.mac }) },
          values: {
            in: rate('in', counted.inBytes, 8),
            out: rate('out', counted.outBytes, 8),
            in_errors: rate('in_errors', counted.inErrors),
            out_errors: rate('out_errors', counted.outErrors),
            in_discards: rate('in_discards', counted.inDiscards),
            out_discards: rate('out_discards', counted.outDiscards),
            oper: interfaceState(counted.state),
            speed: known(counted.bitsPerSecond),
          },
        }
      })
    },
    async host_temperature() {
      const found = await sensors()
      return (
        found?.temperatures.map(({ sensor, chip, celsius, critical }) => ({
          labels: { sensor, chip },
          values: { celsius, critical: known(critical) },
        })) ?? null
      )
    },
    async host_fan() {
      const found = await sensors()
      return (
        found?.fans.map(({ sensor, chip, rpm }) => ({
          labels: { sensor, chip },
          values: { speed: rpm },
        })) ?? null
      )
    },
    async host_task() {
      const found = await tasks()
      if (!found) return null
      const { programs, ...counts } = found
      return counts
    },
    async host_program() {
      const found = await tasks()
      return found && programRows(found.programs)
    },
    async host_service() {
      const failed = await source.failedUnits()
      return failed && { failed: failed.length, names: { text: failed.join(' ') || 'none' } }
    },
    async host_software() {
      const { os, kernel, updates, security, needsReboot } = await source.software()
      return {
        os: { text: os },
        kernel: { text: kernel },
        updates: known(updates),
        security: known(security),
        reboot: needsReboot === null ? 'no-such-object' : needsReboot ? 1 : 2,
      }
    },
    async host_smart() {
      return (await source.smart())?.map(smartRow) ?? null
    },
  }
}

/** Shares of all CPU time since the last call, %: neither the tick nor the clock matters. */
function createCpuShares(): (now: CpuTimes) => MeasuredRow<'host_core'>['values'] {
  let last: CpuTimes | null = null
  return now => {
    const before = last
    last = now
    if (!before) return sixTimes('first')
    const step = (kind: 'user' | 'system' | 'idle' | 'irq') => now[kind] - before[kind]
    // The kernel may take back a little I/O wait (proc(5) calls it unreliable): that is none.
    const wait = Math.max(0, (now.iowait ?? 0) - (before.iowait ?? 0))
    const steal = Math.max(0, (now.steal ?? 0) - (before.steal ?? 0))
    const idle = step('idle')
    const all = step('user') + step('system') + step('irq') + idle + wait + steal
    if (all <= 0 || Math.min(step('user'), step('system')) < 0) {
      return sixTimes(all === 0 ? 'partial' : 'reset')
    }
    const share = (ticks: number) => roundRate((100 * ticks) / all)
    return {
      usage: share(Math.max(0, all - idle - wait)),
      user: share(step('user')),
      system: share(step('system')),
      iowait: now.iowait === null ? 'no-such-object' : share(wait),
      irq: share(Math.max(0, step('irq'))),
      steal: now.steal === null ? 'no-such-object' : share(steal),
    }
  }
}

function sixTimes(why: Measured) {
  return { usage: why, user: why, system: why, iowait: why, irq: why, steal: why }
}

/** Percent as df shows it: of what a user may fill, without the blocks kept for root. */
function filesystemRow({
  mount,
  device,
  type,
  bytes,
  inodes,
  failed,
}: Filesystem): MeasuredRow<'host_disk'> {
  const none = failed ?? 'no-such-object'
  return {
    labels: { mount, device, type },
    values: {
      size: bytes?.size ?? none,
      used: bytes?.used ?? none,
      available: bytes?.available ?? none,
      percent: bytes ? percentOf(bytes.used, bytes.used + bytes.available) : none,
      inodes: inodes?.total ?? none,
      inodes_used: inodes?.used ?? none,
      inodes_percent: inodes ? percentOf(inodes.used, inodes.total) : none,
    },
  }
}

/** The states of `smart.health`: 1 passed, 2 failing. */
function smartRow(found: SmartDisk): MeasuredRow<'host_smart'> {
  const { disk, model, serial, isAsleep, passed, hours } = found
  // It was not woken on purpose.
  const told = (value: number | null): Measured => (isAsleep ? 'shed' : known(value))
  return {
    labels: { disk, ...(model && { model }), ...(serial && { serial }) },
    values: {
      health: told(passed === null ? null : passed ? 1 : 2),
      celsius: told(found.celsius),
      powered: told(hours === null ? null : hours * 3600),
      wear: told(found.wearPercent),
      reallocated: told(found.reallocated),
      pending: told(found.pending),
      errors: told(found.errors),
    },
  }
}

/** One reading for two groups that are due at once. */
function shared<T>(read: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | null = null
  return () => {
    if (!last || now() - last.at >= sharedMs) last = { at: now(), answer: read() }
    return last.answer
  }
}

function interfaceState(state: string): number {
  const states: Record<string, number> = INTERFACE_STATES
  return states[state.toLowerCase()] ?? INTERFACE_STATES.unknown
}

function known(value: number | null): Measured {
  return value ?? 'no-such-object'
}

/** A host without swap has no percentage of it. */
function percentOf(part: number, whole: number): Measured {
  return whole > 0 ? roundRate((100 * part) / whole) : 'no-such-object'
}
