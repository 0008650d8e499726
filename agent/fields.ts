// Every value that the agent sends, as a typed table: group → metric → its path and base unit.
// oids/agent.json names the same paths; a test holds the two together in both directions.

import type { GapReason } from '../server/model/gap.ts'
import type { Unit } from '../server/model/units.ts'

export interface AgentField {
  /** The name under which a profile of `"source": "agent"` reads it. */
  path: string
  unit: Unit
}

export interface AgentGroup {
  /** Label → path; absent for scalars. The first one is the row's key and name. */
  labels?: Readonly<Record<string, string>>
  metrics: Readonly<Record<string, AgentField>>
}

export const AGENT_GROUPS = {
  host: {
    metrics: {
      uptime: { path: 'system.uptime', unit: 's' },
      processes: { path: 'system.processes', unit: '{process}' },
      users: { path: 'system.users', unit: '{user}' },
    },
  },
  host_cpu: {
    metrics: {
      usage: { path: 'cpu.usage', unit: '%' },
      user: { path: 'cpu.user', unit: '%' },
      system: { path: 'cpu.system', unit: '%' },
      iowait: { path: 'cpu.iowait', unit: '%' },
      irq: { path: 'cpu.irq', unit: '%' },
      steal: { path: 'cpu.steal', unit: '%' },
      cores: { path: 'cpu.cores', unit: '1' },
    },
  },
  host_load: {
    metrics: {
      one: { path: 'load.one', unit: '1' },
      five: { path: 'load.five', unit: '1' },
      fifteen: { path: 'load.fifteen', unit: '1' },
    },
  },
  host_memory: {
    metrics: {
      total: { path: 'memory.total', unit: 'By' },
      used: { path: 'memory.used', unit: 'By' },
      available: { path: 'memory.available', unit: 'By' },
      cached: { path: 'memory.cached', unit: 'By' },
      free: { path: 'memory.free', unit: 'By' },
      percent: { path: 'memory.percent', unit: '%' },
      swap_total: { path: 'swap.total', unit: 'By' },
      swap_used: { path: 'swap.used', unit: 'By' },
      swap_percent: { path: 'swap.percent', unit: '%' },
    },
  },
  host_disk: {
    labels: { mount: 'disk.mount', device: 'disk.device', type: 'disk.type' },
    metrics: {
      size: { path: 'disk.size', unit: 'By' },
      used: { path: 'disk.used', unit: 'By' },
      available: { path: 'disk.available', unit: 'By' },
      percent: { path: 'disk.percent', unit: '%' },
      inodes: { path: 'disk.inodes', unit: '{inode}' },
      inodes_used: { path: 'disk.inodes_used', unit: '{inode}' },
      inodes_percent: { path: 'disk.inodes_percent', unit: '%' },
    },
  },
  host_disk_io: {
    labels: { disk: 'io.disk' },
    metrics: {
      read: { path: 'io.read', unit: 'By/s' },
      write: { path: 'io.write', unit: 'By/s' },
      reads: { path: 'io.reads', unit: '{operation}/s' },
      writes: { path: 'io.writes', unit: '{operation}/s' },
      busy: { path: 'io.busy', unit: '%' },
    },
  },
  host_interface: {
    labels: { name: 'net.name', mac: 'net.mac' },
    metrics: {
      in: { path: 'net.in', unit: 'bit/s' },
      out: { path: 'net.out', unit: 'bit/s' },
      in_errors: { path: 'net.in_errors', unit: '{error}/s' },
      out_errors: { path: 'net.out_errors', unit: '{error}/s' },
      in_discards: { path: 'net.in_discards', unit: '{packet}/s' },
      out_discards: { path: 'net.out_discards', unit: '{packet}/s' },
      oper: { path: 'net.oper', unit: '1' },
      speed: { path: 'net.speed', unit: 'bit/s' },
    },
  },
} as const satisfies Record<string, AgentGroup>

export type GroupId = keyof typeof AGENT_GROUPS
export const GROUP_IDS = Object.keys(AGENT_GROUPS) as GroupId[]

export type TableId = {
  [G in GroupId]: (typeof AGENT_GROUPS)[G] extends { labels: unknown } ? G : never
}[GroupId]
export type ScalarId = Exclude<GroupId, TableId>

export type MetricOf<G extends GroupId> = keyof (typeof AGENT_GROUPS)[G]['metrics'] & string
export type LabelOf<G extends TableId> = keyof (typeof AGENT_GROUPS)[G]['labels'] & string

/** A value in its field's unit, or why there is none. */
export type Measured = number | GapReason

export type MeasuredScalars<G extends ScalarId> = Record<MetricOf<G>, Measured>

export interface MeasuredRow<G extends TableId> {
  labels: Partial<Record<LabelOf<G>, string>>
  values: Record<MetricOf<G>, Measured>
}

/** The states of `net.oper`, as ifOperStatus numbers them (RFC 2863). */
export const INTERFACE_STATES = {
  up: 1,
  down: 2,
  testing: 3,
  unknown: 4,
  dormant: 5,
  notpresent: 6,
  lowerlayerdown: 7,
} as const
