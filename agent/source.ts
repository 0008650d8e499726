// What a host can tell about itself, as the agent asks for it: instant values and cumulative
// counters in base units, never rates. null is a value that this system does not have.

export interface HostSource {
  system(): Promise<SystemCounters>
  cpu(): Promise<CpuCounters>
  load(): Promise<readonly [number, number, number] | null>
  memory(): Promise<MemoryBytes>
  filesystems(): Promise<Filesystem[]>
  disks(): Promise<DiskCounters[]>
  interfaces(): Promise<InterfaceCounters[]>
}

export interface SystemCounters {
  uptimeSeconds: number
  processes: number | null
  users: number | null
}

/** Time since boot by kind, all cores together, in one unit of the source's choice. */
export interface CpuCounters {
  cores: number
  user: number
  system: number
  idle: number
  irq: number
  iowait: number | null
  steal: number | null
}

export interface MemoryBytes {
  total: number
  /** Can be given to programs without swapping. */
  available: number
  free: number
  cached: number | null
  swapTotal: number
  swapFree: number
}

export interface Filesystem {
  mount: string
  device: string
  type: string
  /** null: it did not answer (`failed` says why), and the row keeps its place. */
  bytes: { size: number; used: number; available: number } | null
  inodes: { total: number; used: number } | null
  failed?: 'timeout' | 'partial'
}

export interface DiskCounters {
  disk: string
  readBytes: number
  writtenBytes: number
  reads: number | null
  writes: number | null
  /** Milliseconds with at least one request under way. */
  busyMs: number | null
}

export interface InterfaceCounters {
  name: string
  mac: string | null
  inBytes: number
  outBytes: number
  inErrors: number
  outErrors: number
  inDiscards: number
  outDiscards: number
  /** Linux' operstate: up, down, unknown, … */
  state: string
  bitsPerSecond: number | null
}

/** Rows of one table: file systems, disks, interfaces. More are left out and counted. */
export const hostRowsMax = 500
