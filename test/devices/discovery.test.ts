// Goal: a scan of real agents on several addresses finds each by the credentials that it answers to,
// sends no address two questions in quick succession, can be cancelled, is alone, and what is added
// of it is a device like any other. Nothing of a community is ever told.

import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { startSimulatedAgent } from '../../bench/network/agent.ts'
import { serverModel } from '../../bench/network/models.ts'
import { addressPolicy } from '../../server/addresses.ts'
import { createAudit } from '../../server/audit.ts'
import type { CheckReport, Target } from '../../server/collectors/collector.ts'
import { createSnmpCollector } from '../../server/collectors/snmp.ts'
import { createDevices } from '../../server/devices/devices.ts'
import { createDirectory } from '../../server/devices/directory.ts'
import { createDiscovery, type Discovery } from '../../server/devices/discovery.ts'
import { freeId } from '../../server/devices/newcomer.ts'
import { createPace, type Pace, runScan } from '../../server/devices/scan.ts'
import { createVault } from '../../server/devices/vault.ts'
import { createLog } from '../../server/log.ts'
import { AppError } from '../../server/model/errors.ts'
import type { Actor } from '../../server/model/user.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { createSecrets } from '../../server/secrets.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'

const log = createLog('silent')
const ann = { name: 'ann', address: '10.0.0.1' }
/** Without the patience that a network needs. */
const quick = () => createPace({ perSecondMax: 1000, sameAddressMs: 1, underWayMax: 8 })
const news = { status: () => null, receipts: () => [], add() {}, onChange: () => () => {} }
const PROFILE = JSON.stringify({
  title: 'System',
  match: [{ exists: '1.3.6.1.2.1.1.5.0' }],
  device: { name: { oid: '1.3.6.1.2.1.1.5.0' }, location: { oid: '1.3.6.1.2.1.1.6.0' } },
})

async function agent(t: Test, host: string, port: number, name: string, community: string) {
  const model = serverModel({ name, location: 'rack 7', now: () => 1, seed: 1, cores: 1 })
  const started = await startSimulatedAgent({ host, port, community, objects: model.objects })
  t.teardown(() => started.close())
  return started
}

interface Options {
  pace?: Pace
  check?: (target: Target, signal: AbortSignal) => Promise<CheckReport>
  allow?: string[]
}

async function setUp(t: Test, { pace = quick(), check, allow = ['127.0.0.0/8'] }: Options = {}) {
  const store = await openStore({ url: 'sqlite::memory:', log })
  const directory = await createDirectory(store.devices, error => t.fail(String(error)))
  t.teardown(async () => {
    directory.close()
    await store.close()
  })
  const vault = createVault(store.secrets, createSecrets(randomBytes(32)))
  const audit = createAudit(store.audit)
  const devices = createDevices({
    ...{ store: store.devices, directory, vault, audit },
    news: { ...news, forget() {}, async close() {} },
    announce: async () => {},
    check: () => Promise.reject(new Error('it is the scan that asks')),
  })
  const addresses = addressPolicy(allow)
  const catalogue = buildCatalogue([
    { id: 'system', file: 'system.json', text: PROFILE, from: 'shipped' },
  ])
  t.same(catalogue.problems, [])
  const snmp = createSnmpCollector(async () => 'unknown')
  const discovery = createDiscovery({
    ...{ devices, directory, vault, audit, addresses, pace },
    check: check ?? ((target, signal) => snmp.check(target, { catalogue, addresses }, signal)),
  })
  t.teardown(() => discovery.close())
  return { store, directory, vault, devices, discovery }
}

const ended = (discovery: Discovery) =>
  until(() => discovery.view()?.state !== 'running', 'the end of the scan')

const typed = (community: string) => ({ version: '2c', community })

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    error => (error instanceof AppError ? error.code : String(error)),
  )

t.test(
  'finds each agent by the credentials that it answers to, and adds what is chosen',
  async t => {
    const one = await agent(t, '127.0.9.1', 0, 'Web Server.1', 'first')
    await agent(t, '127.0.9.2', one.port, 'db', 'second')
    const third = await agent(t, '127.0.9.3', one.port, 'third', 'nobody-knows')
    const { discovery, devices, store } = await setUp(t)
    await devices.create(
      {
        ...{ id: 'old', kind: 'snmp', address: '127.0.9.2', port: one.port },
        credentials: typed('x'),
      },
      ann,
      'form',
    )
    await store.secrets.put('campus', 'x', 1)
    const order = {
      ranges: '127.0.9.0/29',
      port: one.port,
      credentials: [typed('first'), typed('second')],
    }
    const begun = await discovery.start(order, ann)
    t.equal(begun.state, 'running')
    t.equal(await code(discovery.start(order, ann)), 'E_SCAN_RUNNING', 'one at a time')
    await ended(discovery)
    const view = discovery.view()
    t.equal(view?.state, 'done')
    t.equal(view?.addresses, 6)
    t.equal(view?.asked, 6 + 5, 'who answered is not asked again')
    t.same(
      view?.found.map(found => [found.address, found.name, found.credential, found.known]),
      [
        ['127.0.9.1', 'Web Server.1', 0, null],
        ['127.0.9.2', 'db', 1, 'old'],
      ],
    )
    t.same(view?.found[0]?.profiles, ['system'])
    t.equal(third.answered, 0)

    const added = await discovery.add(
      { addresses: ['127.0.9.1', '127.0.9.2', '127.0.9.6'], every: '5m', tags: ['new'] },
      ann,
    )
    t.same(added, [
      { address: '127.0.9.1', id: 'web-server.1', problem: null },
      { address: '127.0.9.2', id: 'old', problem: 'it is there already' },
      { address: '127.0.9.6', id: '', problem: 'it did not answer this scan' },
    ])
    const config = (await devices.get('web-server.1'))?.config
    t.match(config, {
      name: 'Web Server.1',
      address: '127.0.9.1',
      port: one.port,
      every: '5m',
      location: 'rack 7',
      tags: ['new'],
      credentials: { version: '2c', community: { secret: 'web-server.1.community' } },
    })
    t.equal(discovery.view()?.found[0]?.known, 'web-server.1', 'known from now on')
    const trail = await store.audit.list({ limit: 20 })
    t.match(trail.find(({ action }) => action === 'discovery.start')?.after, {
      ranges: '127.0.9.0/29',
      credentials: ['SNMP 2c, a typed community', 'SNMP 2c, a typed community'],
    })
    t.notMatch(JSON.stringify([trail, discovery.view()]), /first|second/, 'no community is told')
  },
)

t.test('credentials by the names of stored secrets', async t => {
  const one = await agent(t, '127.0.9.1', 0, 'sw', 'stored-text')
  const { discovery, vault, devices, store } = await setUp(t)
  const { sealed } = vault.name(await exampleConfig(devices, 'other', 'stored-text'))
  for (const [name, text] of sealed) await store.secrets.put(name, text, Date.now())
  const named = { version: '2c', community: { secret: 'other.community' } }
  await discovery.start({ ranges: '127.0.9.1', port: one.port, credentials: [named] }, ann)
  await ended(discovery)
  await discovery.add({ addresses: ['127.0.9.1'] }, ann)
  t.same((await devices.get('sw'))?.config.credentials, named, 'shared, not copied')
  const gone = { version: '2c', community: { secret: 'gone' } }
  t.equal(
    await code(discovery.start({ ranges: '127.0.9.1', credentials: [gone] }, ann)),
    'E_DEVICE_INVALID',
  )
})

async function exampleConfig(
  devices: {
    preview(
      document: unknown,
      by: Actor,
    ): Promise<{ config: Parameters<ReturnType<typeof createVault>['name']>[0] }>
  },
  id: string,
  community: string,
) {
  const document = { id, kind: 'snmp', address: '127.0.9.9', credentials: typed(community) }
  const { config } = await devices.preview(document, { name: 'test', address: '' })
  return { ...config, credentials: { version: '2c' as const, community } }
}

t.test('what is refused, and costs no datagram', async t => {
  let asked = 0
  const check = async (): Promise<CheckReport> => {
    asked++
    return { ok: false, tookMs: 1, reason: 'timeout', error: '', hint: '' }
  }
  const { discovery, store } = await setUp(t, { check, allow: ['127.0.9.0/24'] })
  const credentials = [typed('x')]
  for (const [order, wanted] of [
    [{ ranges: '127.0.8.1', credentials }, 'E_ADDRESS_REFUSED'],
    [{ ranges: '127.0.9.0/23', credentials }, 'E_ADDRESS_REFUSED'],
    [{ ranges: '8.8.8.8', credentials }, 'E_ADDRESS_REFUSED'],
    [{ ranges: 'nonsense', credentials }, 'E_RANGE'],
    [{ ranges: '10.0.0.0/8', credentials }, 'E_RANGE'],
    [{ ranges: '127.0.9.1', credentials: [] }, 'E_DISCOVERY_INVALID'],
    [{ ranges: '127.0.9.1', credentials: Array(9).fill(typed('x')) }, 'E_DISCOVERY_INVALID'],
    [{ ranges: '127.0.9.1', credentials, port: 0 }, 'E_DISCOVERY_INVALID'],
    [{ ranges: '127.0.9.1', credentials, rate: 9 }, 'E_DISCOVERY_INVALID'],
    [
      { ranges: '127.0.9.1', credentials: [{ version: '3', user: 'u', level: 'authPriv' }] },
      'E_DEVICE_INVALID',
    ],
    [null, 'E_DISCOVERY_INVALID'],
  ] as const)
    t.equal(await code(discovery.start(order, ann)), wanted, JSON.stringify(order))
  t.equal(asked, 0)
  t.equal(discovery.view(), null)
  t.equal(await code(discovery.cancel(ann)), 'E_NO_SCAN')
  t.equal(await code(discovery.add({ addresses: ['127.0.9.1'] }, ann)), 'E_NO_SCAN')
  t.equal(await code(discovery.add({ addresses: [] }, ann)), 'E_DISCOVERY_INVALID')
  t.same(await store.audit.list({ limit: 5 }), [])
  await discovery.start({ ranges: '127.0.9.1', credentials }, ann)
  await ended(discovery)
  t.equal(asked, 1, 'and a good one is asked')
})

t.test('cancelled: what was found stays, and nothing more is asked', async t => {
  let asked = 0
  const signals: AbortSignal[] = []
  const check = async ({ config }: Target, signal: AbortSignal): Promise<CheckReport> => {
    asked++
    signals.push(signal)
    if (config.address === '127.0.9.1') {
      const identity = { at: 1, profiles: [], chosenBecause: [], facts: { name: 'one' } }
      return { ok: true, tookMs: 1, identity }
    }
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    return { ok: false, tookMs: 1, reason: 'timeout', error: '', hint: '' }
  }
  const { discovery, store } = await setUp(t, { check })
  await discovery.start({ ranges: '127.0.9.0/24', credentials: [typed('x')] }, ann)
  await until(() => asked === 9, 'eight under way and one answered')
  await discovery.cancel(ann)
  await ended(discovery)
  t.match(discovery.view(), { state: 'cancelled', asked: 9, found: [{ name: 'one' }] })
  t.ok(signals.every(signal => signal.aborted))
  t.ok((await store.audit.list({ limit: 5 })).some(({ action }) => action === 'discovery.cancel'))
  await discovery.start({ ranges: '127.0.9.1', credentials: [typed('x')] }, ann)
  await ended(discovery)
  t.equal(discovery.view()?.state, 'done', 'another may follow')
})

t.test('an address that refuses is named with the reason, once', async t => {
  const check = async (): Promise<CheckReport> => ({
    ...{ ok: false, tookMs: 1, reason: 'auth', error: 'unknown user', hint: '' },
  })
  const { discovery } = await setUp(t, { check })
  const credentials = [typed('x'), typed('y')]
  await discovery.start({ ranges: '127.0.9.1-2', credentials }, ann)
  await ended(discovery)
  t.same(discovery.view()?.refused, [
    { address: '127.0.9.1', error: 'unknown user' },
    { address: '127.0.9.2', error: 'unknown user' },
  ])
})

t.test('a failure of ours ends the scan and says so', async t => {
  const check = async (): Promise<CheckReport> => Promise.reject(new Error('no sockets'))
  const { discovery } = await setUp(t, { check })
  await discovery.start({ ranges: '127.0.9.1-9', credentials: [typed('x')] }, ann)
  await ended(discovery)
  t.match(discovery.view(), { state: 'failed', error: 'no sockets' })
})

t.test('the pace: so many a second, and one address never in quick succession', async t => {
  let clock = 0
  const waits: number[] = []
  const wait = async (ms: number) => void waits.push(clock + ms)
  const limits = { perSecondMax: 10, sameAddressMs: 2000, underWayMax: 4 }
  const pace = createPace(limits, { now: () => clock, wait })
  const { signal } = new AbortController()
  for (const address of ['a', 'b', 'c', 'a']) await pace.turn(address, signal)
  t.same(waits, [100, 200, 2000], 'a tenth of a second apart, and the same one after two')
  clock = 3000
  waits.length = 0
  await pace.turn('a', signal)
  await pace.turn('a', signal)
  t.same(waits, [4000, 6000], 'counted from when it was really asked, also by an earlier scan')
  const over = AbortSignal.abort()
  await t.rejects(pace.turn('z', over), { name: 'AbortError' })
})

t.test('the second credentials go to those alone that did not answer the first', async t => {
  const asked: string[] = []
  await runScan(
    {
      addresses: ['a', 'b', 'c'],
      credentials: 3,
      ask: async (address, credential) => void asked.push(`${address}${credential}`),
      onAnswer: (address, credential) => address === 'b' && credential === 1,
    },
    quick(),
    new AbortController().signal,
  )
  t.same(asked.sort(), ['a0', 'a1', 'a2', 'b0', 'b1', 'c0', 'c1', 'c2'])
})

t.test('ids of newcomers', async t => {
  const id = (name: string, ...taken: string[]) =>
    freeId(
      { name, address: 'fd00::1', descr: '', location: '', profiles: [], credential: 0 },
      new Set(taken),
    )
  t.equal(id('Core-SW.1 (new)'), 'core-sw.1-new')
  t.equal(id('core', 'core', 'core-2'), 'core-3')
  t.equal(id('../../etc'), 'etc')
  t.equal(id('—'), 'fd00--1')
  t.equal(id(''), 'fd00--1')
  t.equal(id('x'.repeat(200)).length, 63)
  t.equal(id('x'.repeat(200), 'x'.repeat(63)), `${'x'.repeat(61)}-2`)
})
