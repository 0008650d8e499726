// Goal: who may not write secrets cannot send a stored one anywhere else, by whichever way a device
// comes in: form, "Test", API, import or bulk; typing it again, or an administrator, may.

import path from 'node:path'
import t from 'tap'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const test = await startTestProgram(t)
const { url, program } = test
const everybody = await people(test)
const STORED = {
  id: 'kept',
  name: 'kept',
  kind: 'snmp',
  address: '127.0.0.1',
  port: 9,
  every: '1h',
  credentials: { version: '2c', community: 'the-stored-text' },
}
const V3 = {
  ...STORED,
  id: 'kept3',
  name: 'kept3',
  credentials: {
    version: '3',
    user: 'ops',
    level: 'authPriv',
    auth: { protocol: 'sha256', key: 'auth-key-of-it' },
    priv: { protocol: 'aes', key: 'priv-key-of-it' },
  },
}
const ELSEWHERE = { address: '127.0.0.2' }
const REF = { version: '2c', community: { secret: 'kept.community' } }
for (const document of [STORED, V3])
  await program.devices.create(document, { name: 'test', address: '' }, 'api')

type Who = 'engineer' | 'admin'
const json = async (who: Who, method: string, path: string, body: unknown) => {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  const answer = await ask(url, path, {
    method,
    headers: { authorization: everybody[who].bearer, 'content-type': type },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: answer.body }
}
const form = (who: Who, path: string, fields: Record<string, string>) =>
  ask(url, path, {
    ...as(url, everybody[who], { method: 'POST', headers: FORM }),
    body: new URLSearchParams(fields).toString(),
  })
const stored = async (id: string) => {
  const device = await program.devices.get(id)
  if (!device) throw new Error(`${id} is gone`)
  return device
}
const configOf = async (id: string) => (await stored(id)).config
const AGAIN = /typed again|must be typed/

t.test('the API: another address, port or shape, by PUT and by PATCH', async t => {
  const before = await stored('kept')
  const before3 = await stored('kept3')
  const changes: [string, object][] = [
    ['kept', ELSEWHERE],
    ['kept', { port: 10 }],
    ['kept', { credentials: { version: '1' } }],
    ['kept3', ELSEWHERE],
    ['kept3', { credentials: { priv: { protocol: 'des' } } }],
    ['kept3', { credentials: { level: 'authNoPriv', priv: null } }],
    ['kept3', { credentials: { user: 'another' } }],
    ['kept', { credentials: { community: { secret: 'kept3.auth' } } }],
    // One typed, the other taken along.
    ['kept3', { ...ELSEWHERE, credentials: { auth: { key: 'a-key-that-is-typed' } } }],
  ]
  for (const [id, change] of changes) {
    const said = JSON.stringify(change)
    const patch = await json('engineer', 'PATCH', `/api/v1/devices/${id}`, change)
    t.equal(patch.status, 422, `${said}: ${patch.body}`)
    t.match(patch.body, AGAIN, said)
    t.notMatch(patch.body, /the-stored-text|key-of-it/)
  }
  const put = await json('engineer', 'PUT', '/api/v1/devices/kept', {
    ...before.config,
    ...ELSEWHERE,
  })
  t.equal(put.status, 422, put.body)
  t.same(await stored('kept'), before, 'nothing changed')
  t.same(await stored('kept3'), before3, 'nothing changed')
})

t.test('a new device with the secret of another, and "Test" of the API', async t => {
  const thief = { ...STORED, ...ELSEWHERE, id: 'thief', credentials: REF }
  const made = await json('engineer', 'POST', '/api/v1/devices', thief)
  t.equal(made.status, 422, made.body)
  t.equal(await program.devices.get('thief'), null)
  const missing = { ...thief, credentials: { version: '2c', community: { secret: 'no-such' } } }
  const guess = await json('engineer', 'POST', '/api/v1/devices', missing)
  t.match(guess.body, AGAIN, 'which names there are is not told either')
  for (const document of [thief, { ...(await configOf('kept')), ...ELSEWHERE }]) {
    const check = await json('engineer', 'POST', '/api/v1/devices/check', document)
    t.equal(check.status, 422, check.body)
  }
})

t.test('the form and its "Test"', async t => {
  const { version } = await stored('kept')
  const fields = {
    id: 'kept',
    name: 'kept',
    kind: 'snmp',
    address: '127.0.0.2',
    port: '9',
    every: '1h',
    timeout: '2s',
    retries: '1',
    profiles: 'auto',
    'credentials.version': '2c',
    'credentials.community': '',
    enabled: 'on',
    _version: String(version),
  }
  for (const path of ['/devices/kept', '/devices/test']) {
    const answer = await form('engineer', path, fields)
    t.equal(answer.status, 422, path)
    t.match(answer.body, AGAIN, path)
  }
  t.equal((await configOf('kept')).address, '127.0.0.1')
})

t.test('an import changes nothing, and its preview says why', async t => {
  const text = JSON.stringify([
    { ...(await configOf('kept')), ...ELSEWHERE },
    { ...STORED, ...ELSEWHERE, id: 'thief', credentials: REF },
  ])
  for (const fields of [{ text }, { text, confirmed: 'yes' }]) {
    const answer = await form('engineer', '/devices/import', fields)
    t.equal(answer.status, 422, Object.keys(fields).join())
    t.match(answer.body, AGAIN)
  }
  t.equal((await configOf('kept')).address, '127.0.0.1')
  t.equal(await program.devices.get('thief'), null)
})

t.test('what sends no secret elsewhere an engineer may', async t => {
  const harmless = { name: 'renamed', location: 'cellar', every: '2h', tags: ['a'] }
  t.equal((await json('engineer', 'PATCH', '/api/v1/devices/kept', harmless)).status, 200)
  const bulk = await form('engineer', '/devices/bulk', { device: 'kept', do: 'pause' })
  t.not(bulk.status, 403)
  const typed = { ...ELSEWHERE, credentials: { community: 'typed-again' } }
  const moved = await json('engineer', 'PATCH', '/api/v1/devices/kept', typed)
  t.equal(moved.status, 200, moved.body)
  t.equal((await configOf('kept')).address, '127.0.0.2')
})

t.test('an administrator may', async t => {
  const moved = await json('admin', 'PATCH', '/api/v1/devices/kept3', ELSEWHERE)
  t.equal(moved.status, 200, moved.body)
  const made = await json('admin', 'POST', '/api/v1/devices', {
    ...STORED,
    id: 'second',
    credentials: REF,
  })
  t.equal(made.status, 201, made.body)
})

t.test('a secret that is set later writes over that of nobody else', async t => {
  const engine = {
    id: 'engine',
    kind: 'docker',
    address: 'tcp://127.0.0.1:9',
    every: '1h',
    enabled: false,
  }
  const by = { name: 'test', address: '' }
  await program.devices.create(engine, by, 'api')
  // Another device holds what would be its name, as an administrator may arrange.
  const named = { ...engine, id: 'sharer', tls: { key: { secret: 'engine.tls.key' } } }
  const store = await openStore({
    url: `sqlite:${path.join(test.dataDir, 'pollux.db')}`,
    log: silentLog,
  })
  t.teardown(() => store.close())
  await store.secrets.put('engine.tls.key', 'sealed-by-hand', 1)
  await store.secrets.put('engine.tls.ca', 'sealed-by-hand', 1)
  t.equal((await json('admin', 'POST', '/api/v1/devices', named)).status, 201)
  const before = await stored('engine')
  const key = { tls: { key: 'typed-key' } }
  const ca = { tls: { ca: 'typed-ca' } }
  for (const [who, change] of [
    ['engineer', key],
    ['engineer', ca],
    ['admin', key],
  ] as const) {
    const said = `${who} ${JSON.stringify(change)}`
    const patch = await json(who, 'PATCH', '/api/v1/devices/engine', change)
    t.equal(patch.status, 422, said)
    t.match(patch.body, /would write over the secret/, said)
    const text = JSON.stringify([{ ...before.config, ...change }])
    for (const fields of [{ text }, { text, confirmed: 'yes' }])
      t.match((await form(who, '/devices/import', fields)).body, /would write over/, said)
    const fields = {
      ...{ name: 'engine', address: 'tcp://127.0.0.1:9', every: '1h', timeout: '2s', retries: '1' },
      ...{ profiles: 'auto', _version: String(before.version) },
      ...Object.fromEntries(Object.entries(change.tls).map(([name, to]) => [`tls.${name}`, to])),
    }
    const sent = await form(who, '/devices/engine', fields)
    t.equal(sent.status, 422, said)
    t.match(sent.body, /would write over the secret/, said)
  }
  t.same(await stored('engine'), before)
  t.equal(await store.secrets.get('engine.tls.key'), 'sealed-by-hand')
  t.equal(
    (await json('admin', 'PATCH', '/api/v1/devices/engine', ca)).status,
    200,
    'nobody needs it',
  )
})

t.test('what a device names no more is forgotten, so that it can be typed anew', async t => {
  const store = await openStore({
    url: `sqlite:${path.join(test.dataDir, 'pollux.db')}`,
    log: silentLog,
  })
  t.teardown(() => store.close())
  const plain = { ...STORED, id: 'turn', name: 'turn', port: 11 }
  t.equal((await json('engineer', 'POST', '/api/v1/devices', plain)).status, 201)
  const v3 = { ...V3, ...plain, credentials: V3.credentials }
  t.equal((await json('engineer', 'PUT', '/api/v1/devices/turn', v3)).status, 200)
  t.equal(await store.secrets.get('turn.community'), null)
  t.ok(await store.secrets.get('turn.auth'))
  t.equal((await json('engineer', 'PUT', '/api/v1/devices/turn', plain)).status, 200, 'and back')
  t.equal(await store.secrets.get('turn.auth'), null)
  const sharer = {
    ...plain,
    id: 'sharer2',
    credentials: { version: '2c', community: { secret: 'turn.community' } },
  }
  t.equal((await json('admin', 'POST', '/api/v1/devices', sharer)).status, 201)
  t.equal((await json('engineer', 'PUT', '/api/v1/devices/turn', v3)).status, 200)
  t.ok(await store.secrets.get('turn.community'), 'another device needs it')
})
