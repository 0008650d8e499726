// Goal: the shipped profiles of hosts, storage, power, printers and environment turn what the devices
// say into base units, and what they say wrongly (negative, zero, unknown) into no value.

import t from 'tap'
import type { RawValue } from '../../server/model/raw.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { bytes, type Device, int, polled, text } from './kit.ts'

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

const oid = (value: string): RawValue => ({ type: 'oid', value })

/** No value: the metric is not there, or it is a gap. */
const isNone = (value: unknown) =>
  value === undefined || value === null || /^gap:/.test(String(value))

const STORAGE = '1.3.6.1.2.1.25.2.3.1'
const storage = (
  index: number,
  type: number,
  name: string,
  unit: number,
  size: number,
  used: number,
) =>
  row(STORAGE, String(index), {
    2: oid(`1.3.6.1.2.1.25.2.1.${type}`),
    3: text(name),
    4: int(unit),
    5: int(size),
    6: int(used),
  })

t.test('hosts: memory without its cache, sizes beyond 2^31 blocks, rows of nothing', async t => {
  const poll = read('host-resources-mib', {
    ...storage(1, 2, 'Physical memory', 1024, 1000, 900),
    ...storage(6, 1, 'Memory buffers', 1024, 1000, 100),
    ...storage(7, 1, 'Cached memory', 1024, 500, 500),
    ...storage(31, 4, '/big', 4096, -2_000_000_000, 1_000_000_000),
    ...storage(32, 4, '/dev', 0, 0, 0),
    ...storage(60, 1, 'UMA: mbuf', 256, 1000, 10),
  })
  t.equal(poll.at('hr_memory.used', 'Physical memory'), 300 * 1024)
  t.equal(poll.at('hr_memory.part_cached', 'Physical memory'), 500 * 1024)
  t.equal(poll.at('hr_memory.percent', 'Physical memory'), 30)
  t.ok(isNone(poll.at('hr_memory.percent', 'Cached memory')), 'a cache is never too full')
  t.equal(poll.at('hr_memory.used', 'UMA: mbuf'), undefined, 'the kernel’s own pools')
  t.equal(poll.at('hr_storage.size', '/big'), 2_294_967_296 * 4096)
  t.equal(poll.at('hr_storage.size', '/dev'), undefined)
})

t.test('hosts: a cache that is negative is not taken off', async t => {
  const poll = read('host-resources-mib', {
    ...storage(1, 2, 'Physical memory', 4096, 1000, 800),
    ...storage(7, 1, 'Cached memory', 4096, 500, -146),
  })
  t.equal(poll.at('hr_memory.used', 'Physical memory'), 800 * 4096)
  t.ok(isNone(poll.at('hr_memory.part_cached', 'Physical memory')))
  t.ok(isNone(poll.at('hr_memory.used', 'Cached memory')))
})

t.test('UPS: tenths of hertz, ampere and volt; minutes; three phases', async t => {
  const U = '1.3.6.1.2.1.33.1'
  const poll = read('ups-mib', {
    [`${U}.2.1.0`]: int(2),
    [`${U}.2.3.0`]: int(137),
    [`${U}.2.4.0`]: int(100),
    [`${U}.2.5.0`]: int(4170),
    [`${U}.2.7.0`]: int(0),
    [`${U}.4.1.0`]: int(3),
    [`${U}.4.2.0`]: int(500),
    ...row(`${U}.3.3.1`, '1', { 2: int(499), 3: int(238), 4: int(48), 5: int(1100) }),
    ...row(`${U}.3.3.1`, '3', { 2: int(499), 3: int(240), 4: int(-1), 5: int(0) }),
    ...row(`${U}.5.3.1`, '2', { 2: int(239), 3: int(5) }),
  })
  t.equal(poll.at('ups.runtime'), 8220)
  t.equal(poll.at('ups.battery_voltage'), 417)
  t.equal(poll.at('ups.output_frequency'), 50)
  t.equal(poll.at('ups_input.frequency', '1'), 49.9)
  t.equal(poll.at('ups_input.current', '1'), 4.8)
  t.ok(isNone(poll.at('ups_input.current', '3')), 'a negative current')
  t.equal(poll.at('ups_bypass.voltage', '2'), 239)
  t.ok(isNone(poll.at('ups.battery_temperature')), '0 degrees are no sensor')
})

t.test('Delta: voltages in volts, or in tenths against the RFC', async t => {
  const U = '1.3.6.1.2.1.33.1'
  const poll = read('delta-ups', {
    ...row(`${U}.3.3.1`, '1', { 2: int(500), 3: int(2313) }),
    ...row(`${U}.4.4.1`, '1', { 2: int(230), 3: int(94) }),
  })
  t.equal(poll.at('ups_input.voltage', '1'), 231.3)
  t.equal(poll.at('ups_output.voltage', '1'), 230)
  t.equal(poll.at('ups_output.current', '1'), 9.4)
})

t.test('Raritan: digits of each sensor; a switched outlet has a state, no number', async t => {
  const R = '1.3.6.1.4.1.13742.6'
  const sensor = (type: number, digits: number, state: number, value: number): Device => ({
    [`${R}.3.5.4.1.7.1.7.${type}`]: int(digits),
    [`${R}.5.4.3.1.3.1.7.${type}`]: int(state),
    [`${R}.5.4.3.1.4.1.7.${type}`]: int(value),
  })
  const poll = read('raritan-pdu2', {
    [`${R}.3.5.3.1.2.1.7`]: text('7'),
    ...sensor(1, 3, 4, 633),
    ...sensor(7, 2, 4, 99),
    ...sensor(8, 0, 4, 5812),
    ...sensor(14, 0, 7, 0),
    ...row(`${R}.3.6.3.1`, '1.2', { 2: int(10), 4: text('Inlet'), 16: int(7), 17: int(1) }),
    ...row(`${R}.5.5.3.1`, '1.2', { 3: int(4), 4: int(-35) }),
  })
  t.equal(poll.at('raritan_outlet.current', '1.7'), 0.633)
  t.equal(poll.at('raritan_outlet.factor', '1.7'), 99)
  t.equal(poll.at('raritan_outlet.energy', '1.7'), 5812)
  t.equal(poll.at('raritan_outlet.power_state', '1.7'), 7)
  t.equal(poll.at('raritan_sensor.temperature', '1.2'), -3.5)
  t.equal(poll.at('raritan_sensor.humidity', '1.2'), undefined, 'not of a thermometer')
  t.equal(poll.rows('raritan_outlet')?.[0]?.name, 'Outlet 7')
})

t.test('printers: levels -1, -2 and -3 are no numbers; flags of the first octet', async t => {
  const P = '1.3.6.1.2.1.43'
  const supply = (index: string, capacity: number, level: number) =>
    row(`${P}.11.1.1`, index, { 6: text(`Supply ${index}`), 8: int(capacity), 9: int(level) })
  const poll = read('printer-mib', {
    '1.3.6.1.2.1.25.3.2.1.2.1': oid('1.3.6.1.2.1.25.3.1.5'),
    '1.3.6.1.2.1.25.3.2.1.5.1': int(3),
    '1.3.6.1.2.1.25.3.5.1.2.1': bytes(0x20, 0),
    '1.3.6.1.2.1.25.3.2.1.2.3': oid('1.3.6.1.2.1.25.3.1.4'),
    '1.3.6.1.2.1.25.3.2.1.5.3': int(2),
    ...supply('1.1', 8000, 2000),
    ...supply('1.2', 100, -3),
    ...supply('1.3', 100, -2),
    ...supply('1.4', -2, 70),
    ...supply('1.5', -2, 4000),
    ...row(`${P}.8.2.1`, '1.2', { 9: int(150), 10: int(-3), 13: text('Tray 2') }),
    ...row(`${P}.8.2.1`, '1.3', { 9: int(550), 10: int(11), 13: text('Tray 3') }),
  })
  t.equal(poll.at('printer_supply.percent', '1.1'), 25)
  t.ok(isNone(poll.at('printer_supply.percent', '1.2')))
  t.equal(poll.at('printer_supply.state', '1.2'), 1, 'some left')
  t.ok(isNone(poll.at('printer_supply.percent', '1.3')))
  t.equal(poll.at('printer_supply.percent', '1.4'), 70, 'unknown capacity: per cent')
  t.ok(isNone(poll.at('printer_supply.percent', '1.5')), 'of unknown capacity, and no per cent')
  t.ok(isNone(poll.at('printer_tray.percent', '1.2')))
  t.equal(poll.at('printer_tray.state', '1.2'), 1)
  t.equal(poll.at('printer_tray.percent', '1.3'), 2)
  t.equal(poll.at('printer.errors', '1'), 4, 'bit 2: low toner')
  t.equal(poll.at('printer.device', '3'), undefined, 'the network card is no printer')
})

t.test('Synology: a volume’s use, a life that is not known', async t => {
  const Y = '1.3.6.1.4.1.6574'
  const poll = read('synology-dsm', {
    [`${Y}.1.2.0`]: int(34),
    ...row(`${Y}.2.1.1`, '0', {
      2: text('Disk 1'),
      5: int(5),
      6: int(31),
      9: int(511),
      11: int(-1),
    }),
    ...row(`${Y}.3.1.1`, '0', { 2: text('Volume 1'), 3: int(11), 4: int(400), 5: int(1000) }),
  })
  t.equal(poll.at('synology_disk.status', 'Disk 1'), 5)
  t.equal(poll.at('synology_disk.bad_sectors', 'Disk 1'), 511)
  t.ok(isNone(poll.at('synology_disk.life', 'Disk 1')))
  t.equal(poll.at('synology_raid.percent', 'Volume 1'), 60)
})

t.test('super capacitors: thirteen values of each pack in one column', async t => {
  const S = '1.3.6.1.2.1.555.1.1.1'
  const pack = [3025, 3023, 4_294_967_133, 5399, 7500, 15_000, 1, 1000, 15, 0, 0, 0, 1]
  const device: Device = Object.fromEntries(pack.map((value, k) => [`${S}.${15 + k}`, int(value)]))
  const poll = read('supercap', {
    ...device,
    ...Object.fromEntries(pack.map((_, k) => [`${S}.${2 + k}`, int(0)])),
  })
  t.equal(poll.at('supercap.ambient', '2'), 30.25)
  t.equal(poll.at('supercap.current', '2'), -1.63, 'discharging: the same 32 bits with a sign')
  t.equal(poll.at('supercap.charge', '2'), 50)
  t.equal(poll.at('supercap.voltage_alarm', '2'), 1)
  t.equal(poll.at('supercap.voltage', '1'), undefined, 'a place without a pack')
})

t.test('air conditioner: Fahrenheit to Celsius, differences without the offset', async t => {
  const C = '1.3.6.1.4.1.26609.2'
  const device: Device = { [`${C}.1.8.2.0`]: int(90), [`${C}.4.1.2.0`]: int(860) }
  const fahrenheit = read('spectracool', { ...device, [`${C}.1.9.2.0`]: int(1) })
  t.equal(fahrenheit.at('spectracool.probe_1'), 30)
  t.equal(fahrenheit.at('spectracool.heat_diff'), 5)
})
