// Goal: rates, shares and percentages are right, and each missing one says why.

import t from 'tap'
import { createMeasurements } from '../../agent/measure.ts'
import { roundRate } from '../../agent/rates.ts'
import type {
  CpuCounters,
  DiskCounters,
  HostSource,
  InterfaceCounters,
  SmartDisk,
  Tasks,
} from '../../agent/source.ts'

const TIMES = { user: 0, system: 0, idle: 0, irq: 0, iowait: 0, steal: 0 }
const CPU: CpuCounters = { cores: [TIMES, TIMES], ...TIMES }
const ETH: InterfaceCounters = {
  name: 'eth0',
  mac: null,
  inBytes: 1000,
  outBytes: 0,
  inErrors: 0,
  outErrors: 0,
  inDiscards: 0,
  outDiscards: 0,
  state: 'up',
  bitsPerSecond: 1e9,
}
const DISK: DiskCounters = {
  disk: 'sda',
  readBytes: 0,
  writtenBytes: 0,
  reads: null,
  writes: null,
  busyMs: 0,
}

/** A host whose counters and clock the test sets. */
function host() {
  const at = {
    now: 1000,
    cpu: CPU,
    interfaces: [ETH],
    disks: [DISK],
    tasks: null as Tasks | null,
    smart: null as SmartDisk[] | null,
    ahead: null as number | null,
  }
  const source: HostSource = {
    system: async () => ({ uptimeSeconds: 5.6, processes: 3, users: null }),
    cpu: async () => at.cpu,
    load: async () => null,
    memory: async () => ({
      total: 1000,
      available: 250,
      free: 100,
      cached: 150,
      swapTotal: 0,
      swapFree: 0,
    }),
    filesystems: async () => [
      {
        mount: '/',
        device: '/dev/sda',
        type: 'ext4',
        bytes: { size: 100, used: 45, available: 45 },
        inodes: { total: 10, used: 1 },
      },
      { mount: '/dead', device: 'x', type: 'xfs', bytes: null, inodes: null, failed: 'timeout' },
    ],
    disks: async () => at.disks,
    interfaces: async () => at.interfaces,
    sensors: async () => null,
    tasks: async () => at.tasks,
    failedUnits: async () => ['a.service', 'b.mount'],
    software: async () => ({
      os: 'Debian',
      kernel: '6.1',
      updates: 3,
      security: null,
      needsReboot: true,
    }),
    smart: async () => at.smart,
  }
  return {
    at,
    measure: createMeasurements(
      source,
      () => at.ahead,
      () => at.now,
    ),
  }
}

t.test('CPU shares of all time between two reads', async t => {
  const { at, measure } = host()
  t.match(await measure.host_cpu(), { usage: 'first', steal: 'first', cores: 2 })
  at.cpu = {
    cores: [{ ...TIMES, user: 5, idle: 15 }, TIMES],
    user: 30,
    system: 10,
    idle: 140,
    irq: 2,
    iowait: 10,
    steal: 8,
  }
  t.same(await measure.host_cpu(), {
    usage: 25,
    user: 15,
    system: 5,
    iowait: 5,
    irq: 1,
    steal: 4,
    cores: 2,
  })
  at.cpu = { ...at.cpu, idle: 240, iowait: 9 }
  t.match(await measure.host_cpu(), { usage: 0, iowait: 0 }, 'I/O wait going back is none')
  at.cpu = CPU
  t.match(await measure.host_cpu(), { usage: 'reset' })
  t.match(await measure.host_cpu(), { usage: 'partial' }, 'no time has passed')
})

t.test('rates by the monotonic clock', async t => {
  const { at, measure } = host()
  const first = await measure.host_interface()
  t.match(first, [{ values: { in: 'first', oper: 1, speed: 1e9 }, labels: { name: 'eth0' } }])
  t.notOk('mac' in (first?.[0]?.labels ?? {}))
  at.now += 2000
  at.interfaces = [{ ...ETH, inBytes: 1000 + 123_456_789, inErrors: 1, state: 'lowerlayerdown' }]
  t.match(await measure.host_interface(), [
    { values: { in: 493_830_000, out: 0, in_errors: 0.5, oper: 7 } },
  ])
  at.now += 2000
  at.interfaces = [{ ...ETH, state: 'something new' }]
  t.match(await measure.host_interface(), [{ values: { in: 'reset', oper: 4 } }])
})

t.test('disks', async t => {
  const { at, measure } = host()
  await measure.host_disk_io()
  at.now += 1000
  at.disks = [{ ...DISK, readBytes: 4096, busyMs: 1200 }]
  t.match(await measure.host_disk_io(), [
    { values: { read: 4096, write: 0, reads: 'no-such-object', busy: 100 } },
  ])
})

t.test('memory, file systems, and what a system does not have', async t => {
  const { measure } = host()
  t.match(await measure.host_memory(), { used: 750, percent: 75, swap_percent: 'no-such-object' })
  t.match(await measure.host(), { uptime: 6, processes: 3, users: 'no-such-object' })
  t.match(await measure.host_load(), { one: 'no-such-object' })
  t.match(await measure.host_disk(), [
    { labels: { mount: '/' }, values: { percent: 50, inodes_percent: 10 } },
    { labels: { mount: '/dead' }, values: { size: 'timeout', inodes: 'timeout' } },
  ])
})

t.test('rates keep five significant digits', async t => {
  t.equal(roundRate(123_456_789), 123_460_000)
  t.equal(roundRate(0.00123456), 0.0012346)
  t.equal(roundRate(0), 0)
})

t.test('each core has its own shares', async t => {
  const { at, measure } = host()
  t.match(await measure.host_core(), [{ labels: { core: '0' }, values: { usage: 'first' } }, {}])
  const busy = { ...TIMES, user: 5, idle: 15 }
  at.cpu = { ...CPU, cores: [busy, { ...TIMES, idle: 20 }] }
  t.match(await measure.host_core(), [
    { labels: { core: '0' }, values: { usage: 25, idle: undefined } },
    { labels: { core: '1' }, values: { usage: 0, steal: 0 } },
  ])
})

t.test('what this host does not have is left out', async t => {
  const { at, measure } = host()
  t.equal(await measure.host_temperature(), null)
  t.equal(await measure.host_task(), null)
  t.equal(await measure.host_program(), null)
  t.equal(await measure.host_smart(), null)
  t.match(await measure.host(), { clock: 'no-such-object' }, 'nobody told the time yet')
  at.ahead = 3600.5
  t.match(await measure.host(), { clock: 3600.5 })
  t.same(await measure.host_service(), { failed: 2, names: { text: 'a.service b.mount' } })
  t.same(await measure.host_software(), {
    os: { text: 'Debian' },
    kernel: { text: '6.1' },
    updates: 3,
    security: 'no-such-object',
    reboot: 1,
  })
})

t.test('programs: the first by CPU and memory, each with a row that stays', async t => {
  const { at, measure } = host()
  const counts = { running: 1, sleeping: 9, blocked: 0, zombie: 0, stopped: 0, threads: 40 }
  const program = (name: string, cpuMs: number, memoryBytes: number) => ({
    ...{ name, cpuMs, memoryBytes, processes: 1 },
  })
  const many = Array.from({ length: 9 }, (_, i) => program(`p${i}`, 0, 1000 - i))
  at.tasks = { ...counts, programs: [...many, program('busy', 30_000, 1)] }
  t.same(await measure.host_task(), counts)
  const first = await measure.host_program()
  t.same(
    first?.map(row => row.labels.program),
    ['p0', 'p1', 'p2', 'p3', 'p4'],
    'CPU time since the start of a process is no rate yet',
  )
  t.equal(first?.[0]?.values.cpu, 'first')
  at.now += 60_000
  t.match(await measure.host_program(), { length: 6, 5: { values: { cpu: 50, memory: 1 } } })
  at.now += 60_000
  at.tasks = { ...counts, programs: [program('p8', 0, 5000), program('busy', 0, 1)] }
  t.match(await measure.host_program(), [
    { labels: { program: 'p8' }, values: { memory: 5000 } },
    { labels: { program: 'busy' }, values: { cpu: 0 } },
  ])
  for (let i = 0; i < 100; i++) {
    at.now += 60_000
    const next = Array.from({ length: 200 }, (_, n) => program(`x${i}-${n}`, 0, 9000 + n))
    at.tasks = { ...counts, programs: next }
    await measure.host_program()
  }
  const all = Array.from({ length: 100 }, (_, i) => program(`x${i}-199`, 0, 1))
  at.now += 60_000
  at.tasks = { ...counts, programs: all }
  const rows = await measure.host_program()
  t.ok(rows && rows.length > 5 && rows.length < 50, `${rows?.length} rows after 100 programs`)
})

t.test('a disk that sleeps is told from one that fails', async t => {
  const { at, measure } = host()
  const known = { celsius: 40, hours: 2, wearPercent: null, reallocated: 0, pending: 1, errors: 0 }
  const disk = { disk: 'sda', model: 'M', serial: 'S', isAsleep: false, passed: true, ...known }
  at.smart = [
    disk,
    { ...disk, disk: 'sdb', passed: false },
    { ...disk, disk: 'sdc', isAsleep: true },
  ]
  t.match(await measure.host_smart(), [
    {
      labels: { disk: 'sda' },
      values: { health: 1, powered: 7200, wear: 'no-such-object', pending: 1 },
    },
    { values: { health: 2 } },
    { values: { health: 'shed', celsius: 'shed' } },
  ])
})
