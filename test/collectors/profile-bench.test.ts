// Goal: a profile that is being written is checked, compared and tried beside the program: nothing of it is
// in force, what is hostile is refused, and what does not end is ended.

import t from 'tap'
import type { Target } from '../../server/collectors/collector.ts'
import { ProfileBench } from '../../server/collectors/profile-bench.ts'
import { DEVICE_DEFAULTS, type DeviceConfig } from '../../server/model/device.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { ProfileSource } from '../../server/profiles/catalogue.ts'
import type { DraftDevice } from '../../server/profiles/draft.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const SYSTEM = {
  title: 'System',
  type: 'base',
  scalars: {
    system: {
      title: 'System',
      metrics: { uptime: { title: 'Up', unit: 's', oid: '1.3.6.1.2.1.1.3.0', as: 'ticks' } },
    },
  },
}
const acme = (more: object = {}, metrics: object = {}) => ({
  title: 'ACME',
  match: [{ sysObjectID: '1.3.6.1.4.1.8072.*' }],
  tables: {
    acme_port: {
      title: 'Ports',
      every: '5m',
      columns: { descr: { oid: '1.3.6.1.2.1.2.2.1.2', as: 'text' } },
      name: ['descr'],
      metrics: {
        in: { title: 'In', unit: 'By/s', kind: 'rate', oid: '1.3.6.1.2.1.2.2.1.10' },
        oper: { title: 'State', oid: '1.3.6.1.2.1.2.2.1.8', alarm: { warning: '> 1' } },
        ...metrics,
      },
    },
  },
  ...more,
})

const source = (id: string, doc: unknown): ProfileSource => ({
  ...{ id, file: `${id}.json`, from: 'shipped' as const },
  text: typeof doc === 'string' ? doc : JSON.stringify(doc, null, 2),
})
const inForce = buildCatalogue([
  source('system', SYSTEM),
  source('acme', acme()),
  source('child', { title: 'Child', extends: ['acme'] }),
])
const bench = new ProfileBench({ catalogue: () => inForce, networks: ['127.0.0.0/8'] })
t.teardown(() => bench.close())
const check = (doc: unknown, devices: DraftDevice[] = [], id = 'acme') =>
  bench.check({ id, text: source(id, doc).text }, devices)

const device = (id: string, more: Partial<DraftDevice> = {}): DraftDevice => ({
  ...{ id, name: id, kind: 'snmp', wanted: ['auto'], profiles: ['system'] },
  ...{ sysObjectID: '1.3.6.1.4.1.9.1', sysDescr: '' },
  ...more,
})

t.test('what it reads, draws and changes', async t => {
  const { problems, breaks, reads, sections, changes, extendedBy } = await check(
    acme(
      {},
      {
        in: undefined,
        received: { title: 'In', unit: 'By/s', kind: 'rate', oid: '1.3.6.1.2.1.2.2.1.10' },
        oper: { title: 'State', oid: '1.3.6.1.2.1.2.2.1.8', scale: 2 },
        mtu: { title: 'MTU', unit: 'By', oid: '1.3.6.1.2.1.2.2.1.4' },
      },
    ),
  )
  t.same(problems, [])
  t.same(breaks, [])
  t.match(reads, { title: 'ACME', type: 'feature', source: 'snmp' })
  t.match(reads?.groups[0], { id: 'acme_port', table: true, sources: 4, metrics: 3, everyMs: 3e5 })
  t.same(
    sections.flatMap(({ groups }) => groups.map(({ id }) => id)),
    ['acme_port'],
  )
  t.same(changes, [
    { what: 'renamed', metric: 'acme_port.in', to: 'acme_port.received' },
    { what: 'added', metric: 'acme_port.mtu', to: '' },
    { what: 'changed', metric: 'acme_port.oper', to: 'alarm, scale' },
  ])
  t.same(extendedBy, ['child'])
})

t.test('which devices have it, would have it, or might', async t => {
  const uses = async (match: object[]) =>
    (
      await check(acme({ match }), [
        device('has', { profiles: ['system', 'acme'], sysObjectID: '1.3.6.1.4.1.8072.3' }),
        device('fits', { sysObjectID: '1.3.6.1.4.1.8072.9' }),
        device('named', { wanted: ['auto', 'acme'] }),
        device('other'),
        device('docker', { kind: 'docker', wanted: ['auto', 'acme'] }),
      ])
    ).uses.map(({ id, before, after }) => `${id} ${before} ${after}`)
  t.same(await uses([{ sysObjectID: '1.3.6.1.4.1.8072.*' }]), [
    'has true yes',
    'fits false yes',
    'named false yes',
  ])
  t.same(await uses([{ sysObjectID: '1.3.6.1.4.1.8072.9', exists: '1.3.6.1.2.1.2' }]), [
    'has true no',
    'named false yes',
    'fits false maybe',
  ])
})

t.test('what is wrong is told with its place, also in others', async t => {
  const bad = await check(acme({}, { oper: { title: 'x', oid: '1.3.6.1', wrong: 1 } }))
  t.equal(bad.reads, null)
  t.match(bad.problems[0], { code: 'E_SCHEMA', severity: 'error', profile: 'acme' })
  t.ok(Number(bad.problems[0]?.line) > 5)
  t.match(bad.breaks, [{ profile: 'child', code: 'E_EXTENDS' }])
  const twice = await check(SYSTEM, [], 'second')
  t.match([...twice.problems, ...twice.breaks], [{ code: 'E_GROUP_TWICE' }])
  t.same(inForce.problems, [], 'nothing of it is in force')
})

t.test('hostile texts', async t => {
  const codes = async (text: string, id = 'acme') =>
    (await bench.check({ id, text }, [])).problems.map(({ code }) => code)
  t.same(await codes(`{"title":"${'x'.repeat(5 * 2 ** 20)}"}`), ['E_JSON'], '5 MB')
  t.same(await codes('['.repeat(10_000)), ['E_JSON'], 'deep')
  t.same(await codes(''), ['E_JSON'])
  t.same(await codes('null'), ['E_SCHEMA'])
  t.same(await codes('{"title":"a","__proto__":{"polluted":1},"constructor":{}}'), [
    'E_SCHEMA',
    'E_SCHEMA',
  ])
  t.equal(Reflect.get({}, 'polluted'), undefined)
  t.same(await codes('{}', '../../etc/passwd'), ['E_SCHEMA'], 'no id')
  const slow = acme({ match: [{ sysDescr: '(a+)+$' }] })
  t.same(await codes(JSON.stringify(slow)), ['E_REGEX'], 'a pattern without end')
})

t.test('tried against a recording', async t => {
  const lines = [
    '1.3.6.1.2.1.1.1.0|4|box',
    '1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10',
    '1.3.6.1.2.1.2.2.1.2.1|4|eth0',
    '1.3.6.1.2.1.2.2.1.8.1|2|1',
    '1.3.6.1.2.1.2.2.1.10.1|65|100',
    'nonsense',
  ]
  const draft = { id: 'acme', text: JSON.stringify(acme()) }
  const tried = await bench.tryRecording(draft, Buffer.from(lines.join('\n')))
  t.equal(tried.isChosen, true)
  t.equal(tried.series, 2)
  t.same(tried.seriesByInterval, [{ everyMs: 300_000, series: 2 }])
  t.match(
    tried.samples.find(({ metric }) => metric === 'acme_port.oper'),
    { row: '1', value: 1, sources: ['1.3.6.1.2.1.2.2.1.8'] },
  )
  t.ok(tried.cost.pdus > 0 && tried.cost.tookMs === null)
  const other = { id: 'mine', text: JSON.stringify({ ...acme(), match: undefined }) }
  await t.rejects(bench.tryRecording(other, Buffer.from(lines.join('\n'))), { code: 'E_PROFILE' })
  await t.rejects(bench.tryRecording(draft, Buffer.from('no recording')), { code: 'E_RECORDING' })
})

t.test('tried against a device', async t => {
  const snmpd = await startSnmpd(t)
  const config: DeviceConfig = {
    ...{ ...DEVICE_DEFAULTS, profiles: ['auto'] },
    ...{ id: 'box', name: 'box', kind: 'snmp', address: '127.0.0.1', port: snmpd.port },
    credentials: { version: '2c', community: { secret: 'box.community' } },
  }
  const target = (community: string): Target => ({
    ...{ config: { ...config, timeout: '1s', retries: 0 }, version: 1, identity: null },
    secrets: { 'box.community': community },
  })
  const draft = { id: 'acme', text: JSON.stringify(acme()) }
  const tried = await bench.tryDevice(draft, target(snmpd.community))
  t.ok(tried.series >= 2, `${tried.series} series`)
  t.ok(tried.cost.pdus > 0 && tried.cost.tookMs !== null)
  await t.rejects(bench.tryDevice(draft, target('wrong')), { code: 'E_SNMP_TIMEOUT' })
  const outside = target('x')
  outside.config.address = '192.0.2.1'
  await t.rejects(bench.tryDevice(draft, outside), { code: 'E_ADDRESS_REFUSED' })
})

t.test('what does not end is ended, and the next one works', async t => {
  const short = new ProfileBench({ catalogue: () => inForce, networks: [], jobMsMax: 1 })
  t.teardown(() => short.close())
  const draft = { id: 'acme', text: JSON.stringify(acme()) }
  await t.rejects(short.check(draft, []), { code: 'E_PROFILE_BENCH' })
  const crowd = Array.from({ length: 12 }, () => bench.check(draft, []))
  const ends = await Promise.allSettled(crowd)
  t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 8, 'as many as may wait')
  t.match(
    ends.find(({ status }) => status === 'rejected'),
    { reason: { code: 'E_BUSY' } },
  )
})
