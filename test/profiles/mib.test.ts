// Goal: a MIB's tables and scalars become a profile without problems, and a profile that reads them
// at another scale is found.
import path from 'node:path'
import t from 'tap'
import type { Mib } from '../../server/model/mib.ts'
import { NODE_MODULES_DIR } from '../../server/paths.ts'
import { disagreements } from '../../server/profiles/mib-check.ts'
import { profileOfMib } from '../../server/profiles/mib-profile.ts'
import { mibUnit } from '../../server/profiles/mib-units.ts'
import { readMib } from '../../server/snmp/mib.ts'
import { bytes, c64, goodCatalogue, int, polled, text } from './kit.ts'

const own = (name: string) => path.join(import.meta.dirname, 'mibs', name)
const IF_MIB = path.join(NODE_MODULES_DIR, 'net-snmp/lib/mibs/IF-MIB.mib')
const OID = '1.3.6.1.4.1.99990.1.1'

function profile(mib: Mib, tables: readonly string[], scalars: boolean) {
  return profileOfMib(mib, {
    tables: mib.tables.filter(table => tables.includes(table.name)),
    scalars: scalars ? mib.scalars : [],
    taken: new Set(),
  })
}

t.test('IF-MIB of the package', async t => {
  const mib = await readMib(IF_MIB)
  const doc = profile(mib, ['ifTable', 'ifXTable'], true)
  goodCatalogue({ 'from-if-mib': doc })
  const table = doc.tables?.if
  t.same(table?.index, ['if_index'])
  t.same(table?.name, ['descr'])
  t.equal(table?.metrics?.in_octets?.oid, '1.3.6.1.2.1.2.2.1.10')
  t.equal(table?.metrics?.in_octets?.kind, 'rate')
  t.equal(table?.metrics?.in_octets?.unit, 'By/s')
  t.equal(table?.metrics?.in_ucast_pkts?.unit, '{packet}/s')
  t.equal(table?.metrics?.last_change?.as, 'ticks')
  t.match(table?.metrics?.oper_status?.states, { '1': 'up', '7': 'lowerLayerDown' })
  t.equal(table?.metrics?.speed?.kind, 'gauge')
  t.equal(table?.metrics?.type, undefined, 'an enumeration of 270 names a kind, and is no state')
  t.same(doc.tables?.if_x?.index, ['if_index'], 'as the table that it augments')
  t.equal(doc.scalars?.if_mib?.metrics?.number?.oid, '1.3.6.1.2.1.2.1.0')
})

t.test('one of each', async t => {
  const mib = await readMib(own('POLLUX-TEST-MIB.txt'))
  const doc = profile(mib, ['testSensorTable', 'testExtraTable'], true)
  const catalogue = goodCatalogue({ test: doc })
  const table = doc.tables?.test_sensor
  t.same(table?.index, [
    'test_sensor_shelf',
    'test_sensor_mac:mac',
    'test_sensor_peer:ip',
    'test_sensor_key:string*',
  ])
  t.same(doc.tables?.test_extra?.index, table?.index)
  t.same(Object.keys(table?.columns ?? {}), ['name'])
  const { description: _, ...temperature } = table?.metrics?.temperature ?? {}
  t.same(temperature, {
    title: 'Temperature',
    oid: `${OID}.10.1.6`,
    unit: 'Cel',
    scale: 0.1,
    kind: 'gauge',
  })
  t.match(table?.metrics, {
    health: { kind: 'state', states: { '1': 'good', '3': 'failed' } },
    flags: { kind: 'flags', as: 'bits', states: { '0': 'hot', '2': 'lost' } },
    reads: { kind: 'rate', unit: '{event}/s' },
    in_octets: { kind: 'rate', unit: 'By/s' },
    checked: { as: 'datetime', unit: 's' },
    note: { kind: 'text' },
    enabled: { states: { '1': 'true', '2': 'false' } },
    runtime: { unit: 's', scale: 60 },
    odd: { '//': "the MIB's UNITS: furlongs per fortnight" },
  })
  t.notOk(table?.metrics?.status, 'a row status is not monitored')
  t.match(doc.tables?.test_extra?.metrics?.power, { unit: 'W', scale: 0.001 })
  t.same(Object.keys(doc.scalars?.pollux_test_mib?.metrics ?? {}), [
    'voltage',
    'model',
    'on_battery',
  ])
  t.match(doc.scalars?.pollux_test_mib?.metrics?.voltage, { unit: 'V', scale: 0.1 })

  const index = '1.0.26.43.60.77.94.192.0.2.1.97.98'
  const device = polled(catalogue)
  const poll = device.poll(
    {
      [`${OID}.10.1.5.${index}`]: text('inlet'),
      [`${OID}.10.1.6.${index}`]: int(231),
      [`${OID}.10.1.7.${index}`]: int(2),
      [`${OID}.10.1.8.${index}`]: bytes(0xa0),
      [`${OID}.10.1.9.${index}`]: c64(5),
      [`${OID}.1.0`]: int(2301),
    },
    0,
  )
  t.equal(poll.at('test_sensor.temperature', index), 23.1)
  t.equal(poll.at('test_sensor.health', index), 2)
  t.equal(poll.at('test_sensor.flags', index), 5)
  t.equal(poll.at('test_sensor.reads', index), 'gap:first')
  t.equal(poll.at('pollux_test_mib.voltage'), 230.1)
  t.equal(poll.rows('test_sensor')?.[0]?.name, 'inlet')
})

t.test('group ids that are in use get the name of the module', async t => {
  const mib = await readMib(IF_MIB)
  const tables = mib.tables.filter(table => table.name === 'ifTable')
  const doc = profileOfMib(mib, { tables, scalars: [], taken: new Set(['if']) })
  t.same(Object.keys(doc.tables ?? {}), ['if_mib_if'])
})

t.test('files that cannot be used say why, and leave the next one alone', async t => {
  const fails = (name: string, message: RegExp) =>
    t.rejects(readMib(own(name)), { code: 'E_MIB', message }, name)
  await fails(
    'broken/POLLUX-ORPHAN-MIB.txt',
    /POLLUX-GONE-MIB \(imported by POLLUX-ORPHAN-MIB\)|POLLUX-LOST-MIB \(imported by POLLUX-ORPHAN-MIB\), POLLUX-GONE/,
  )
  await fails('broken/POLLUX-ENDLESS-MIB.txt', /IMPORTS of POLLUX-ENDLESS-MIB do not end/)
  await fails('broken/POLLUX-CIRCLE-A-MIB.txt', /import each other: .*CIRCLE-A.* → .*CIRCLE-B/)
  await fails('broken/POLLUX-TORN-MIB.txt', /POLLUX-TORN-MIB has no END/)
  await fails('broken/POLLUX-CUT-MIB.txt', /POLLUX-CUT-MIB cannot be parsed/)
  await fails('nowhere.txt', /no file that can be read/)
  await fails('../mib.test.ts', /holds no MIB module/)
  t.equal((await readMib(own('POLLUX-TYPES-MIB.txt'))).module, 'POLLUX-TYPES-MIB')
})

t.test('UNITS as MIBs write them', async t => {
  const cases: Record<string, [string, number] | null> = {
    '0.1 Volt DC': ['V', 0.1],
    '0.1 RMS Amp': ['A', 0.1],
    '0.1 Hertz': ['Hz', 0.1],
    'RMS Volts': ['V', 1],
    Watts: ['W', 1],
    minutes: ['s', 60],
    seconds: ['s', 1],
    milliseconds: ['s', 0.001],
    'centi-seconds': ['s', 0.01],
    '1/10 degrees Celsius': ['Cel', 0.1],
    'tenth degrees C': ['Cel', 0.1],
    'degrees centigrade': ['Cel', 1],
    percent: ['%', 1],
    '%': ['%', 1],
    KBytes: ['By', 1024],
    kilobytes: ['By', 1024],
    Megabytes: ['By', 1024 ** 2],
    bytes: ['By', 1],
    octets: ['By', 1],
    'bits per second': ['bit/s', 1],
    'packets per second': ['{packet}/s', 1],
    packets: ['{packet}', 1],
    MHz: ['Hz', 1e6],
    '0.01 dBm': ['dB[mW]', 0.01],
    RPM: ['{rpm}', 1],
    'milli-amperes': ['A', 0.001],
    kWh: ['Wh', 1000],
    'furlongs per fortnight': null,
    '': null,
  }
  for (const [units, wanted] of Object.entries(cases)) {
    t.same(mibUnit(units), wanted && { unit: wanted[0], scale: wanted[1] }, units)
  }
})

t.test('a profile at odds with the MIB', async t => {
  const mib = await readMib(own('POLLUX-TEST-MIB.txt'))
  const metric = (unit: string, oid: string, more: object = {}) => ({
    title: 'x',
    unit,
    oid,
    ...more,
  })
  const catalogue = goodCatalogue({
    ups: {
      title: 'UPS',
      scalars: {
        ups_in: {
          title: 'In',
          metrics: {
            volts: metric('V', `${OID}.1.0`),
            right: metric('V', `${OID}.1.0`, { scale: 0.1 }),
            watts: metric('W', `${OID}.1.0`, { scale: 0.1 }),
          },
        },
      },
      tables: {
        ups_sensor: {
          title: 'Sensors',
          metrics: {
            time: {
              title: 'x',
              unit: 's',
              first: [{ oid: `${OID}.10.1.14`, scale: 60 }, { oid: `${OID}.10.1.14` }],
            },
          },
        },
      },
    },
  })
  const ups = catalogue.profiles.get('ups')
  const found = ups ? disagreements(ups, mib) : []
  t.same(
    found.map(({ metric, message }) => `${metric} ${message}`),
    [
      'ups_in.volts has scale 1, and the MIB\'s UNITS "0.1 RMS Volts" need 0.1 to be V',
      'ups_in.watts has unit W, and the MIB\'s UNITS "0.1 RMS Volts" are V',
      'ups_sensor.time has scale 1, and the MIB\'s UNITS "minutes" need 60 to be s',
    ],
  )
})
