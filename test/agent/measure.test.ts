// Goal: rates, shares and percentages are right, and each missing one says why.

import t from 'tap'
import { createMeasurements } from '../../agent/measure.ts'
import { roundRate } from '../../agent/rates.ts'
import type { DiskCounters, HostSource, InterfaceCounters } from '../../agent/source.ts'

const CPU = { cores: 2, user: 0, system: 0, idle: 0, irq: 0, iowait: 0, steal: 0 }
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
  }
  return { at, measure: createMeasurements(source, () => at.now) }
}

t.test('CPU shares of all time between two reads', async t => {
  const { at, measure } = host()
  t.match(await measure.host_cpu(), { usage: 'first', steal: 'first', cores: 2 })
  at.cpu = { cores: 2, user: 30, system: 10, idle: 140, irq: 2, iowait: 10, steal: 8 }
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
  t.notOk('mac' in (first[0]?.labels ?? {}))
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
  t.same(await measure.host(), { uptime: 6, processes: 3, users: 'no-such-object' })
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
