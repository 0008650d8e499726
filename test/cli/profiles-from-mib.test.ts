// Goal: `profiles from-mib` writes a profile that `profiles check` accepts, and finds wrong scales.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { NODE_MODULES_DIR } from '../../server/paths.ts'
import { profilesShell } from './profiles-run.ts'

const IF_MIB = path.join(NODE_MODULES_DIR, 'net-snmp/lib/mibs/IF-MIB.mib')
const TEST_MIB = path.join(import.meta.dirname, '../profiles/mibs/POLLUX-TEST-MIB.txt')
const { folder: dir, profiles } = await profilesShell(t)
const own = path.join(dir, 'own')
await mkdir(own)
const env = { POLLUX_PROFILES_DIR: own }
const fromMib = (...args: string[]) => profiles(['from-mib', ...args], env)

// Each command is a process of its own, and a busy machine starts them slowly.
t.setTimeout(600_000)

t.test('a profile beside the shipped ones', async t => {
  const file = path.join(own, 'interfaces.json')
  const ran = await fromMib(IF_MIB, '--table', 'ifTable', 'ifXTable', '--scalars', '--output', file)
  t.equal(ran.code, 0, ran.stderr)
  const printed = await fromMib(IF_MIB, '--table', 'ifTable', 'ifXTable', '--scalars')
  t.match(JSON.parse(printed.stdout), { title: /^IF-MIB/, type: 'feature' })
  t.equal(
    (await fromMib(IF_MIB, '--table', 'ifTable', '--output', file)).code,
    1,
    'never written over',
  )
  t.match(JSON.parse(await readFile(file, 'utf8')), { tables: { if: {} } })
  const check = await profiles(['check', '--json'], env)
  t.match(check.lines, [{ profiles: Array }])
  const [{ problems }] = check.lines as [{ problems: { file: string }[] }]
  t.same(
    problems.filter(problem => problem.file.includes('interfaces')),
    [],
  )
})

t.test('what traps mean, from their MIB', async t => {
  const file = path.join(own, 'traps.json')
  const ran = await fromMib(IF_MIB, '--notifications', 'linkDown', '--output', file)
  t.equal(ran.code, 0, ran.stderr)
  t.match(JSON.parse(await readFile(file, 'utf8')), {
    notifications: {
      linkDown: {
        oid: '1.3.6.1.6.3.1.1.5.3',
        title: 'Link down',
        values: {
          if_index: '1.3.6.1.2.1.2.2.1.1',
          if_oper_status: { oid: '1.3.6.1.2.1.2.2.1.8', map: { 2: 'down' } },
        },
        text: 'Link down: {if_index}',
      },
    },
  })
  const check = await profiles(['check', '--json'], env)
  const [{ problems }] = check.lines as [{ problems: { file: string }[] }]
  t.same(
    problems.filter(problem => problem.file.includes('traps')),
    [],
  )
  t.match((await fromMib(IF_MIB, '--notifications', 'linkDwon')).stderr, /did you mean linkDown/)
})

t.test('wrong usage says what there is', async t => {
  const nothing = await fromMib(TEST_MIB)
  t.equal(nothing.code, 2)
  t.match(nothing.stderr, /--table testSensorTable {2}\(16 columns\)/)
  t.match(nothing.stderr, /--scalars testInputVoltage testInputModel/)
  const typo = await fromMib(TEST_MIB, '--table', 'testSensorTabel')
  t.equal(typo.code, 1)
  t.match(typo.stderr, /has no table testSensorTabel[\s\S]*did you mean testSensorTable/)
  const missing = await fromMib(
    path.join(path.dirname(TEST_MIB), 'broken/POLLUX-ORPHAN-MIB.txt'),
    '--scalars',
  )
  t.match(missing.stderr, /POLLUX-LOST-MIB/)
  t.equal(missing.code, 1)
})

t.test('scales are compared', async t => {
  const oid = '1.3.6.1.4.1.99990.1.1.1.0'
  const ups = (scale: number) =>
    JSON.stringify({
      title: 'UPS',
      scalars: {
        ups_in: { title: 'In', metrics: { volts: { title: 'Volts', unit: 'V', oid, scale } } },
      },
    })
  await writeFile(path.join(own, 'right.json'), ups(0.1))
  const right = await fromMib(TEST_MIB, '--check', 'right', '--json')
  t.equal(right.code, 0, right.stderr)
  t.match(right.lines, [{ profile: 'right', disagreements: [] }])
  await writeFile(path.join(own, 'right.json'), ups(1))
  const wrong = await fromMib(TEST_MIB, '--check', 'right')
  t.equal(wrong.code, 1)
  t.match(
    wrong.stdout,
    /ups_in\.volts has scale 1, and the MIB's UNITS "0\.1 RMS Volts" need 0\.1 to be V/,
  )
  t.equal((await fromMib(TEST_MIB, '--check', 'rihgt')).code, 1)
})
