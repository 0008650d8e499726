// Goal: a live agent is read as a recording of it is, and a recording holds what the agent says but
// no secret.
import { access, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { freeUdpPort } from '../parts/find.ts'
import { startSnmpd } from '../parts/snmpd.ts'
import { profilesShell } from './profiles-run.ts'

const { folder: dir, profiles } = await profilesShell(t)
const agent = await startSnmpd(t, {
  community: 'campus-ro',
  users: [
    {
      name: 'ops',
      auth: 'SHA-256',
      authKey: 'auth-secret-1',
      priv: 'AES',
      privKey: 'priv-secret-1',
    },
  ],
})
const device = ['--device', `${agent.address}:${agent.port}`]
const community = ['--community', 'campus-ro']
const file = path.join(dir, 'host.snmprec')

interface Line {
  device: Record<string, string>
  profiles: string[]
  tables: Record<string, { index: string; row: string }[]>
  samples: { metric: string; index: string | null; sources: string[] }[]
}
const cells = (line: Line) => line.samples.map(({ metric, index }) => `${metric} ${index}`).sort()

// Each command is a process of its own, and a busy machine starts them slowly.
t.setTimeout(600_000)

t.test('recorded and live are the same', async t => {
  const recorded = await profiles(['record', ...device, ...community, '--output', file, '--json'])
  t.equal(recorded.code, 0, recorded.stderr)
  t.match(recorded.lines, [{ output: file, end: 'complete' }])
  t.equal((await stat(file)).mode & 0o777, 0o600)
  const oracle = await agent.client('snmpbulkwalk', ['-v2c', '-c', 'campus-ro', '1.3.6.1.2.1.2'])
  const text = await readFile(file, 'utf8')
  const oids = oracle.map(line => line.split(' ')[0]?.slice(1) ?? '')
  t.ok(oids.length > 10)
  t.same(
    oids.filter(oid => !text.includes(`\n${oid}|`)),
    [],
    'all that another client walks',
  )
  t.notMatch(text, /campus-ro/, 'no community')
  t.notMatch(text, /^1\.3\.6\.1\.6\.3\.1[2-8]\./m, 'nothing of who may read')

  const live = await profiles(['try', ...device, ...community, '--json'])
  const walked = await profiles(['try', '--walk', file, '--json'])
  t.equal(live.code, 0, live.stderr)
  const [a] = live.lines as Line[]
  const [b] = walked.lines as Line[]
  if (!a || !b) return t.fail('no line')
  t.same(a.device, b.device)
  t.same(a.profiles, b.profiles)
  t.same(a.tables, b.tables)
  t.same(cells(a), cells(b))
  t.ok(a.samples.length > 20, 'there was something to compare')
})

t.test('SNMPv3, keys from files', async t => {
  const key = path.join(dir, 'key')
  await writeFile(key, 'auth-secret-1\n', { mode: 0o600 })
  const { lines, code } = await profiles([
    'try',
    ...device,
    '--v3',
    'ops',
    '--auth',
    `sha256:@${key}`,
    '--priv',
    'aes:priv-secret-1',
    '--json',
  ])
  t.equal(code, 0)
  t.match(lines, [{ device: { name: 'pollux-test' } }])
})

t.test('names are blanked on request', async t => {
  const blank = path.join(dir, 'blank.snmprec')
  const ran = await profiles([
    'record',
    ...device,
    ...community,
    '--blank-names',
    '--output',
    blank,
    '--from',
    '1.3.6.1.2.1',
  ])
  t.equal(ran.code, 0, ran.stderr)
  const text = await readFile(blank, 'utf8')
  t.notMatch(text, /pollux-test|rack 7/)
  t.match(text, /^1\.3\.6\.1\.2\.1\.1\.5\.0\|4\|<private>$/m)
})

t.test('bounds', async t => {
  const few = path.join(dir, 'few.snmprec')
  const ran = await profiles([
    'record',
    ...device,
    ...community,
    '--max',
    '7',
    '--output',
    few,
    '--json',
  ])
  t.equal(ran.code, 1, 'it is not whole')
  t.match(ran.lines, [{ objects: 7, end: 'objects-max' }])
  t.equal((await readFile(few, 'utf8')).trim().split('\n').length, 7)
})

t.test('what goes wrong', async t => {
  const record = (...args: string[]) => profiles(['record', ...args])
  const taken = await record(...device, ...community, '--output', file)
  t.equal(taken.code, 1)
  t.match(taken.stderr, /cannot be written/)

  const silent = path.join(dir, 'silent.snmprec')
  const nobody = [
    '--device',
    `127.0.0.1:${await freeUdpPort()}`,
    '--timeout',
    '1s',
    '--retries',
    '0',
  ]
  const gone = await record(...nobody, ...community, '--output', silent)
  t.equal(gone.code, 1)
  await t.rejects(access(silent), 'no empty file is left')

  const tried = await profiles(['try', ...nobody, ...community, '--json'])
  t.equal(tried.code, 1)
  t.match(tried.lines, [{ error: String }])

  const refused = await profiles(['try', ...device, ...community, '--json'], {
    POLLUX_ALLOW_NETWORKS: '192.0.2.0/24',
  })
  t.match(refused.lines, [
    { error: /not in a network that may be polled/, hint: /POLLUX_ALLOW_NETWORKS/ },
  ])

  for (const args of [
    [],
    device,
    [...device, ...community],
    [...device, ...community, '--output', 'x', '--from', 'sysDescr'],
  ]) {
    t.equal((await record(...args)).code, 2, args.join(' '))
  }
})
