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
  /** null, here and below: this host has none, or does not let us. */
  sensors(): Promise<Sensors | null>
  tasks(): Promise<Tasks | null>
  /** Names of units of systemd that failed. */
  failedUnits(): Promise<string[] | null>
  software(): Promise<Software>
  smart(): Promise<SmartDisk[] | null>
  /** Ends what still runs for it. */
  close?(): void
}

export interface Sensors {
  temperatures: { sensor: string; chip: string; celsius: number; critical: number | null }[]
  fans: { sensor: string; chip: string; rpm: number }[]
}

export interface Tasks {
  running: number
  sleeping: number
  /** In a wait that no signal ends, mostly for a disk. */
  blocked: number
  zombie: number
  stopped: number
  threads: number
  /** Processes of one name together; kernel threads are one. */
  programs: Program[]
}

export interface Program {
  name: string
  processes: number
  memoryBytes: number
  /** CPU time since they began or were last looked at, ms; of those that ended meanwhile, none. */
  cpuMs: number
}

export interface Software {
  os: string
  kernel: string
  /** Packages that could be updated; and those of them that mend security. */
  updates: number | null
  security: number | null
  needsReboot: boolean | null
}

export interface SmartDisk {
  disk: string
  model: string
  serial: string
  /** It sleeps and was not woken: nothing else is known. */
  isAsleep: boolean
  passed: boolean | null
  celsius: number | null
  hours: number | null
  wearPercent: number | null
  reallocated: number | null
  pending: number | null
  errors: number | null
}

export interface SystemCounters {
  uptimeSeconds: number
  processes: number | null
  users: number | null
}

/** Of all cores together, and of each by itself. */
export interface CpuCounters extends CpuTimes {
  cores: CpuTimes[]
}

/** Time since boot by kind, in one unit of the source's choice. */
export interface CpuTimes {
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

/** Rows of one table: file systems, disks, interfaces, sensors. More are left out and counted. */
export const hostRowsMax = 500
