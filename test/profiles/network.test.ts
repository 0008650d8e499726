// Goal: the shipped profiles of network devices turn what the devices say into base units: optics,
// sensors whose unit is in a name or a column, rows that are not there, states, and facts.

import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { c64, type Device, int, polled, text } from './kit.ts'

const shippedDir = new URL('../../oids', import.meta.url).pathname
const catalogue = buildCatalogue(await loadSources({ shippedDir }))

/** One poll of a device by one shipped profile. */
const read = (profile: string, device: Device) => polled(catalogue, [profile]).poll(device, 0)

/** A row of a table whose columns lie below one OID. */
function row(entry: string, index: string, cells: Record<number, ReturnType<typeof int>>): Device {
  const device: Device = {}
  for (const [column, raw] of Object.entries(cells)) device[`${entry}.${column}.${index}`] = raw
  return device
}

/** An interface that is up. */
const port = (index: number, name: string): Device => ({
  [`1.3.6.1.2.1.31.1.1.1.1.${index}`]: text(name),
  [`1.3.6.1.2.1.2.2.1.8.${index}`]: int(1),
})

/** No value: the metric is not there, or it is a gap. */
const isNone = (value: unknown) =>
  value === undefined || value === null || /^gap:/.test(String(value))

const ENTITY = '1.3.6.1.2.1.47.1.1.1.1'

t.test('entity sensors: scale, precision, watts of light, and those that are not ok', async t => {
  const S = '1.3.6.1.2.1.99.1.1.1'
  const poll = read('entity-sensor-mib', {
    ...row(S, '1', { 1: int(8), 2: int(9), 3: int(1), 4: int(418), 5: int(1) }),
    ...row(S, '2', { 1: int(6), 2: int(8), 3: int(4), 4: int(2210), 5: int(1) }),
    ...row(S, '3', { 1: int(8), 2: int(9), 3: int(0), 4: int(12), 5: int(3) }),
    ...row(S, '4', { 1: int(4), 2: int(8), 3: int(0), 4: int(3300) }),
    [`${ENTITY}.2.2`]: text('DOM TX Power Sensor for Ethernet21'),
    [`${ENTITY}.5.2`]: int(8),
  })
  t.equal(poll.at('ent_sensor.temperature', '1'), 41.8)
  t.equal(Number(poll.at('ent_sensor.optical', '2')).toFixed(3), '-6.556')
  t.equal(poll.at('ent_sensor.power', '2'), undefined, 'light is not power')
  t.ok(isNone(poll.at('ent_sensor.temperature', '3')), 'a sensor out of order')
  t.equal(poll.at('ent_sensor.state', '3'), 3)
  t.equal(poll.at('ent_sensor.voltage', '4'), 3.3, 'an agent that leaves the status out')
})

t.test('Cisco: 64-bit pools where they move, flash beyond 4 GiB, cores', async t => {
  const C = '1.3.6.1.4.1.9.9'
  const poll = read('cisco-ios', {
    ...row(`${C}.221.1.1.1.1`, '1.1', { 7: int(700), 8: int(300), 18: c64(0), 20: c64(0) }),
    ...row(`${C}.10.1.1.4.1.1`, '1.1', { 4: int(-1), 5: int(-1), 13: c64(16e9), 14: c64(12e9) }),
    [`${C}.10.1.1.2.1.7.1`]: text('sdflash'),
    ...row(`${C}.109.1.1.2.1`, '2.0', { 5: int(4) }),
  })
  t.equal(poll.at('cisco_emem_pool.used', '1.1'), 700, 'a 64-bit 0 beside a 32-bit value')
  t.equal(poll.at('cisco_emem_pool.percent', '1.1'), 70)
  t.equal(poll.at('cisco_flash.used', '1.1'), 4e9)
  t.equal(poll.at('cisco_cpu_core.usage', '2.0'), 4)
  t.equal(poll.rows('cisco_flash')?.[0]?.name, 'sdflash:')
})

t.test('Cisco small business: one table of five measures', async t => {
  const R = '1.3.6.1.4.1.9.6.1.101'
  const poll = read('cisco-sb', {
    ...port(10, 'te1/0/10'),
    [`${R}.90.1.2.1.3.10.5`]: int(54),
    [`${R}.90.1.2.1.3.10.6`]: int(3_265_500),
    [`${R}.90.1.2.1.3.10.9`]: int(-5501),
    [`${R}.90.1.2.1.3.10.25`]: int(2),
    [`${R}.1.8.0`]: int(101),
  })
  t.equal(poll.at('radlan_optics.temperature', 'te1/0/10|temperature'), 54)
  t.equal(poll.at('radlan_optics.voltage', 'te1/0/10|voltage'), 3.2655)
  t.equal(poll.at('radlan_optics.rx', 'te1/0/10|Rx power'), -5.501)
  t.equal(poll.rows('radlan_optics')?.length, 3, 'other tests are no optics')
  t.ok(isNone(poll.at('radlan_cpu.usage')), '101 means that it is not measured')
})

t.test('Nokia: light in tenths of a microwatt, -128 degrees are none', async t => {
  const N = '1.3.6.1.4.1.6527.3.1.2.2'
  const optic = (tx: number, rx: number) => ({
    1: int(11_037),
    6: int(32_000),
    11: int(19_402),
    16: int(tx),
    21: int(rx),
  })
  const poll = read('nokia-sros', {
    ...port(77, '1/1/1'),
    ...row(`${N}.4.31.1`, '1.77', optic(10_000, 0)),
    ...row(`${N}.1.8.1`, '1.5', { 8: text('Slot 1'), 18: int(-128), 16: int(2) }),
    ...row(`${N}.1.8.1`, '1.6', { 8: text('Slot A'), 18: int(41), 16: int(5) }),
  })
  t.equal(poll.at('nokia_optics.tx', '1/1/1'), 0)
  t.ok(isNone(poll.at('nokia_optics.rx', '1/1/1')), 'no light is no number')
  t.equal(poll.at('nokia_optics.bias', '1/1/1'), 0.038804)
  t.ok(isNone(poll.at('nokia_part.temperature', '1|Slot 1')))
  t.equal(poll.at('nokia_part.temperature', '1|Slot A'), 41)
})

t.test('Huawei: received light in hundredths of dBm, or in microwatts', async t => {
  const H = '1.3.6.1.4.1.2011.5.25.31.1.1.3.1'
  const poll = read('huawei-vrp', {
    ...row(H, '1', { 8: int(-512) }),
    ...row(H, '2', { 8: int(500) }),
    ...row(H, '3', { 8: int(-1) }),
  })
  t.equal(poll.at('huawei_optics.rx', '1'), -5.12)
  t.equal(Number(poll.at('huawei_optics.rx', '2')).toFixed(2), '-3.01')
  t.ok(isNone(poll.at('huawei_optics.rx', '3')))
})

t.test('Fortinet: the unit of a sensor is in its name', async t => {
  const F = '1.3.6.1.4.1.12356.101.4.3.2.1'
  const sensors = [
    ['CPU ON-DIE Temperature', 'temperature'],
    ['Fan 1', 'fan'],
    ['+3.3V', 'voltage'],
    ['PS1 Status', 'status'],
    ['DTS CPU0', 'temperature'],
  ] as const
  const device: Device = {}
  sensors.forEach(([name], i) => {
    Object.assign(device, row(F, `${i + 1}`, { 2: text(name), 3: text('42.5'), 4: int(0) }))
  })
  const poll = read('fortinet-fortigate', device)
  sensors.forEach(([name, metric], i) => {
    t.equal(poll.at(`fortinet_sensor.${metric}`, `${i + 1}`), 42.5, String(name))
  })
})

t.test(
  'Juniper: memory of a routing engine, peers of all instances, no read-only images',
  async t => {
    const J = '1.3.6.1.4.1.2636'
    const HR = '1.3.6.1.2.1.25.2.3.1'
    const disk = (name: string) => ({
      2: { type: 'oid' as const, value: '1.3.6.1.2.1.25.2.1.4' },
      3: text(name),
      4: int(512),
      5: int(100),
      6: int(100),
    })
    const poll = read('juniper-junos', {
      ...row(`${J}.3.1.13.1`, '9.1.0.0', {
        5: text('Routing Engine 0'),
        8: int(26),
        11: int(25),
        15: int(980),
      }),
      ...row(`${J}.3.1.13.1`, '8.1.0.0', { 5: text('PIC'), 8: int(0), 11: int(0), 15: int(0) }),
      ...row(`${J}.5.1.1.2.1.1.1`, '9.1.10.1.1.2.1.10.1.1.1', {
        2: int(6),
        3: int(2),
        13: int(64_512),
      }),
      ...row(HR, '1', disk('/dev/ada0, mounted on: /var')),
      ...row(HR, '2', disk('/dev/md1.uzip, mounted on: /.mount/packages/mnt/os')),
    })
    t.equal(poll.at('juniper_operating.used', '9.1.0.0'), 980 * 1024 * 1024 * 0.25)
    t.equal(poll.at('juniper_operating.usage', '8.1.0.0'), undefined, 'a part without a processor')
    t.equal(poll.at('juniper_bgp_peer.state', '9|10.1.1.1'), 6)
    t.same(
      poll.rows('hr_storage')?.map(storage => storage.name),
      ['/dev/ada0, mounted on: /var'],
    )
  },
)

t.test('BGP peers with an address of a written length; texts that hold a percentage', async t => {
  const C = '1.3.6.1.4.1.9.9.187.1.2.5.1'
  const nexus = read('cisco-nxos', {
    ...row(C, '1.4.10.0.0.1', { 3: int(6), 4: int(2), 11: int(65_001) }),
    ...row(C, '2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1', { 3: int(1), 4: int(2), 11: int(-1) }),
  })
  t.equal(nexus.at('cisco_bgp_peer.state', '10.0.0.1'), 6)
  t.equal(nexus.at('cisco_bgp_peer.state', '2001:db8::1'), 1)
  t.equal(nexus.rows('cisco_bgp_peer')?.[1]?.labels.remote_as, '4294967295')
  const F = '1.3.6.1.4.1.4413.1.1.1.1.4'
  const load = '    5 Secs ( 18.95%)   60 Secs ( 17.22%)  300 Secs ( 16.50%)'
  const edge = read('ubiquiti-edgeswitch', { [`${F}.9.0`]: text(load) })
  t.equal(edge.at('fastpath_cpu.usage'), 16.5)
  const older = '5 Sec (6.99%),    1 Min (6.72%),   5 Min (9.06%)'
  t.equal(read('fastpath', { [`${F}.4.0`]: text(older) }).at('fastpath_cpu.usage'), 9.06)
})
