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
import { createRates, roundRate } from './rates.ts'
import type { CpuCounters, Filesystem, HostSource } from './source.ts'

/** How each group is measured; a rejected one gave nothing. */
export type Measurements = {
  [G in ScalarId]: () => Promise<MeasuredScalars<G>>
} & {
  [G in TableId]: () => Promise<MeasuredRow<G>[]>
}

/** @param now monotonic ms, for rates */
export function createMeasurements(
  source: HostSource,
  now: () => number = () => performance.now(),
): Measurements {
  const rates = createRates(now)
  const cpuShares = createCpuShares()

  return {
    async host() {
      const { uptimeSeconds, processes, users } = await source.system()
      return { uptime: Math.round(uptimeSeconds), processes: known(processes), users: known(users) }
    },
    host_cpu: async () => cpuShares(await source.cpu()),
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
  }
}

/** Shares of all CPU time since the last call, %: neither the tick nor the clock matters. */
function createCpuShares(): (now: CpuCounters) => MeasuredScalars<'host_cpu'> {
  let last: CpuCounters | null = null
  return now => {
    const before = last
    last = now
    const { cores } = now
    if (!before) return { ...sixTimes('first'), cores }
    const step = (kind: 'user' | 'system' | 'idle' | 'irq') => now[kind] - before[kind]
    // The kernel may take back a little I/O wait (proc(5) calls it unreliable): that is none.
    const wait = Math.max(0, (now.iowait ?? 0) - (before.iowait ?? 0))
    const steal = Math.max(0, (now.steal ?? 0) - (before.steal ?? 0))
    const idle = step('idle')
    const all = step('user') + step('system') + step('irq') + idle + wait + steal
    if (all <= 0 || Math.min(step('user'), step('system')) < 0) {
      return { ...sixTimes(all === 0 ? 'partial' : 'reset'), cores }
    }
    const share = (ticks: number) => roundRate((100 * ticks) / all)
    return {
      usage: share(Math.max(0, all - idle - wait)),
      user: share(step('user')),
      system: share(step('system')),
      iowait: now.iowait === null ? 'no-such-object' : share(wait),
      irq: share(Math.max(0, step('irq'))),
      steal: now.steal === null ? 'no-such-object' : share(steal),
      cores,
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
