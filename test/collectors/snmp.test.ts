// Goal: a device is identified, read, read again, and every way it fails becomes a gap with a reason.
import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Surroundings, Target } from '../../server/collectors/collector.ts'
import { createSnmpCollector } from '../../server/collectors/snmp.ts'
import { collectors } from '../../server/collectors/table.ts'
import type { DeviceConfig } from '../../server/model/device.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Catalogue } from '../../server/profiles/catalogue.ts'
import {
  type AgentRequest,
  honestly,
  integer,
  octets,
  oidValue,
  startHostileAgent,
} from '../parts/hostile-agent.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const SYSTEM = {
  title: 'System',
  type: 'base',
  device: { name: { oid: '1.3.6.1.2.1.1.5.0' }, location: { oid: '1.3.6.1.2.1.1.6.0' } },
  scalars: {
    system: {
      title: 'System',
      section: 'system',
      metrics: {
        uptime: { title: 'Uptime', unit: 's', oid: '1.3.6.1.2.1.1.3.0', as: 'ticks' },
      },
    },
  },
}
const INTERFACES = {
  title: 'Interfaces',
  type: 'feature',
  match: [{ exists: '1.3.6.1.2.1.2.2' }],
  tables: {
    interface: {
      title: 'Interfaces',
      section: 'interfaces',
      index: ['if_index'],
      columns: { if_descr: { oid: '1.3.6.1.2.1.2.2.1.2' } },
      key: ['if_descr'],
      name: ['if_descr'],
      metrics: {
        in: {
          title: 'In',
          unit: 'bit/s',
          kind: 'rate',
          scale: 8,
          oid: ['1.3.6.1.2.1.31.1.1.1.6', '1.3.6.1.2.1.2.2.1.10'],
        },
        oper: { title: 'State', oid: '1.3.6.1.2.1.2.2.1.8', states: { '1': 'up', '2': 'down' } },
      },
    },
  },
}
const ACME = {
  title: 'Acme',
  type: 'device',
  match: [{ sysObjectID: '1.3.6.1.4.1.99999.*' }],
  scalars: {
    acme_cpu: {
      title: 'CPU',
      section: 'cpu',
      metrics: { usage: { title: 'CPU', unit: '%', oid: '1.3.6.1.4.1.99999.1.1.0' } },
    },
  },
}

function catalogueOf(profiles: Record<string, unknown>): Catalogue {
  const catalogue = buildCatalogue(
    Object.entries(profiles).map(([id, profile]) => ({
      id,
      file: `oids/${id}.json`,
      text: JSON.stringify(profile),
      from: 'shipped' as const,
    })),
  )
  t.same(
    catalogue.problems.filter(problem => problem.severity === 'error'),
    [],
    'profiles load',
  )
  return catalogue
}

const catalogue = catalogueOf({ system: SYSTEM, interfaces: INTERFACES, acme: ACME })
const surroundings: Surroundings = { catalogue, addresses: addressPolicy(['127.0.0.0/8']) }
const collector = createSnmpCollector()
const never = new AbortController().signal

function target(port: number, changes: Partial<DeviceConfig> = {}): Target {
  return {
    version: 1,
    secrets: { campus: 'public' },
    identity: null,
    config: {
      id: 'sw1',
      name: 'sw1',
      kind: 'snmp',
      address: '127.0.0.1',
      port,
      credentials: { version: '2c', community: { secret: 'campus' } },
      profiles: ['auto'],
      every: '60s',
      timeout: '2s',
      retries: 0,
      enabled: true,
      ...changes,
    },
  }
}

function open(what: Target, around = surroundings) {
  const reader = collector.open(what, around)
  t.teardown(() => reader.close())
  return reader
}

const MINUTE = 60_000
const AT = 1_795_320_000_000

t.test('the table holds both collectors', async t => {
  t.equal(collectors.snmp.kind, 'snmp')
  t.equal(collectors.docker.kind, 'docker')
})

t.test('a real agent, from check to rates', async t => {
  const agent = await startSnmpd(t)
  const report = await collector.check(target(agent.port), surroundings, never)
  if (!report.ok) return t.fail(report.error)
  t.same([...report.identity.profiles].sort(), ['interfaces', 'system'])
  t.match(report.identity.sysDescr, /^Linux /)
  t.equal(report.identity.sysObjectID, '1.3.6.1.4.1.8072.3.2.10')
  t.same(report.identity.facts, { name: 'pollux-test', location: 'rack 7' })
  t.ok(report.identity.chosenBecause.length > 0)

  const reader = open(target(agent.port))
  const first = await reader.collect(AT, never)
  t.same(first.identity?.profiles, report.identity.profiles)
  const groups = (read: typeof first) => new Map(read.collections.map(one => [one.group, one.body]))
  const interfaces = groups(first).get('interface')
  if (!interfaces?.ok) return t.fail('no interfaces')
  t.ok(interfaces.rows?.includes('lo'))
  const lo = interfaces.rows?.indexOf('lo') ?? -1
  t.equal([interfaces.metrics.in].flat()[lo], null)
  t.equal([interfaces.gaps?.in].flat()[lo], 'first', 'a rate needs two reads')
  t.equal([interfaces.metrics.oper].flat()[lo], 1)
  t.ok(first.rows.some(({ group }) => group === 'interface'))

  const second = await reader.collect(AT + MINUTE, never)
  t.equal(second.identity, null)
  const again = groups(second).get('interface')
  if (!again?.ok) return t.fail('no interfaces')
  t.type([again.metrics.in].flat()[lo], 'number', 'the second read gives a rate')

  await agent.stop()
  const gone = await reader.collect(AT + 2 * MINUTE, never)
  t.same(gone.collections.map(one => one.group).sort(), ['interface', 'system'])
  for (const { body } of gone.collections) {
    t.equal(body.ok, false)
    t.match('reason' in body && body.reason, /^(timeout|unreachable)$/)
  }
})

/** A small switch whose clock and type a test may change. */
function device(overrides: Record<string, Buffer> = {}) {
  return honestly({
    '1.3.6.1.2.1.1.1.0': octets('Acme Switch\r\n\u202efirmware 1'),
    '1.3.6.1.2.1.1.2.0': oidValue('1.3.6.1.4.1.99999.7'),
    '1.3.6.1.2.1.1.3.0': integer(360_000, 0x43),
    '1.3.6.1.2.1.1.5.0': octets('sw1'),
    '1.3.6.1.4.1.99999.1.1.0': integer(12),
    '1.3.6.1.2.1.2.2.1.2.1': octets('eth1'),
    '1.3.6.1.2.1.2.2.1.8.1': integer(1),
    '1.3.6.1.2.1.2.2.1.10.1': integer(1000, 0x41),
    ...overrides,
  })
}
const isSysDescr = (request: AgentRequest) => request.oids.includes('1.3.6.1.2.1.1.1.0')
const FAST = { timeout: '1s', retries: 0 }

t.test('identified at first, and again when the device is another', async t => {
  const agent = await startHostileAgent(t, device())
  const reader = open(target(agent.port, FAST))
  const first = await reader.collect(AT, never)
  t.same([...(first.identity?.profiles ?? [])].sort(), ['acme', 'interfaces', 'system'])
  t.equal(first.identity?.sysDescr, 'Acme Switch firmware 1', 'cleaned')
  t.equal((await reader.collect(AT + MINUTE, never)).identity, null, 'not each time')
  t.equal(agent.requests.filter(isSysDescr).length, 1)

  agent.answer = device({ '1.3.6.1.2.1.1.3.0': integer(500, 0x43) })
  t.ok((await reader.collect(AT + 2 * MINUTE, never)).identity, 'restarted')
  agent.answer = device({
    '1.3.6.1.2.1.1.3.0': integer(600, 0x43),
    '1.3.6.1.2.1.1.2.0': oidValue('1.3.6.1.4.1.88888.1'),
  })
  const other = await reader.collect(AT + 3 * MINUTE, never)
  t.same([...(other.identity?.profiles ?? [])].sort(), ['interfaces', 'system'], 'another type')

  const more = catalogueOf({
    system: SYSTEM,
    interfaces: INTERFACES,
    acme: { ...ACME, match: [{ sysObjectID: '1.3.6.1.4.1.88888.*' }] },
  })
  reader.setCatalogue(more)
  const fits = await reader.collect(AT + 4 * MINUTE, never)
  t.same([...(fits.identity?.profiles ?? [])].sort(), ['acme', 'interfaces', 'system'])
})

t.test('an identity that is known saves asking', async t => {
  const agent = await startHostileAgent(t, device())
  const identity = (await open(target(agent.port, FAST)).collect(AT, never)).identity
  t.ok(identity)
  agent.requests.length = 0
  const known = open({ ...target(agent.port, FAST), identity })
  const read = await known.collect(AT, never)
  t.equal(read.identity, null)
  t.equal(agent.requests.filter(isSysDescr).length, 0)
  t.same(read.collections.map(one => one.group).sort(), ['acme_cpu', 'interface', 'system'])

  const cases: Record<string, [Partial<DeviceConfig>, Catalogue]> = {
    'a profile left out': [{ profiles: ['auto', '-interfaces'] }, catalogue],
    'profiles named': [{ profiles: ['system'] }, catalogue],
    'a profile gone': [{}, catalogueOf({ system: SYSTEM, interfaces: INTERFACES })],
  }
  for (const [what, [changes, around]] of Object.entries(cases)) {
    const reader = open(
      { ...target(agent.port, { ...FAST, ...changes }), identity },
      { ...surroundings, catalogue: around },
    )
    t.ok((await reader.collect(AT, never)).identity, what)
  }
})

t.test('a catalogue that changes elsewhere leaves the rates alone', async t => {
  const agent = await startHostileAgent(t, device())
  const reader = open(target(agent.port, FAST))
  await reader.collect(AT, never)
  reader.setCatalogue(
    catalogueOf({
      system: SYSTEM,
      interfaces: INTERFACES,
      acme: ACME,
      extra: { ...ACME, match: [], type: 'feature', scalars: {} },
    }),
  )
  const read = await reader.collect(AT + MINUTE, never)
  t.ok(read.identity, 'identified again')
  const interfaces = read.collections.find(one => one.group === 'interface')?.body
  t.ok(interfaces?.ok && [interfaces.metrics.in].flat()[0] !== null, 'and the rate goes on')
})

t.test('failures have a reason', async t => {
  const agent = await startHostileAgent(t)
  const reader = open(target(agent.port, FAST))
  const dead = await reader.collect(AT, never)
  t.same(
    dead.collections.map(({ group, body }) => [group, 'reason' in body && body.reason]),
    [['device', 'timeout']],
    'nothing known yet',
  )
  agent.answer = device()
  t.ok((await reader.collect(AT + MINUTE, never)).identity, 'identified when it comes up')

  agent.answer = request =>
    request.oids.some(oid => oid.startsWith('1.3.6.1.2.1.2.2')) ? null : device()(request)
  const partly = await reader.collect(AT + 2 * MINUTE, never)
  t.same(
    partly.collections
      .map(({ group, body }) => [group, 'reason' in body ? body.reason : null])
      .sort(),
    [
      ['acme_cpu', null],
      ['interface', 'timeout'],
      ['system', null],
    ],
    'one group fails alone',
  )

  agent.answer = () => ({ mangle: () => Buffer.from('HTTP/1.1 400 Bad Request') })
  const garbage = await reader.collect(AT + 3 * MINUTE, never)
  t.same(
    garbage.collections.map(({ body }) => 'reason' in body && body.reason),
    ['decode', 'decode', 'decode'],
  )
})

t.test('a read never outlives its interval, and a signal ends it at once', async t => {
  const agent = await startHostileAgent(t, device())
  const reader = open(target(agent.port, { every: '1s', timeout: '30s', retries: 5 }))
  t.ok((await reader.collect(AT, never)).identity)
  agent.answer = () => null
  const late = await reader.collect(AT + 1000, never)
  t.ok(late.collections.length > 0)
  for (const { body } of late.collections) t.equal('reason' in body && body.reason, 'timeout')

  const stop = new AbortController()
  const stopped = reader.collect(AT + 2000, stop.signal)
  stop.abort()
  for (const { body } of (await stopped).collections) {
    t.equal('reason' in body && body.reason, 'overrun')
  }
  const pending = reader.collect(AT + 3000, never)
  await reader.close()
  await reader.close()
  t.ok((await pending).collections.every(({ body }) => !body.ok))
  t.ok(
    (await reader.collect(AT + 4000, never)).collections.every(({ body }) => !body.ok),
    'closed',
  )
})

t.test('a silent device is probed by one request, and read in full once it answers', async t => {
  const agent = await startHostileAgent(t, device())
  const reader = open(target(agent.port, { timeout: '1s', retries: 2, every: '10s' }))
  t.equal((await reader.collect(AT, never)).silent ?? null, null)

  agent.answer = () => null
  const silent = await reader.collect(AT + MINUTE, never)
  t.match(silent.silent, { reason: 'timeout', error: /no answer/ })
  t.ok(silent.collections.length > 0)
  for (let i = 2; i < 4; i++) {
    agent.requests.length = 0
    const probed = await reader.collect(AT + i * MINUTE, never, { probe: true })
    t.match(probed, { collections: [], rows: [], silent: { reason: 'timeout' } })
    t.same(
      agent.requests.map(({ type, oids }) => [type, oids]),
      [['get', ['1.3.6.1.2.1.1.3.0']]],
      'one try, one object',
    )
  }

  agent.answer = device()
  const back = await reader.collect(AT + 4 * MINUTE, never, { probe: true })
  t.equal(back.silent ?? null, null)
  t.same(back.collections.map(one => one.group).sort(), ['acme_cpu', 'interface', 'system'])
  t.ok(
    back.collections.every(({ body }) => body.ok),
    'the full read follows at once',
  )
})

t.test('other credentials are silence too; an error is an answer', async t => {
  const agent = await startHostileAgent(t, device())
  const reader = open(target(agent.port, FAST))
  await reader.collect(AT, never)
  agent.answer = request => ({ ...device()(request), community: 'other' })
  const refused = await reader.collect(AT + MINUTE, never)
  t.match(refused.silent, { reason: 'auth' })
  const probed = await reader.collect(AT + 2 * MINUTE, never, { probe: true })
  t.match(probed, { collections: [], silent: { reason: 'auth' } })

  agent.answer = () => ({ status: 5, index: 1 })
  const errors = await reader.collect(AT + 3 * MINUTE, never, { probe: true })
  t.equal(errors.silent ?? null, null)
  t.ok(errors.collections.length > 0 && errors.collections.every(({ body }) => !body.ok))

  const forbidden = open(target(agent.port, { address: '8.8.8.8' }))
  const nobody = await forbidden.collect(AT, never)
  t.match(nobody.silent, { reason: 'unreachable' })
  t.match(await forbidden.collect(AT, never, { probe: true }), { collections: [], silent: {} })
})

t.test('a probe never outlives its interval either', async t => {
  const agent = await startHostileAgent(t, device())
  const reader = open(target(agent.port, { every: '1s', timeout: '30s' }))
  await reader.collect(AT, never)
  agent.answer = () => null
  t.match((await reader.collect(AT + 1000, never)).silent, { reason: 'timeout' })
  const probed = await reader.collect(AT + 2000, never, { probe: true })
  t.match(probed, { collections: [], silent: { reason: 'timeout', error: /within \d+ ms/ } })
})

t.test(
  'a silent device: whether its host answers ping is in the error, and is asked once',
  async t => {
    const agent = await startHostileAgent(t, device())
    const pinged: string[] = []
    const asking = createSnmpCollector(async address => {
      pinged.push(address)
      return 'answers'
    })
    const what = target(agent.port, FAST)
    const reader = asking.open(what, surroundings)
    t.teardown(() => reader.close())
    await reader.collect(AT, never)
    agent.answer = () => null
    const words = /no answer from 127.*1 try; the host answers ping, SNMP does not: check community/
    const silent = await reader.collect(AT + MINUTE, never)
    t.match(silent.silent, { reason: 'timeout', error: words })
    for (const { body } of silent.collections) t.match(body, { reason: 'timeout', error: words })
    const probed = await reader.collect(AT + 2 * MINUTE, never, { probe: true })
    t.same(probed.silent, silent.silent, 'the same words')
    t.same(pinged, ['127.0.0.1'])

    const report = await asking.check(what, surroundings, never)
    t.match(report, { ok: false, error: words })
    t.equal(pinged.length, 2, 'a test asks for itself')

    agent.answer = request => ({ ...device()(request), community: 'other' })
    t.match((await reader.collect(AT + 3 * MINUTE, never)).silent, { reason: 'auth' })
    const refused = asking.open(target(agent.port, { address: '8.8.8.8' }), surroundings)
    t.match((await refused.collect(AT, never)).silent, { reason: 'unreachable' })
    t.equal(pinged.length, 2, 'neither one that answers nor one that may not be polled')
  },
)

t.test('check says what is wrong', async t => {
  const agent = await startHostileAgent(t)
  const cases: Record<string, [Target, string]> = {
    'no answer': [target(agent.port, FAST), 'timeout'],
    'no credentials': [
      (() => {
        const { credentials: _, ...config } = target(agent.port).config
        return { ...target(agent.port), config }
      })(),
      'auth',
    ],
    'a secret that is not there': [{ ...target(agent.port), secrets: {} }, 'auth'],
    'an address that may not be polled': [
      target(agent.port, { address: '8.8.8.8' }),
      'unreachable',
    ],
  }
  for (const [what, [wrong, reason]] of Object.entries(cases)) {
    const report = await collector.check(wrong, surroundings, never)
    t.match(report, { ok: false, reason, error: /./, hint: /./ }, what)
  }
  agent.answer = device()
  agent.requests.length = 0
  const good = await collector.check(target(agent.port, FAST), surroundings, never)
  t.ok(good.ok)
  t.ok(agent.requests.length <= 4, `${agent.requests.length} requests`)
})

t.test('the plain text of a file works as a community', async t => {
  const agent = await startHostileAgent(t, device())
  const credentials = { version: '1', community: 'public' } as const
  const reader = open({ ...target(agent.port, { ...FAST, credentials }), secrets: {} })
  const read = await reader.collect(AT, never)
  t.same(read.collections.map(one => one.group).sort(), ['acme_cpu', 'interface', 'system'])
  t.ok(read.collections.every(({ body }) => body.ok))
})
