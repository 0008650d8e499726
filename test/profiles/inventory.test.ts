// Neighbours and addresses by the shipped profiles: each whole read is told with all its rows, a part
// of one never is.

import { fileURLToPath } from 'node:url'
import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { bytes, type Device, int, type Poll, polled, text } from './kit.ts'

const shippedDir = fileURLToPath(new URL('../../oids', import.meta.url))
const catalogue = buildCatalogue(await loadSources({ shippedDir }))
const IDS = ['if-mib', 'lldp-mib', 'cisco-cdp-mib', 'bridge-mib', 'ip-mib']
const FIVE_MINUTES = 300

const REM = '1.0.8802.1.1.2.1.4.1.1'
const FDB = '1.3.6.1.2.1.17.7.1.2.2.1'

const interfaces: Device = {
  '1.3.6.1.2.1.31.1.1.1.1.10101': text('Gi1/0/1'),
  '1.3.6.1.2.1.31.1.1.1.1.10102': text('Gi1/0/2'),
  '1.3.6.1.2.1.2.2.1.8.10101': int(1),
  '1.3.6.1.2.1.2.2.1.8.10102': int(1),
}
const neighbour = (at: string, name: string): Device => ({
  [`${REM}.4.${at}`]: int(4),
  [`${REM}.5.${at}`]: bytes(2, 0, 0, 0, 0, 9),
  [`${REM}.6.${at}`]: int(5),
  [`${REM}.7.${at}`]: text('Gi0/24'),
  [`${REM}.8.${at}`]: text('uplink'),
  [`${REM}.9.${at}`]: text(name),
})

const rowsOf = (poll: Poll, group: string) =>
  poll.evaluated.rows.find(one => one.group === group)?.body

t.test('LLDP: ports by their names, addresses of both families, and each whole read', async t => {
  const { poll } = polled(catalogue, IDS)
  const device: Device = {
    ...interfaces,
    ...neighbour('77.2.1', 'core'),
    // Local port 2 is called Gi1/0/2, whose ifIndex is another number.
    '1.0.8802.1.1.2.1.3.7.1.2.2': int(5),
    '1.0.8802.1.1.2.1.3.7.1.3.2': text('Gi1/0/2'),
    '1.0.8802.1.1.2.1.4.2.1.3.77.2.1.1.4.192.0.2.9': int(2),
    '1.0.8802.1.1.2.1.4.2.1.3.77.2.1.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.9': int(2),
  }
  const labels = {
    ...{ port_index: '10102', port: 'Gi1/0/2', chassis: '02:00:00:00:00:09' },
    ...{ remote_port: 'Gi0/24', remote_name: 'core', address: '192.0.2.9', descr: 'uplink' },
  }
  const first = poll(device, 0)
  t.match(rowsOf(first, 'lldp'), { inventory: 'links', rows: [{ labels }] })
  t.same(
    first.evaluated.collections.map(({ group }) => group),
    ['interface'],
    'no series come of it',
  )
  t.notOk(rowsOf(poll(device, 60), 'lldp'), 'not read again so soon')
  t.match(
    rowsOf(poll(device, FIVE_MINUTES), 'lldp'),
    { rows: [{ labels }] },
    'the same, told again',
  )
  const part = poll({ ...interfaces }, 2 * FIVE_MINUTES, { partial: ['lldp'] })
  t.notOk(rowsOf(part, 'lldp'), 'a part of a read says nothing of what is not in it')
  t.match(rowsOf(poll({ ...interfaces }, 3 * FIVE_MINUTES), 'lldp'), { rows: [] }, 'nobody is left')
})

t.test('LLDP: a chassis that is no MAC, and an index that nobody can read', async t => {
  const { poll } = polled(catalogue, IDS)
  const read = poll(
    {
      ...interfaces,
      ...neighbour('0.10101.1', '<img onerror=x>'),
      [`${REM}.4.0.10101.1`]: int(7),
      [`${REM}.5.0.10101.1`]: text('local name'),
      [`${REM}.9.1`]: text('cut index'),
    },
    0,
  )
  t.match(rowsOf(read, 'lldp')?.rows, [
    {
      labels: {
        ...{ chassis: 'local name', remote_name: '<img onerror=x>' },
        ...{ port_index: '10101', port: 'Gi1/0/1' },
      },
    },
  ])
})

t.test('the forwarding table by VLAN replaces the one without', async t => {
  const { poll } = polled(catalogue, IDS)
  const mac = '2.0.0.0.0.7'
  const device: Device = {
    ...interfaces,
    '1.3.6.1.2.1.17.1.1.0': bytes(2, 0, 0, 0, 0, 1),
    '1.3.6.1.2.1.17.1.4.1.2.3': int(10101),
    '1.3.6.1.2.1.17.7.1.4.2.1.3.0.17': int(4),
    [`${FDB}.2.4.${mac}`]: int(3),
    [`${FDB}.3.4.${mac}`]: int(3),
    [`${FDB}.2.4.2.0.0.0.0.1`]: int(3),
    [`${FDB}.3.4.2.0.0.0.0.1`]: int(4),
    [`1.3.6.1.2.1.17.4.3.1.2.${mac}`]: int(3),
    [`1.3.6.1.2.1.17.4.3.1.3.${mac}`]: int(3),
  }
  const first = poll(device, 0)
  const labels = { mac: '02:00:00:00:00:07', vlan: '17', port_index: '10101', port: 'Gi1/0/1' }
  t.match(rowsOf(first, 'bridge_vlan_forwarding'), { inventory: 'forwarding', rows: [{ labels }] })
  t.equal(rowsOf(first, 'bridge_vlan_forwarding')?.rows.length, 1, 'its own address is not behind')
  t.notOk(rowsOf(first, 'bridge_forwarding'))
  t.match(rowsOf(first, 'bridge_own')?.rows, [{ labels: { mac: '02:00:00:00:00:01' } }])
  const later = poll(device, FIVE_MINUTES)
  t.ok(rowsOf(later, 'bridge_vlan_forwarding'))
  t.notOk(rowsOf(later, 'bridge_forwarding'))
})

t.test('ARP, own addresses, and CDP', async t => {
  const { poll } = polled(catalogue, IDS)
  const read = poll(
    {
      ...interfaces,
      '1.3.6.1.2.1.4.22.1.2.10101.192.0.2.7': bytes(2, 0, 0, 0, 0, 7),
      '1.3.6.1.2.1.4.20.1.2.192.0.2.1': int(10101),
      '1.3.6.1.2.1.2.2.1.6.10101': bytes(2, 0, 0, 0, 0, 1),
      '1.3.6.1.4.1.9.9.23.1.2.1.1.3.10102.1': int(1),
      '1.3.6.1.4.1.9.9.23.1.2.1.1.4.10102.1': bytes(192, 0, 2, 9),
      '1.3.6.1.4.1.9.9.23.1.2.1.1.6.10102.1': text('core(FOX1234)'),
      '1.3.6.1.4.1.9.9.23.1.2.1.1.7.10102.1': text('Ethernet1/1'),
    },
    0,
  )
  t.match(rowsOf(read, 'arp')?.rows, [{ labels: { mac: '02:00:00:00:00:07', ip: '192.0.2.7' } }])
  t.match(rowsOf(read, 'ip_own')?.rows, [{ labels: { ip: '192.0.2.1', port: 'Gi1/0/1' } }])
  t.match(rowsOf(read, 'mac_own')?.rows, [{ labels: { mac: '02:00:00:00:00:01' } }])
  t.match(rowsOf(read, 'cdp')?.rows, [
    {
      labels: {
        remote_name: 'core',
        address: '192.0.2.9',
        remote_port: 'Ethernet1/1',
        port: 'Gi1/0/2',
      },
    },
  ])
})
