// Any other system (macOS, Windows, BSD) read by systeminformation, which starts programs for much
// of it: dearer than linux.ts, and without inodes, steal and I/O wait where the system has none.

import os from 'node:os'
import si from 'systeminformation'
import { hostSystem } from './facts.ts'
import { isWantedInterface } from './procfs.ts'
import { type HostSource, hostRowsMax } from './source.ts'

export function portableSource(): HostSource {
  return {
    async system() {
      const [processes, users] = await Promise.all([si.processes(), si.users()])
      return {
        uptimeSeconds: os.uptime(),
        processes: processes.all || null,
        users: users.length,
      }
    },
    async cpu() {
      const cores = os.cpus()
      const sum = (kind: keyof (typeof cores)[number]['times']) =>
        cores.reduce((total, { times }) => total + times[kind], 0)
      return {
        cores: cores.slice(0, hostRowsMax).map(({ times }) => ({
          user: times.user + times.nice,
          system: times.sys,
          idle: times.idle,
          irq: times.irq,
          iowait: null,
          steal: null,
        })),
        user: sum('user') + sum('nice'),
        system: sum('sys'),
        idle: sum('idle'),
        irq: sum('irq'),
        iowait: null,
        steal: null,
      }
    },
    /** Windows has no load average, for which Node gives zeros. */
    async load() {
      const [one = 0, five = 0, fifteen = 0] = os.loadavg()
      return os.platform() === 'win32' ? null : [one, five, fifteen]
    },
    async memory() {
      const memory = await si.mem()
      return {
        total: memory.total,
        available: memory.available,
        free: memory.free,
        cached: memory.buffcache,
        swapTotal: memory.swaptotal,
        swapFree: memory.swapfree,
      }
    },
    async filesystems() {
      const found = await si.fsSize()
      return found.slice(0, hostRowsMax).map(({ fs, mount, type, size, used, available }) => ({
        mount,
        device: fs,
        type,
        bytes: { size, used, available },
        inodes: null,
      }))
    },
    /** One row for all disks: systeminformation counts them together. */
    async disks() {
      const counted: si.Systeminformation.FsStatsData | null = await si.fsStats()
      if (!counted) return []
      return [
        {
          disk: 'all',
          readBytes: counted.rx,
          writtenBytes: counted.wx,
          reads: null,
          writes: null,
          busyMs: null,
        },
      ]
    },
    async interfaces() {
      const [counted, described] = await Promise.all([si.networkStats('*'), si.networkInterfaces()])
      const links = new Map([described].flat().map(link => [link.iface, link]))
      return counted
        .filter(({ iface }) => isWantedInterface(iface))
        .slice(0, hostRowsMax)
        .map(found => {
          const link = links.get(found.iface)
          return {
            name: found.iface,
            mac: link?.mac || null,
            inBytes: found.rx_bytes,
            outBytes: found.tx_bytes,
            inErrors: found.rx_errors,
            outErrors: found.tx_errors,
            inDiscards: found.rx_dropped,
            outDiscards: found.tx_dropped,
            state: found.operstate,
            bitsPerSecond: link?.speed ? link.speed * 1e6 : null,
          }
        })
    },
    sensors: async () => null,
    tasks: async () => null,
    failedUnits: async () => null,
    software: async () => ({
      ...hostSystem(),
      updates: null,
      security: null,
      needsReboot: null,
    }),
    smart: async () => null,
  }
}
