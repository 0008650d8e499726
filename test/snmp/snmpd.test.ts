// Goal: over a real net-snmp agent, v1, v2c and v3 give what Debian's own clients give.
import t from 'tap'
import { AppError } from '../../server/model/errors.ts'
import type { RawValue } from '../../server/model/raw.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SnmpCredentials } from '../../server/snmp/session.ts'
import { freeUdpPort } from '../parts/find.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const AUTH = 'authpass123'
const PRIV = 'privpass123'
const agent = await startSnmpd(t, {
  community: 'campus',
  users: [
    { name: 'ops', auth: 'SHA-256', authKey: AUTH, priv: 'AES', privKey: PRIV },
    { name: 'old', auth: 'MD5', authKey: AUTH, priv: 'DES', privKey: PRIV },
    { name: 'strong', auth: 'SHA-512', authKey: AUTH, priv: 'AES', privKey: PRIV },
    { name: 'reader', auth: 'SHA', authKey: AUTH, priv: 'AES', privKey: PRIV, level: 'auth' },
  ],
})

const user = (
  name: string,
  auth: 'md5' | 'sha' | 'sha256' | 'sha512',
  priv: 'des' | 'aes',
): SnmpCredentials => ({
  version: '3',
  user: name,
  level: 'authPriv',
  auth: { protocol: auth, key: AUTH },
  priv: { protocol: priv, key: PRIV },
})

const V3 = ['-v3', '-l', 'authPriv', '-A', AUTH, '-X', PRIV]
const CREDENTIALS: Record<string, { ours: SnmpCredentials; debians: string[] }> = {
  v1: { ours: { version: '1', community: 'campus' }, debians: ['-v1', '-c', 'campus'] },
  v2c: { ours: { version: '2c', community: 'campus' }, debians: ['-v2c', '-c', 'campus'] },
  'v3 authPriv SHA-256 AES': {
    ours: user('ops', 'sha256', 'aes'),
    debians: [...V3, '-u', 'ops', '-a', 'SHA-256', '-x', 'AES'],
  },
  'v3 authPriv MD5 DES': {
    ours: user('old', 'md5', 'des'),
    debians: [...V3, '-u', 'old', '-a', 'MD5', '-x', 'DES'],
  },
  'v3 authPriv SHA-512 AES': {
    ours: user('strong', 'sha512', 'aes'),
    debians: [...V3, '-u', 'strong', '-a', 'SHA-512', '-x', 'AES'],
  },
  'v3 authNoPriv SHA': {
    ours: {
      version: '3',
      user: 'reader',
      level: 'authNoPriv',
      auth: { protocol: 'sha', key: AUTH },
    },
    debians: ['-v3', '-l', 'authNoPriv', '-u', 'reader', '-a', 'SHA', '-A', AUTH],
  },
}

function open(credentials: SnmpCredentials) {
  const session = openSession({
    address: agent.address,
    port: agent.port,
    credentials,
    timeoutMs: 2000,
    retries: 1,
  })
  t.teardown(() => session.close())
  return session
}

/** A value as Debian's clients print it with -Oe -OU -On, in hexadecimal where octets are no text. */
function printed(value: RawValue): string {
  switch (value.type) {
    case 'octets': {
      const text = Buffer.from(value.value).toString('latin1')
      if (/^[\x20-\x7e]*$/.test(text)) return text === '' ? '""' : `STRING: "${text}"`
      return `Hex-STRING: ${[...value.value].map(b => b.toString(16).toUpperCase().padStart(2, '0')).join(' ')}`
    }
    case 'integer':
      return `INTEGER: ${value.value}`
    case 'gauge32':
      return `Gauge32: ${value.value}`
    case 'counter32':
      return `Counter32: ${value.value}`
    case 'counter64':
      return `Counter64: ${value.value}`
    case 'oid':
      return `OID: .${value.value}`
    case 'ticks':
      return `Timeticks: (${value.value})`
    default:
      return value.type
  }
}

/** Debian's lines by OID; counters and clocks move between two reads, so those keep only their type. */
function comparable(lines: Iterable<readonly [string, string]>): Map<string, string> {
  const moving = /^(Counter32|Counter64|Timeticks):.*/
  return new Map([...lines].map(([oid, text]) => [oid, text.trim().replace(moving, '$1')]))
}

const parse = (lines: readonly string[]) =>
  lines.map((line): [string, string] => {
    const at = line.indexOf(' = ')
    return [line.slice(1, at), line.slice(at + 3)]
  })

const SYSTEM = ['1', '2', '3', '4', '5', '6', '7'].map(n => `1.3.6.1.2.1.1.${n}.0`)
const IF_COLUMNS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 16, 19, 20].map(
  n => `1.3.6.1.2.1.2.2.1.${n}`,
)
const IFX_COLUMNS = [1, 2, 6, 10, 15, 16, 17].map(n => `1.3.6.1.2.1.31.1.1.1.${n}`)

for (const [what, { ours, debians }] of Object.entries(CREDENTIALS)) {
  t.test(`${what}: scalars and tables as Debian's clients read them`, async t => {
    const session = open(ours)
    const scalars = await session.get(SYSTEM)
    t.same(
      comparable(scalars.map(({ oid, value }) => [oid, printed(value)])),
      comparable(parse(await agent.client('snmpget', [...debians, ...SYSTEM]))),
    )
    // A v1 agent cannot say Counter64 (RFC 3584, section 4.2.2.1), so ifXTable's counters are absent.
    for (const columns of [IF_COLUMNS, IFX_COLUMNS]) {
      const walked = await session.walk(columns, 10_000)
      for (const { column, values, stopped } of walked) {
        t.equal(stopped, null)
        const bulk = ours.version === '1' ? CREDENTIALS.v2c?.debians : debians
        const expected = comparable(
          parse(await agent.client('snmpbulkwalk', [...(bulk ?? []), column])).filter(
            ([oid, text]) =>
              oid.startsWith(`${column}.`) &&
              !(ours.version === '1' && text.startsWith('Counter64')),
          ),
        )
        t.same(
          comparable([...values].map(([index, value]) => [`${column}.${index}`, printed(value)])),
          expected,
          column,
        )
      }
    }
    t.ok(session.counters.varbinds > 0)
    t.equal(session.counters.dropped, 0)
  })
}

t.test('a long table, whose answers the agent cuts short, is whole', async t => {
  // hrSWInstalledTable: hundreds of packages, and it holds still.
  const columns = [1, 2, 3, 4].map(n => `1.3.6.1.2.1.25.6.3.1.${n}`)
  for (const what of ['v2c', 'v3 authPriv SHA-256 AES', 'v1']) {
    const ours = CREDENTIALS[what]?.ours
    const v2c = CREDENTIALS.v2c?.debians ?? []
    if (!ours) return t.fail('credentials')
    const session = open(ours)
    const walked = await session.walk(columns, 10_000)
    for (const { column, values, stopped } of walked) {
      const lines = parse(await agent.client('snmpbulkwalk', [...v2c, column]))
      t.same(
        [...values.keys()],
        lines.map(([oid]) => oid.slice(column.length + 1)),
        `${what} ${column}`,
      )
      t.equal(stopped, null)
      t.ok(values.size > 50, `${values.size} rows`)
    }
    const { requests } = session.counters
    await session.walk(columns, 10_000)
    t.ok(session.counters.requests - requests <= requests, `${what}: ${requests} requests`)
  }
  const [cut] = await open({ version: '2c', community: 'campus' }).walk(columns, 20)
  t.equal(cut?.values.size, 20)
  t.equal(cut?.stopped, 'rows-max')
})

t.test('64-bit counters are exact and move on', async t => {
  const session = open({ version: '2c', community: 'campus' })
  const [walked] = await session.walk(['1.3.6.1.2.1.31.1.1.1.6'], 10_000)
  const [index, value] = [...(walked?.values ?? [])][0] ?? []
  if (value?.type !== 'counter64') return t.fail('Counter64 expected')
  const oid = `1.3.6.1.2.1.31.1.1.1.6.${index}`
  const [line = ''] = await agent.client('snmpget', ['-v2c', '-c', 'campus', oid])
  t.ok(BigInt(line.replace(/.*: /, '')) >= value.value)
})

t.test('net-snmp floats (UCD-SNMP-MIB laLoadFloat) are numbers', async t => {
  const [load] = await open({ version: '2c', community: 'campus' }).get([
    '1.3.6.1.4.1.2021.10.1.6.1',
  ])
  t.equal(load?.value.type, 'number')
})

t.test('what lives at or below', async t => {
  const found = await open(user('ops', 'sha256', 'aes')).getNext([
    '1.3.6.1.2.1.2',
    '1.3.6.1.4.1.9',
    '2.1',
  ])
  t.match(found[0]?.oid, /^1\.3\.6\.1\.2\.1\.2\./)
  t.notMatch(found[1]?.oid, /^1\.3\.6\.1\.4\.1\.9\./)
  t.equal(found[2]?.value.type, 'none')
})

t.test('many scalars are split, and come back in order', async t => {
  const oids = Array.from({ length: 300 }, (_, i) => SYSTEM[i % SYSTEM.length] ?? '')
  const found = await open({ version: '2c', community: 'campus' }).get(oids)
  t.same(
    found.map(one => one.oid),
    oids,
  )
})

t.test('IPv6, however its address is written', async t => {
  const port = await freeUdpPort()
  await startSnmpd(t, {
    port,
    extraConf: `agentAddress udp6:[::1]:${port}\nrocommunity6 public`,
  })
  for (const address of ['::1', '0:0:0:0:0:0:0:1']) {
    const session = openSession({
      address,
      port,
      credentials: { version: '2c', community: 'public' },
      timeoutMs: 2000,
      retries: 0,
    })
    t.teardown(() => session.close())
    const [uptime] = await session.get(['1.3.6.1.2.1.1.3.0'])
    t.equal(uptime?.value.type, 'ticks', address)
  }
})

t.test('wrong credentials', async t => {
  const outcome = async (credentials: SnmpCredentials) => {
    const session = openSession({
      address: agent.address,
      port: agent.port,
      credentials,
      timeoutMs: 1500,
      retries: 0,
    })
    t.teardown(() => session.close())
    return session.get(SYSTEM).then(
      () => null,
      error => (error instanceof AppError ? error : null),
    )
  }
  const community = await outcome({ version: '2c', community: 'wrong' })
  t.equal(community?.code, 'E_SNMP_TIMEOUT', 'an agent is silent about a wrong community')
  t.match(community?.hint, /community and the device's access list/)
  t.ok(community?.passing)
  const badAuth = user('ops', 'sha256', 'aes')
  if (badAuth.version === '3' && badAuth.auth) badAuth.auth.key = 'another-key'
  t.equal((await outcome(badAuth))?.code, 'E_SNMP_AUTH', 'authentication key')
  const badPriv = user('ops', 'sha256', 'aes')
  if (badPriv.version === '3' && badPriv.priv) badPriv.priv.key = 'another-key'
  t.match((await outcome(badPriv))?.code, /^E_SNMP_(AUTH|TIMEOUT)$/, 'encryption key')
  t.equal((await outcome(user('nobody', 'sha256', 'aes')))?.code, 'E_SNMP_AUTH', 'user')
  t.equal(
    (
      await outcome({
        version: '3',
        user: 'ops',
        level: 'authNoPriv',
        auth: { protocol: 'sha256', key: AUTH },
      })
    )?.code,
    'E_SNMP_AUTH',
    'a lower level than the agent asks for',
  )
  t.throws(
    () =>
      open({ version: '3', user: 'ops', level: 'authPriv', auth: { protocol: 'sha', key: AUTH } }),
    {
      code: 'E_SNMP_AUTH',
    },
  )
})

t.test('v3: an agent that was started again is discovered again', async t => {
  const users = [
    { name: 'ops', auth: 'SHA-256', authKey: AUTH, priv: 'AES', privKey: PRIV },
  ] as const
  const first = await startSnmpd(t, { users })
  const session = openSession({
    address: first.address,
    port: first.port,
    credentials: user('ops', 'sha256', 'aes'),
    timeoutMs: 2000,
    retries: 1,
  })
  t.teardown(() => session.close())
  t.equal((await session.get(SYSTEM)).length, SYSTEM.length)
  await first.stop()
  const gone = await session.get(SYSTEM).then(
    () => null,
    error => error,
  )
  t.match(gone?.code, /^E_SNMP_(UNREACHABLE|TIMEOUT)$/)
  // Another agent at the same port: another engine ID, engineBoots begins anew.
  const second = await startSnmpd(t, { users, port: first.port })
  t.equal(second.port, first.port)
  t.equal((await session.get(SYSTEM)).length, SYSTEM.length)
})
