// Linux' text files under /proc, parsed: pure functions. The formats are those of proc(5) and of the
// kernel's Documentation/admin-guide/iostats.rst.

import {
  type CpuCounters,
  type CpuTimes,
  type DiskCounters,
  hostRowsMax,
  type InterfaceCounters,
  type MemoryBytes,
} from './source.ts'

/** Sectors in diskstats are 512 bytes, whatever the disk's own sectors are (iostats.rst). */
const SECTOR_BYTES = 512

/** /proc/stat: guest time is already within user, and guest_nice within nice. */
export function parseStat(text: string): CpuCounters {
  const lines = text.split('\n')
  const all = lines.find(line => line.startsWith('cpu '))
  if (!all) throw new Error('/proc/stat has no cpu line')
  const cores = lines.filter(line => /^cpu[0-9]/.test(line)).map(cpuTimes)
  return { ...cpuTimes(all), cores: cores.slice(0, hostRowsMax) }
}

function cpuTimes(line: string): CpuTimes {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, soft = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return { user: user + nice, system, idle, iowait, irq: irq + soft, steal }
}

/** /proc/meminfo; the kernel's "kB" is KiB. Kernels before 3.14 have no MemAvailable. */
export function parseMeminfo(text: string): MemoryBytes {
  const bytes = new Map<string, number>()
  for (const [, name, kib] of text.matchAll(/^([A-Za-z_()0-9]+):\s+([0-9]+)/gm)) {
    if (name && kib) bytes.set(name, Number(kib) * 1024)
  }
  const of = (name: string) => bytes.get(name) ?? 0
  const total = bytes.get('MemTotal')
  if (total === undefined) throw new Error('/proc/meminfo has no MemTotal')
  const cached = of('Cached') + of('Buffers') + of('SReclaimable') - of('Shmem')
  return {
    total,
    free: of('MemFree'),
    available: bytes.get('MemAvailable') ?? of('MemFree') + Math.max(0, cached),
    cached: Math.max(0, cached),
    swapTotal: of('SwapTotal'),
    swapFree: of('SwapFree'),
  }
}

/** /proc/diskstats, of the disks that `wanted` names. */
export function parseDiskstats(text: string, wanted: ReadonlySet<string>): DiskCounters[] {
  return text.split('\n').flatMap(line => {
    const [, , disk = '', ...fields] = line.trim().split(/\s+/)
    if (!wanted.has(disk) || fields.length < 11) return []
    const [reads = 0, , sectorsRead = 0, , writes = 0, , sectorsWritten = 0, , , busyMs = 0] =
      fields.map(Number)
    return {
      disk,
      reads,
      readBytes: sectorsRead * SECTOR_BYTES,
      writes,
      writtenBytes: sectorsWritten * SECTOR_BYTES,
      busyMs,
    }
  })
}

/** Whole disks of /sys/block: no loop, RAM, floppy or optical ones, and no mapper's second count. */
export function isWantedDisk(name: string): boolean {
  return !/^(loop|ram|zram|fd|sr|dm-|nbd)/.test(name)
}

export type NetDevCounters = Omit<InterfaceCounters, 'mac' | 'state' | 'bitsPerSecond'>

/** /proc/net/dev, without loopback and the host's ends of containers' cables. */
export function parseNetDev(text: string): NetDevCounters[] {
  return text.split('\n').flatMap(line => {
    const match = /^\s*(\S+):\s*(.*)$/.exec(line)
    const name = match?.[1]
    const fields = match?.[2]?.trim().split(/\s+/).map(Number) ?? []
    if (name === undefined || !isWantedInterface(name) || fields.length < 16) return []
    const [inBytes = 0, , inErrors = 0, inDiscards = 0] = fields
    const [outBytes = 0, , outErrors = 0, outDiscards = 0] = fields.slice(8)
    return { name, inBytes, inErrors, inDiscards, outBytes, outErrors, outDiscards }
  })
}

export function isWantedInterface(name: string): boolean {
  return !/^(lo|lo[0-9]|veth.*)$/.test(name)
}

export interface Mount {
  device: string
  mount: string
  type: string
}

/** Kernel's own, always full, or on another machine (where a dead server hangs whoever asks). */
const UNWANTED_TYPES =
  /^(proc|sysfs|dev(tmpfs|pts)|tmpfs|ramfs|cgroup2?|securityfs|debugfs|tracefs|configfs|bpf|pstore|mqueue|hugetlbfs|autofs|efivarfs|fusectl|binfmt_misc|rpc_pipefs|nsfs|squashfs|iso9660|udf|nfs4?|cifs|smb3|9p|afs|ceph|glusterfs|fuse\..*)$/

/**
 * /proc/self/mounts: file systems on this machine's disks, each once (bind mounts repeat a device;
 * the shortest path stands), and whatever `/` is. Blanks are written there as `\040`.
 */
export function parseMounts(text: string): Mount[] {
  const byDevice = new Map<string, Mount>()
  for (const line of text.split('\n')) {
    const [device = '', mount = '', type = ''] = line.split(' ').map(unescapeOctal)
    const wanted = mount === '/' || (!UNWANTED_TYPES.test(type) && type !== 'overlay')
    if (mount === '' || !wanted || (mount !== '/' && !isDisk(device, type))) continue
    const known = byDevice.get(device)
    if (!known || mount.length < known.mount.length) byDevice.set(device, { device, mount, type })
  }
  return [...byDevice.values()]
}

function isDisk(device: string, type: string): boolean {
  return device.startsWith('/') || type === 'zfs' || type === 'btrfs'
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}
