// Devices over a real store and broker: changes are sealed, audited and announced; files stay in step.
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { createAudit } from '../../server/audit.ts'
import { receiptTopic, statusTopic } from '../../server/bus/topics.ts'
import { createDevices } from '../../server/devices/devices.ts'
import { createDirectory } from '../../server/devices/directory.ts'
import { watchDeviceFiles } from '../../server/devices/files.ts'
import { createNews } from '../../server/devices/news.ts'
import { createVault } from '../../server/devices/vault.ts'
import { createLog } from '../../server/log.ts'
import type { Command } from '../../server/model/collection.ts'
import { createSecrets } from '../../server/secrets.ts'
import { openStore } from '../../server/store/open.ts'
import { embeddedBroker, SITE } from '../parts/broker.ts'
import { tempDir, until } from '../parts/find.ts'

const log = createLog('silent')
const ann = { name: 'ann', address: '10.0.0.1' }
const sw = {
  id: 'sw-1',
  kind: 'snmp',
  address: '10.0.0.1',
  credentials: { version: '2c', community: 'hush-hush' },
}

async function setUp(t: Test) {
  const store = await openStore({ url: 'sqlite::memory:', log })
  const bus = (await embeddedBroker(t)).connect()
  await until(() => bus.connected, 'the bus')
  const directory = await createDirectory(store.devices, error => t.fail(String(error)))
  const vault = createVault(store.secrets, createSecrets(randomBytes(32)))
  const identities: string[] = []
  const news = await createNews({
    bus,
    site: SITE,
    log,
    onIdentity: async id => void identities.push(id),
  })
  const announced: Command[] = []
  const devices = createDevices({
    store: store.devices,
    directory,
    vault,
    news,
    audit: createAudit(store.audit),
    announce: async command => void announced.push(command),
    check: async target => ({
      ok: false,
      tookMs: 1,
      reason: 'timeout',
      error: JSON.stringify(target.secrets),
      hint: '',
    }),
  })
  t.teardown(async () => {
    directory.close()
    await news.close()
    await bus.close()
    await store.close()
  })
  return { store, bus, directory, vault, devices, announced, identities }
}

t.test('a plain community is sealed and never read back', async t => {
  const { devices, store, vault, announced, directory } = await setUp(t)
  const device = await devices.create(sw, ann, 'form')
  t.match(device.config.credentials, { community: { secret: 'sw-1.community' } })
  t.same(await vault.open(device.config), { 'sw-1.community': 'hush-hush' })
  t.same(announced, [{ do: 'config-changed', device: 'sw-1' }])
  t.match(devices.receipts('sw-1'), [{ stage: 'accepted', version: device.version }])
  t.ok(directory.get('sw-1'))
  const everything = JSON.stringify([
    await store.devices.list(),
    await store.audit.list({ limit: 10 }),
    await store.secrets.get('sw-1.community'),
  ])
  t.notMatch(everything, /hush-hush/)
  t.match(await store.audit.list({ limit: 1 }), [
    { actor: 'ann', action: 'device.create', thing: 'device:sw-1', address: '10.0.0.1' },
  ])
})

t.test('an update needs the version it was made from, and a kept secret stays', async t => {
  const { devices, vault } = await setUp(t)
  const first = await devices.create(sw, ann, 'form')
  const edited = { ...first.config, every: '30s' }
  const second = await devices.update('sw-1', edited, first.version, ann)
  t.equal(second.config.every, '30s')
  t.same(await vault.open(second.config), { 'sw-1.community': 'hush-hush' })
  await t.rejects(devices.update('sw-1', { ...edited, every: '20s' }, first.version, ann), {
    code: 'E_DEVICE_CHANGED',
  })
  const same = await devices.update('sw-1', edited, second.version, ann)
  t.equal(same.version, second.version, 'nothing changed, nothing is announced')
  await t.rejects(devices.update('sw-1', { ...edited, id: 'sw-2' }, second.version, ann), {
    errors: [{ path: 'id' }],
  })
})

t.test('refuses twins, unknown ids and secrets that do not exist', async t => {
  const { devices } = await setUp(t)
  await devices.create(sw, ann, 'form')
  await t.rejects(devices.create(sw, ann, 'form'), {
    code: 'E_DEVICE_EXISTS',
    errors: [{ path: 'id' }],
  })
  await t.rejects(devices.update('sw-9', sw, 1, ann), { code: 'E_DEVICE_UNKNOWN' })
  await t.rejects(devices.remove('sw-9', { history: false }, ann), { code: 'E_DEVICE_UNKNOWN' })
  const named = {
    ...sw,
    id: 'sw-3',
    credentials: { version: '2c', community: { secret: 'nowhere' } },
  }
  await t.rejects(devices.create(named, ann, 'form'), {
    errors: [{ path: 'credentials.community', message: /nowhere/ }],
  })
})

t.test('"Test" uses the secret that was typed, and the stored one where it was not', async t => {
  const { devices } = await setUp(t)
  t.match(await devices.check({ ...sw, id: 'untried' }, ann, AbortSignal.timeout(1000)), {
    error: /hush-hush/,
  })
  const { config } = await devices.create(sw, ann, 'form')
  t.match(await devices.check(config, ann, AbortSignal.timeout(1000)), { error: /hush-hush/ })
})

t.test('what is not polled cannot be polled now', async t => {
  const { devices, announced } = await setUp(t)
  const { version } = await devices.create(sw, ann, 'form')
  await devices.pollNow('sw-1', ann)
  t.same(announced.at(-1), { do: 'poll-now', device: 'sw-1' })
  await devices.update('sw-1', { ...sw, enabled: false }, version, ann)
  await t.rejects(devices.pollNow('sw-1', ann), { code: 'E_NOT_POLLED', hint: /resume/ })
})

t.test('removal forgets the secrets of the device alone', async t => {
  const { devices, store } = await setUp(t)
  await devices.create(sw, ann, 'form')
  await devices.create({ ...sw, id: 'sw-1.b' }, ann, 'form')
  await devices.remove('sw-1', { history: true }, ann)
  t.same(
    (await store.secrets.list()).map(s => s.name),
    ['sw-1.b.community'],
  )
  t.equal(await devices.get('sw-1'), null)
  t.same(devices.receipts('sw-1'), [])
})

t.test('a new device takes over no secret that somebody keeps under its id', async t => {
  const { devices, store, vault } = await setUp(t)
  await store.secrets.put('campus.community', 'v1:shared', 1)
  const errors = [{ path: 'id', message: /campus\.community/ }]
  await t.rejects(devices.create({ ...sw, id: 'campus' }, ann, 'form'), { errors })
  await t.rejects(devices.preview({ ...sw, id: 'campus' }, ann), { errors })
  const plain = { id: 'campus', kind: 'docker', address: 'unix:///var/run/docker.sock' }
  await t.rejects(devices.create(plain, ann, 'form'), { errors }, 'it would be forgotten with it')
  t.equal(await store.secrets.get('campus.community'), 'v1:shared')
  t.equal(await devices.get('campus'), null)
  const named = { version: '2c', community: { secret: 'campus.community' } }
  await devices.create({ ...sw, id: 'campus', credentials: named }, ann, 'form')
  t.same(await vault.own('campus'), ['campus.community'], 'who names it means it')
  await devices.create({ ...sw, id: 'cam' }, ann, 'form')
  await devices.create({ ...sw, id: 'camp' }, ann, 'form')
  t.same(await vault.own('cam'), ['cam.community'])
})

t.test('news: status, receipts and identity come by MQTT; what is none is ignored', async t => {
  const { devices, bus, identities } = await setUp(t)
  const { version } = await devices.create(sw, ann, 'form')
  const changes: string[] = []
  devices.onChange((id, change) =>
    changes.push(`${id} ${change.status?.state ?? change.receipt?.stage}`),
  )
  await bus.publish(statusTopic(SITE, 'sw-1'), 'no json')
  await bus.publish(
    statusTopic(SITE, 'sw-1'),
    JSON.stringify({ state: 'on fire', since: 1, reason: null }),
  )
  await bus.publish(
    statusTopic(SITE, 'sw-1'),
    JSON.stringify({ state: 'up', since: 5, reason: null }),
    { retain: true },
  )
  const identity = { at: 1, profiles: ['system'], chosenBecause: ['base'], facts: {} }
  await bus.publish(
    receiptTopic(SITE, 'sw-1'),
    JSON.stringify({ stage: 'identified', at: 6, version, identity }),
  )
  await bus.publish(
    receiptTopic(SITE, 'sw-1'),
    JSON.stringify({ stage: 'first-good', at: 7, version: version - 1 }),
  )
  await until(() => devices.receipts('sw-1').some(r => r.stage === 'identified'), 'the receipt')
  t.match(devices.status('sw-1'), { state: 'up', since: 5 })
  t.same(identities, ['sw-1'])
  t.same(changes, ['sw-1 up', 'sw-1 identified'], 'an older version says nothing new')
  const { config, version: now } = await devices.update(
    'sw-1',
    { ...sw, enabled: false },
    version,
    ann,
  )
  t.match(devices.status(config.id), { state: 'paused' })
  t.equal(now, version + 1)
})

t.test('files: added, changed, broken, twice, taken and gone', async t => {
  const { devices, vault } = await setUp(t)
  const dir = await tempDir(t)
  const write = (name: string, content: unknown) =>
    writeFile(path.join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
  await write('sw-1.json', sw)
  await devices.create({ ...sw, id: 'taken' }, ann, 'form')
  const files = await watchDeviceFiles({ dir, devices, log })
  t.teardown(() => files.close())
  const stored = await devices.get('sw-1')
  t.match(stored, { source: 'file', config: { every: '60s' } })
  await t.rejects(devices.update('sw-1', sw, 1, ann), { code: 'E_DEVICE_FROM_FILE' })
  const namesake = { name: 'files', address: '' }
  await t.rejects(devices.update('sw-1', sw, 1, namesake), { code: 'E_DEVICE_FROM_FILE' })
  await t.rejects(devices.remove('sw-1', { history: true }, ann), {
    code: 'E_DEVICE_FROM_FILE',
    hint: /file/,
  })

  await write('sw-1.json', {
    ...sw,
    every: '30s',
    credentials: { version: '2c', community: 'other' },
  })
  await until(
    async () => (await devices.get('sw-1'))?.config.every === '30s',
    'the changed file',
    2000,
  )
  const changed = await devices.get('sw-1')
  t.same(changed && (await vault.open(changed.config)), { 'sw-1.community': 'other' })

  await write('sw-1.json', '{ "id": "sw-1",\n  "kind": }')
  await write('twin.json', { ...sw, id: 'taken' })
  await until(() => files.problems().length === 2, 'two problems', 2000)
  t.match(
    files.problems().find(p => p.file === 'sw-1.json'),
    { message: /line 2, column 11/, hint: /comma|quote|bracket/ },
  )
  t.match(
    files.problems().find(p => p.file === 'twin.json'),
    { message: /taken/ },
  )
  t.equal((await devices.get('sw-1'))?.config.every, '30s', 'the last good one stays')

  await rm(path.join(dir, 'twin.json'))
  await rm(path.join(dir, 'sw-1.json'))
  await until(async () => (await devices.get('sw-1')) === null, 'the removal', 5000)
  t.ok(await devices.get('taken'))
})

t.test('files: replaced one by one, or an empty folder, a device keeps its history', async t => {
  const { devices } = await setUp(t)
  const dir = await tempDir(t)
  const write = (id: string, every: string) =>
    writeFile(path.join(dir, `${id}.json`), JSON.stringify({ ...sw, id, every }))
  for (const id of ['sw-1', 'sw-2', 'sw-3']) await write(id, '60s')
  const files = await watchDeviceFiles({ dir, devices, log })
  t.teardown(() => files.close())
  const uid = async (id: string) => (await devices.get(id))?.uid
  const [first, second] = [await uid('sw-1'), await uid('sw-2')]

  await rm(path.join(dir, 'sw-1.json'))
  await write('sw-1', '30s')
  await until(async () => (await devices.get('sw-1'))?.config.every === '30s', 'the new file', 5000)
  t.equal(await uid('sw-1'), first, 'it is the same device')

  for (const id of ['sw-1', 'sw-2', 'sw-3']) await rm(path.join(dir, `${id}.json`))
  await until(() => files.problems().length === 1, 'the problem', 5000)
  t.match(files.problems(), [{ message: /empty.*3 devices.*stay/, hint: /put the files back/ }])
  t.equal((await devices.list()).length, 3)
  await write('sw-2', '60s')
  await until(async () => (await devices.list()).length === 1, 'the others are removed', 5000)
  t.equal(await uid('sw-2'), second, 'it is the same device')
  t.same(files.problems(), [])
})
