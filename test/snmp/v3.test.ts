// Goal: every protocol, level and context of SNMPv3 works with a real net-snmp agent, a restarted or
// reset one heals without us, and each wrong setting is told by its name.
import { rm } from 'node:fs/promises'
import t from 'tap'
import { AUTH_PROTOCOLS, PRIV_PROTOCOLS } from '../../server/model/device.ts'
import { AppError } from '../../server/model/errors.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SnmpCredentials, SnmpSession } from '../../server/snmp/session.ts'
import type { Teardown } from '../parts/find.ts'
import { type Snmpd, type SnmpdUser, startSnmpd } from '../parts/snmpd.ts'

type UserCredentials = Extract<SnmpCredentials, { version: '3' }>

const SYS_CONTACT = '1.3.6.1.2.1.1.4.0'
const SYS_NAME = '1.3.6.1.2.1.1.5.0'
const AUTH = 'authpass123'
const PRIV = 'privpass123'
const AUTHS = {
  md5: 'MD5',
  sha: 'SHA',
  sha224: 'SHA-224',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
} as const
const PRIVS = {
  des: 'DES',
  aes: 'AES',
  aes192b: 'AES-192',
  aes192r: 'AES-192-C',
  aes256b: 'AES-256',
  aes256r: 'AES-256-C',
} as const

const pairs = AUTH_PROTOCOLS.flatMap(auth => PRIV_PROTOCOLS.map(priv => ({ auth, priv })))
const OPS: SnmpdUser = {
  name: 'ops',
  auth: 'SHA-256',
  authKey: AUTH,
  priv: 'AES',
  privKey: PRIV,
  anyContext: true,
}

const inner = await startSnmpd(t, { community: 'inner', extraConf: 'sysContact vrf two' })
const agent = await startSnmpd(t, {
  users: [
    OPS,
    { name: 'reader', auth: 'SHA', authKey: AUTH, level: 'auth' },
    { name: 'guest', level: 'noauth' },
    ...pairs.map(
      ({ auth, priv }): SnmpdUser => ({
        name: `${auth}-${priv}`,
        auth: AUTHS[auth],
        authKey: AUTH,
        priv: PRIVS[priv],
        privKey: PRIV,
        level: 'auth',
      }),
    ),
  ],
  extraConf: `sysContact main\nproxy -Cn vrf-2 -v 2c -c inner 127.0.0.1:${inner.port} .1.3.6.1.2.1.1`,
})

const ops: UserCredentials = {
  version: '3',
  user: 'ops',
  level: 'authPriv',
  auth: { protocol: 'sha256', key: AUTH },
  priv: { protocol: 'aes', key: PRIV },
}

function open(t: Teardown, credentials: SnmpCredentials, at: Snmpd = agent, retries = 0) {
  const { address, port } = at
  const session = openSession({ address, port, credentials, timeoutMs: 1500, retries })
  t.teardown(() => session.close())
  return session
}

async function read(session: SnmpSession, oid = SYS_NAME): Promise<string> {
  const [found] = await session.get([oid])
  return found?.value.type === 'octets' ? Buffer.from(found.value.value).toString() : 'no octets'
}

t.test('all authentication and privacy protocols, at both levels', async t => {
  for (const { auth, priv } of pairs) {
    const credentials: UserCredentials = {
      version: '3',
      user: `${auth}-${priv}`,
      level: 'authPriv',
      auth: { protocol: auth, key: AUTH },
      priv: { protocol: priv, key: PRIV },
    }
    t.equal(await read(open(t, credentials)), 'pollux-test', `${auth} ${priv}`)
    const plain = open(t, { ...credentials, level: 'authNoPriv' })
    t.equal(await read(plain), 'pollux-test', `${auth} alone`)
    t.equal(plain.counters.dropped, 0)
  }
  t.equal(
    await read(open(t, { version: '3', user: 'guest', level: 'noAuthNoPriv' })),
    'pollux-test',
    'no keys at all',
  )
})

t.test('discovery costs two messages, once in a session', async t => {
  const session = open(t, ops)
  await read(session)
  await read(session)
  t.same(session.counters, { requests: 2, retries: 0, timeouts: 0, varbinds: 2, dropped: 0 })
})

t.test('a context is another agent behind the same address', async t => {
  t.equal(await read(open(t, ops), SYS_CONTACT), 'main')
  t.equal(await read(open(t, { ...ops, context: 'vrf-2' }), SYS_CONTACT), 'vrf two')
})

t.test('each wrong setting has its own words', async t => {
  const wrong: [string, Partial<UserCredentials>, RegExp, RegExp][] = [
    ['user', { user: 'nobody' }, /does not know the user "nobody"/, /credentials\.user/],
    [
      'authentication key',
      { auth: { protocol: 'sha256', key: 'another-key' } },
      /refused the authentication key of the user "ops"/,
      /credentials\.auth/,
    ],
    [
      'authentication protocol',
      { auth: { protocol: 'sha512', key: AUTH } },
      /refused the authentication key/,
      /protocol and key/,
    ],
    [
      'privacy key',
      { priv: { protocol: 'aes', key: 'another-key' } },
      /accepted the user "ops" and its authentication key, but/,
      /credentials\.priv/,
    ],
    [
      'privacy protocol',
      { priv: { protocol: 'aes256b', key: PRIV } },
      /accepted the user "ops" and its authentication key, but/,
      /credentials\.priv/,
    ],
    [
      'level too high',
      { user: 'reader', auth: { protocol: 'sha', key: AUTH } },
      /does not offer the level authPriv to the user "reader"/,
      /too high/,
    ],
    [
      'level too low',
      { level: 'authNoPriv' },
      /refused access: authorizationError/,
      /higher level/,
    ],
    ['context', { context: 'nowhere' }, /answers none of its requests/, /"nowhere"/],
  ]
  for (const [what, change, message, hint] of wrong) {
    const error = await read(open(t, { ...ops, ...change })).catch(error => error)
    if (!(error instanceof AppError)) return t.fail(`${what}: ${error}`)
    t.equal(error.code, 'E_SNMP_AUTH', what)
    t.match(error.message, message, what)
    t.match(error.hint, hint, what)
    t.notMatch(`${error.message} ${error.hint}`, /authpass|privpass|another-key/, 'no secret')
  }
})

t.test('a key that is changed on the device later is told from a device that is down', async t => {
  const users = [OPS]
  const first = await startSnmpd(t, { users, extraConf: 'engineID pollux' })
  const session = open(t, ops, first)
  t.equal(await read(session), 'pollux-test')
  await first.stop()
  const { port, stateDir } = first
  await rm(stateDir, { recursive: true })
  const changed = [{ ...OPS, privKey: 'another-key' }]
  await startSnmpd(t, { users: changed, port, stateDir, extraConf: 'engineID pollux' })
  const errors: AppError[] = []
  for (let i = 0; i < 2; i++) {
    await read(session).catch(error => {
      if (error instanceof AppError) errors.push(error)
    })
  }
  t.equal(errors.at(-1)?.code, 'E_SNMP_AUTH')
  t.match(errors.at(-1)?.hint, /credentials\.priv/)
})

t.test('an agent restarts: its boots go up', async t => {
  const first = await startSnmpd(t, { users: [OPS] })
  const session = open(t, ops, first)
  t.equal(await read(session), 'pollux-test')
  await first.stop()
  await t.rejects(read(session), { code: /^E_SNMP_(UNREACHABLE|TIMEOUT)$/ })
  const { port, stateDir } = first
  await startSnmpd(t, { users: [OPS], port, stateDir })
  t.equal(await read(session), 'pollux-test')
})

t.test('an agent is reset: the same engine, its boots begin anew', async t => {
  const options = { users: [OPS], extraConf: 'engineID pollux' }
  const { port, stateDir, stop } = await startSnmpd(t, options)
  await stop()
  const second = await startSnmpd(t, { ...options, port, stateDir })
  const session = open(t, ops, second)
  t.equal(await read(session), 'pollux-test', 'at boots 2')
  await second.stop()
  await rm(stateDir, { recursive: true })
  await startSnmpd(t, { ...options, port, stateDir })
  t.equal(await read(session), 'pollux-test', 'at boots 1')
  t.equal(await read(session), 'pollux-test')
})

t.test('an agent is replaced: another engine at the same address', async t => {
  const first = await startSnmpd(t, { users: [OPS] })
  const session = open(t, ops, first)
  t.equal(await read(session), 'pollux-test')
  await first.stop()
  await startSnmpd(t, { users: [OPS], port: first.port })
  t.equal(await read(session), 'pollux-test')
})
