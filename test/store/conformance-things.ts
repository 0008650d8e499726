// The cases of devices, rows, people, secrets, settings and the audit log.

import type { Test } from 'tap'
import { auditTrim } from '../../server/audit.ts'
import { openStore } from '../../server/store/open.ts'
import { log, type NewPlace } from './place.ts'
import { collected, config } from './samples.ts'

const fresh = async (t: Test, newPlace: NewPlace) => {
  const place = await newPlace(t)
  const store = await openStore({ url: place.url, log })
  t.teardown(() => store.close())
  return { place, store }
}

const DAY_MS = 86_400_000

export function deviceCases(t: Test, newPlace: NewPlace): void {
  t.test('devices: made, listed, changed by one at a time', async t => {
    const { place, store } = await fresh(t, newPlace)
    t.same(await store.devices.list(), [])
    const made = await store.devices.create(config('sw-1'), 'file', 100)
    t.match(made, { version: 1, source: 'file', identity: null, createdAt: 100, updatedAt: 100 })
    await t.rejects(store.devices.create(config('sw-1'), 'form', 101), { code: 'E_DEVICE_EXISTS' })
    const changed = { ...config('sw-1'), name: 'Schrank "7" ü', tags: ['core'] }
    const two = await store.devices.update(changed, 1, 200)
    t.same(two, { ...made, config: changed, version: 2, updatedAt: 200 })
    t.same(await store.devices.get('sw-1'), two)
    await t.rejects(store.devices.update(changed, 1, 300), { code: 'E_DEVICE_CHANGED' })
    await t.rejects(store.devices.update(config('nobody'), 1, 300), { code: 'E_DEVICE_UNKNOWN' })
    t.equal(await store.devices.get('nobody'), null)
    const identity = {
      at: 5,
      sysObjectID: '1.3.6',
      profiles: ['cisco'],
      chosenBecause: ['sysObjectID'],
      facts: { vendor: 'Cisco' },
    }
    await store.devices.setIdentity(made.uid, identity)
    t.match(await store.devices.get('sw-1'), { identity, version: 2, updatedAt: 200 })
    const tuning = {
      at: 6,
      snmp: null,
      kindness: { factor: 2, reason: 'its CPU climbs', since: 6 },
    }
    t.equal((await store.devices.get('sw-1'))?.tuning, null)
    await store.devices.setTuning(made.uid, tuning)
    t.match(await store.devices.get('sw-1'), { tuning, identity, version: 2, updatedAt: 200 })
    await place.raw(`update device set tuning = '{"of": "another version"}' where id = 'sw-1'`)
    t.equal((await store.devices.get('sw-1'))?.tuning, null, 'it is learned again')
    await store.devices.create(config('a-first'), 'api', 1)
    t.same(
      (await store.devices.list()).map(device => device.config.id),
      ['a-first', 'sw-1'],
    )
  })

  t.test('a row that cannot be read does not hide the other devices', async t => {
    const { place, store } = await fresh(t, newPlace)
    await store.devices.create(config('good'), 'form', 1)
    await store.devices.create(config('hurt'), 'form', 1)
    await place.raw(`update device set config = '{"id": 5}' where id = 'hurt'`)
    t.same(
      (await store.devices.list()).map(device => device.config.id),
      ['good'],
    )
    await t.rejects(store.devices.get('hurt'), { code: 'E_DEVICE_INVALID' })
  })

  t.test('a deleted device frees its id, and nobody inherits its history', async t => {
    const { place, store } = await fresh(t, newPlace)
    const old = await store.devices.create(config('sw'), 'form', 1)
    const rows = [{ key: 'Gi1', index: '1', name: 'Gi1', labels: {} }]
    await store.samples.write([collected(old.uid, 1, ['Gi1'], { in: [1], name: ['x'] })])
    await store.samples.writeRows(old.uid, 'interface', rows, 1)
    await store.devices.remove('sw', { history: false, at: 2 })
    t.equal(await store.devices.get('sw'), null)
    await t.rejects(store.devices.remove('sw', { history: false, at: 2 }), {
      code: 'E_DEVICE_UNKNOWN',
    })
    const next = await store.devices.create(config('sw'), 'form', 3)
    t.not(next.uid, old.uid)
    t.same(await store.samples.series(next.uid), [])
    t.same(await store.samples.rows(next.uid), [])
    t.equal((await store.samples.series(old.uid)).length, 2, 'the history is kept')
    t.same(await store.samples.write([collected(old.uid, 2, ['Gi1'], { in: [2] })]), [
      { refused: 'unknown-device' },
    ])
    await t.rejects(store.samples.writeRows(old.uid, 'interface', rows, 1), {
      code: 'E_DEVICE_UNKNOWN',
    })
    await store.samples.write([collected(next.uid, 1, ['Gi1'], { in: [9], name: ['z'] })])
    await store.samples.writeRows(next.uid, 'interface', rows, 1)
    await store.devices.remove('sw', { history: true, at: 4 })
    t.equal((await store.samples.series(old.uid)).length, 2, 'of the other one nothing went')
    t.same(await store.samples.series(next.uid), [])
    t.same(await place.raw('select count(*) as n from poll'), [{ n: 1 }])
    t.same(await place.raw('select count(*) as n from text_log'), [{ n: 1 }])
    const third = await store.devices.create(config('sw'), 'form', 5)
    t.ok(third.uid > next.uid, 'a uid is not used again')
  })

  t.test('history goes in steps, and goes on after an interruption', async t => {
    const { place, store } = await fresh(t, newPlace)
    const { uid } = await store.devices.create(config('sw'), 'form', 1)
    await store.samples.write(
      Array.from({ length: 4100 }, (_, at) =>
        collected(uid, at, ['a'], { in: [at], s: [`${at}`] }),
      ),
    )
    await place.raw('update device set live_id = null, deleted_at = 1, purging = 1')
    const again = await openStore({ url: place.url, log })
    // The removal runs beside what the store is asked; closing waits for the step it is in.
    const left = async () => (await place.raw('select uid from device')).length
    for (let tries = 0; tries < 400 && (await left()) > 0; tries++) {
      await new Promise(resolve => setTimeout(resolve, 25))
    }
    await again.close()
    for (const table of ['device', 'stream', 'series', 'poll', 'text_log']) {
      t.same(await place.raw(`select count(*) as n from ${table}`), [{ n: 0 }], table)
    }
  })

  t.test('rows: names and labels, and what is not listed stays', async t => {
    const { store } = await fresh(t, newPlace)
    const { uid } = await store.devices.create(config('sw'), 'form', 1)
    const row = (key: string, more = {}) => ({ key, index: key, name: key, labels: {}, ...more })
    await store.samples.writeRows(
      uid,
      'interface',
      [row('Gi10'), row('Gi2', { subtitle: 'uplink', labels: { mac: '00:11', ünï: '"x"' } })],
      100,
    )
    await store.samples.writeRows(
      uid,
      'interface',
      [row('Gi10', { name: 'ten' }), row('gi10')],
      200,
    )
    // One that comes late renames nothing.
    await store.samples.writeRows(uid, 'interface', [row('Gi10', { name: 'old' })], 150)
    await store.samples.writeRows(uid, 'disk', [row('/')], 300)
    await store.samples.writeRows(uid, 'disk', [], 400)
    t.same(await store.samples.rows(uid, 'interface'), [
      {
        ...row('Gi2', { subtitle: 'uplink', labels: { mac: '00:11', ünï: '"x"' } }),
        group: 'interface',
        seenAt: 100,
      },
      ...(await store.samples.rows(uid, 'interface')).slice(1),
    ])
    t.same(
      (await store.samples.rows(uid)).map(({ group, key, name, seenAt }) => [
        group,
        key,
        name,
        seenAt,
      ]),
      [
        ['disk', '/', '/', 300],
        ['interface', 'Gi2', 'Gi2', 100],
        ['interface', 'gi10', 'gi10', 200],
        ['interface', 'Gi10', 'ten', 200],
      ],
    )
    const many = Array.from({ length: 50_001 }, (_, index) => row(`r${index}`))
    await t.rejects(store.samples.writeRows(uid, 'disk', many, 1), { code: 'E_ROWS_TOO_MANY' })
  })
}

export function peopleCases(t: Test, newPlace: NewPlace): void {
  t.test('users: one of a name, however it is written', async t => {
    const { store } = await fresh(t, newPlace)
    const { users } = store
    t.equal(await users.count(), 0)
    const ann = await users.create({ name: 'Änne', role: 'admin', passwordHash: 'h1', at: 10 })
    t.same(ann, {
      id: ann.id,
      name: 'Änne',
      role: 'admin',
      disabled: false,
      createdAt: 10,
      lastSignInAt: null,
      language: null,
      twoStep: false,
      origin: null,
    })
    await t.rejects(users.create({ name: 'äNNE', role: 'viewer', passwordHash: 'x', at: 1 }), {
      code: 'E_USER_EXISTS',
    })
    await users.create({ name: 'anne', role: 'viewer', passwordHash: 'h2', at: 11 })
    t.equal(await users.count(), 2)
    t.match(await users.byName('ÄNNE'), { id: ann.id, name: 'Änne', passwordHash: 'h1' })
    t.equal(await users.byName("x' or '1'='1"), null)
    await users.setPassword(ann.id, 'h3')
    await users.signedIn(ann.id, 77, '10.0.0.7')
    await users.signedIn(ann.id, 78, '10.0.0.8')
    await users.signedIn(ann.id, 79, '10.0.0.7')
    t.same(await users.addressesOf(ann.id), [
      { address: '10.0.0.7', firstAt: 77, lastAt: 79 },
      { address: '10.0.0.8', firstAt: 78, lastAt: 78 },
    ])
    t.match((await users.lastAddresses()).get(ann.id), { address: '10.0.0.7', lastAt: 79 })
    for (let i = 0; i < 22; i++) await users.signedIn(ann.id, 80 + i, `10.0.1.${i}`)
    t.equal((await users.addressesOf(ann.id)).length, 20)
    await users.signedIn(ann.id, 77, '10.0.1.21')
    t.match(await users.byName('Änne'), { passwordHash: 'h3', lastSignInAt: 77 })
    t.same(
      (await users.list()).map(user => user.name),
      ['anne', 'Änne'],
    )
  })

  t.test('the second step: each time step and each recovery code counts once', async t => {
    const { store } = await fresh(t, newPlace)
    const { users } = store
    const { id } = await users.create({ name: 'ann', role: 'engineer', passwordHash: 'h', at: 1 })
    t.match(await users.byId(id), { twoStep: false, totpSealed: null, origin: null })
    await users.setTotp(id, { sealed: 'sealed', step: 100, codes: ['c1', 'c2'] })
    t.match(await users.byName('ann'), { twoStep: true, totpSealed: 'sealed' })
    t.equal(await users.useTotpStep(id, 100), false, 'the one of the set-up')
    const tries = await Promise.all([1, 2, 3].map(() => users.useTotpStep(id, 101)))
    t.same(tries.sort(), [false, false, true], 'one of three at once')
    t.equal(await users.useTotpStep(id, 99), false, 'an older one')
    t.equal(await users.useRecoveryCode(id, 'c1'), true)
    t.equal(await users.useRecoveryCode(id, 'c1'), false)
    t.equal(await users.recoveryCodes(id), 1)
    await users.setTotp(id, null)
    t.match(await users.byId(id), { twoStep: false, totpSealed: null })
    t.equal(await users.recoveryCodes(id), 0)
  })

  t.test('people of a provider are known by their key alone', async t => {
    const { store } = await fresh(t, newPlace)
    const { users } = store
    const ann = { name: 'ann', role: 'viewer' as const, passwordHash: '', at: 1 }
    const origin = { issuer: 'https://id.example', key: 'k1' }
    const { id } = await users.create({ ...ann, origin })
    t.match(await users.byOrigin('k1'), { id, origin: 'https://id.example' })
    t.equal(await users.byOrigin('k2'), null)
    await t.rejects(users.create({ ...ann, name: 'other', origin }), { code: 'E_USER_EXISTS' })
    await users.create({ ...ann, name: 'local' })
    await users.create({ ...ann, name: 'local-too' })
  })

  t.test('sessions: begun, touched, ended, pruned', async t => {
    const { place, store } = await fresh(t, newPlace)
    const { users } = store
    const { id } = await users.create({ name: 'ann', role: 'engineer', passwordHash: 'h', at: 1 })
    const begin = (hash: string, at: number) =>
      users.createSession({
        hash,
        userId: id,
        at,
        csrf: `c-${hash}`,
        address: '127.0.0.1',
        browser: 'b',
      })
    for (const [hash, at] of [
      ['a', 100],
      ['b', 200],
      ['c', 300],
      ['d', 400],
    ] as const) {
      await begin(hash, at)
    }
    await users.touchSession('a', 500)
    t.match(await users.session('a'), {
      user: { id, name: 'ann', role: 'engineer' },
      csrf: 'c-a',
      createdAt: 100,
      touchedAt: 500,
    })
    t.equal(await users.session('nothing'), null)
    t.same(
      (await users.sessionsOf(id)).map(({ hash }) => hash),
      ['a', 'd', 'c', 'b'],
      'the last used first',
    )
    t.same((await users.sessionsOf(id))[0], {
      hash: 'a',
      address: '127.0.0.1',
      browser: 'b',
      createdAt: 100,
      touchedAt: 500,
    })
    t.equal(await users.pruneSessions(250, 0), 1, 'b was idle')
    t.equal(await users.pruneSessions(0, 150), 1, 'a is too old')
    await users.endSessions(id, 'd')
    t.equal(await users.session('c'), null)
    t.ok(await users.session('d'))
    await place.raw('update account set disabled = 1')
    t.equal(await users.session('d'), null, 'a disabled user has no session')
    await place.raw('update account set disabled = 0')
    await users.endSession('d')
    await users.endSession('d')
    t.equal(await users.session('d'), null)
  })

  t.test('tokens', async t => {
    const { store } = await fresh(t, newPlace)
    const { users } = store
    const scope = ['devices.read' as const]
    const token = { role: 'viewer' as const, scope, prefix: 'plx_ab', at: 1, expiresAt: 99 }
    await users.createToken({ ...token, name: 'grafana', hash: 'h1' })
    await t.rejects(users.createToken({ ...token, name: 'grafana', hash: 'h2' }), {
      code: 'E_TOKEN_EXISTS',
    })
    t.same(await users.token('h1'), {
      name: 'grafana',
      role: 'viewer',
      scope,
      expiresAt: 99,
    })
    t.equal(await users.token('h2'), null)
    await users.tokenUsed('h1', 50)
    t.same(await users.tokens(), [
      {
        name: 'grafana',
        role: 'viewer',
        scope,
        prefix: 'plx_ab',
        createdAt: 1,
        expiresAt: 99,
        usedAt: 50,
      },
    ])
    t.equal(await users.revokeToken('grafana'), true)
    t.equal(await users.revokeToken('grafana'), false)
    t.equal(await users.token('h1'), null)
  })

  t.test('a config and its secrets are stored and forgotten together, or not at all', async t => {
    const { store } = await fresh(t, newPlace)
    const sealed = (text: string) => new Map([['sw.community', text]])
    await store.devices.create(config('sw'), 'form', 1, sealed('v1:first'))
    await t.rejects(store.devices.create(config('sw'), 'form', 2, sealed('v1:twin')), {
      code: 'E_DEVICE_EXISTS',
    })
    await store.devices.update(config('sw'), 1, 3, sealed('v1:second'))
    await t.rejects(store.devices.update(config('sw'), 1, 4, sealed('v1:late')), {
      code: 'E_DEVICE_CHANGED',
    })
    t.equal(await store.secrets.get('sw.community'), 'v1:second')
    const unfit = new Map<string, string>()
    unfit[Symbol.iterator] = () => {
      throw new Error('the database went away')
    }
    await t.rejects(store.devices.update({ ...config('sw'), name: 'half' }, 2, 5, unfit))
    t.match(await store.devices.get('sw'), { version: 2, config: config('sw') }, 'nothing is half')
    await t.rejects(store.devices.create(config('half'), 'form', 5, unfit))
    t.equal(await store.devices.get('half'), null)
    const secrets = ['sw.community']
    await t.rejects(store.devices.remove('nobody', { history: false, at: 6, secrets }))
    t.equal(await store.secrets.get('sw.community'), 'v1:second')
    await store.devices.remove('sw', { history: false, at: 6, secrets })
    t.equal(await store.secrets.get('sw.community'), null)
  })

  t.test('secrets and settings are written over by name', async t => {
    const { store } = await fresh(t, newPlace)
    await store.secrets.put('sw.community', 'v1:abc', 1)
    await store.secrets.put('sw.community', 'v1:def', 2)
    await store.secrets.put('another', 'v1:x', 3)
    t.equal(await store.secrets.get('sw.community'), 'v1:def')
    t.same(await store.secrets.list(), [
      { name: 'another', updatedAt: 3 },
      { name: 'sw.community', updatedAt: 2 },
    ])
    t.same(await store.secrets.list('sw.'), [{ name: 'sw.community', updatedAt: 2 }])
    t.same(await store.secrets.list('sw.c%'), [])
    await store.secrets.remove('sw.community')
    t.equal(await store.secrets.get('sw.community'), null)
    t.equal(await store.settings.get('theme'), null)
    await store.settings.put('theme', 'dark')
    await store.settings.put('theme', 'light')
    t.equal(await store.settings.get('theme'), 'light')
  })

  t.test('the audit log: newest first, in pages', async t => {
    const { store } = await fresh(t, newPlace)
    for (let at = 1; at <= 5; at++) {
      await store.audit.append({
        at,
        actor: 'ann',
        action: 'device.update',
        thing: 'device:sw',
        address: '127.0.0.1',
        before: at === 1 ? null : { version: at - 1 },
        after: { version: at, name: 'ü"' },
      })
    }
    const first = await store.audit.list({ limit: 2 })
    t.same(
      first.map(({ id, ...entry }) => entry),
      [5, 4].map(at => ({
        at,
        actor: 'ann',
        action: 'device.update',
        thing: 'device:sw',
        address: '127.0.0.1',
        before: { version: at - 1 },
        after: { version: at, name: 'ü"' },
      })),
    )
    const next = await store.audit.list({ limit: 10, before: first[1]?.id ?? 0 })
    t.same(
      next.map(({ at, before }) => [at, before]),
      [
        [3, { version: 2 }],
        [2, { version: 1 }],
        [1, null],
      ],
    )
    const { trim } = auditTrim(store.audit, 90 * DAY_MS)
    t.equal(await trim(90 * DAY_MS), 0, 'nothing is old enough')
    const unsaid = store.audit.trim(DAY_MS, () => {
      throw new Error('it cannot be told')
    })
    await t.rejects(unsaid, /cannot be told/)
    t.equal((await store.audit.list({ limit: 10 })).length, 5, 'what cannot be told is not deleted')
    // Two processes at once: all goes once, and is told once.
    const both = await Promise.all([trim(91 * DAY_MS), trim(91 * DAY_MS)])
    t.same(both.sort(), [0, 5])
    t.equal(await trim(91 * DAY_MS), 0)
    t.match(await store.audit.list({ limit: 10 }), [
      {
        actor: 'system',
        action: 'audit.trim',
        after: { deleted: 5, before: '1970-01-02T00:00:00.000Z' },
      },
    ])
  })
}
