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
  /** Measured this seldom where the agent's own interval is shorter, ms. */
  everyMs?: number
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
      clock: { path: 'system.clock', unit: 's' },
      interval: { path: 'system.interval', unit: 's' },
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
  host_core: {
    labels: { core: 'core.number' },
    metrics: {
      usage: { path: 'core.usage', unit: '%' },
      user: { path: 'core.user', unit: '%' },
      system: { path: 'core.system', unit: '%' },
      iowait: { path: 'core.iowait', unit: '%' },
      irq: { path: 'core.irq', unit: '%' },
      steal: { path: 'core.steal', unit: '%' },
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
  host_temperature: {
    everyMs: 60_000,
    labels: { sensor: 'temperature.sensor', chip: 'temperature.chip' },
    metrics: {
      celsius: { path: 'temperature.celsius', unit: 'Cel' },
      critical: { path: 'temperature.critical', unit: 'Cel' },
    },
  },
  host_fan: {
    everyMs: 60_000,
    labels: { sensor: 'fan.sensor', chip: 'fan.chip' },
    metrics: { speed: { path: 'fan.speed', unit: '{rpm}' } },
  },
  host_task: {
    everyMs: 60_000,
    metrics: {
      running: { path: 'task.running', unit: '{process}' },
      sleeping: { path: 'task.sleeping', unit: '{process}' },
      blocked: { path: 'task.blocked', unit: '{process}' },
      zombie: { path: 'task.zombie', unit: '{process}' },
      stopped: { path: 'task.stopped', unit: '{process}' },
      threads: { path: 'task.threads', unit: '{thread}' },
    },
  },
  host_program: {
    everyMs: 60_000,
    labels: { program: 'program.name' },
    metrics: {
      cpu: { path: 'program.cpu', unit: '%' },
      memory: { path: 'program.memory', unit: 'By' },
      processes: { path: 'program.processes', unit: '{process}' },
    },
  },
  host_service: {
    everyMs: 300_000,
    metrics: {
      failed: { path: 'service.failed', unit: '{unit}' },
      names: { path: 'service.names', unit: '1' },
    },
  },
  host_software: {
    everyMs: 600_000,
    metrics: {
      os: { path: 'software.os', unit: '1' },
      kernel: { path: 'software.kernel', unit: '1' },
      updates: { path: 'software.updates', unit: '{package}' },
      security: { path: 'software.security', unit: '{package}' },
      reboot: { path: 'software.reboot', unit: '1' },
    },
  },
  host_smart: {
    everyMs: 3_600_000,
    labels: { disk: 'smart.disk', model: 'smart.model', serial: 'smart.serial' },
    metrics: {
      health: { path: 'smart.health', unit: '1' },
      celsius: { path: 'smart.celsius', unit: 'Cel' },
      powered: { path: 'smart.powered', unit: 's' },
      wear: { path: 'smart.wear', unit: '%' },
      reallocated: { path: 'smart.reallocated', unit: '{sector}' },
      pending: { path: 'smart.pending', unit: '{sector}' },
      errors: { path: 'smart.errors', unit: '{error}' },
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

/** A value in its field's unit, a text, or why there is none. */
export type Measured = number | { text: string } | GapReason

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
