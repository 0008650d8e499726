// Goal: `profiles try` reads recordings by the shipped profiles, a line each, whatever is in them.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { profilesShell } from './profiles-run.ts'

const IF = '1.3.6.1.2.1.2.2.1'
const IFX = '1.3.6.1.2.1.31.1.1.1'
const SWITCH = [
  '1.3.6.1.2.1.1.1.0|4|A switch',
  '1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1',
  '1.3.6.1.2.1.1.3.0|67|123456',
  '1.3.6.1.2.1.1.5.0|4x|636f72652d31',
  `${IF}.1.1|2|1`,
  `${IF}.1.2|2|2`,
  `${IF}.2.1|4x|4769312f302f31`,
  `${IF}.2.2|4|Gi1/0/2`,
  `${IF}.5.1|66|1000000000`,
  `${IF}.6.1|4x|001a2b3c4d5e`,
  `${IF}.7.1|2|1`,
  `${IF}.8.1|2|1`,
  `${IF}.8.2|2|not a number`,
  `${IF}.10.1|65|4294967295`,
  `${IF}.10.2|65|many`,
  `${IFX}.1.1|4|Gi1/0/1`,
  `${IFX}.6.1|70|9223372036854775809`,
  '1.3.6.1.2.1.4.20.1.1.10.xx.xx.100|64|10.0.0.1',
  'garbage',
].join('\n')

const { folder: dir, profiles } = await profilesShell(t)
const walks = path.join(dir, 'walks')
await mkdir(walks)
await writeFile(path.join(walks, 'switch.snmprec'), SWITCH)
await writeFile(path.join(walks, 'empty.snmprec'), '# nothing\n')
await writeFile(path.join(walks, 'binary.snmprec'), Buffer.from([0, 1, 2, 255, 10, 124, 124]))
await writeFile(path.join(walks, 'notes.txt'), 'no recording')
await mkdir(path.join(walks, 'folder.snmprec'))

const ran = await profiles(['try', '--walk', walks, '--json'])

// Each command is a process of its own, and a busy machine starts them slowly.
t.setTimeout(600_000)

t.test(
  'one line for each recording, in order, and exit 1 for those that cannot be read',
  async t => {
    t.equal(ran.code, 1)
    t.match(ran.lines, [
      { walk: 'binary', error: /no value/ },
      { walk: 'empty', error: /no value/, hint: String },
      { walk: 'folder', error: String },
      { walk: 'switch', profiles: Array },
    ])
    t.equal(ran.lines.length, 4)
  },
)

t.test('a line says what was read, of what, and what was not', async t => {
  const line = ran.lines.at(-1)
  t.match(line, {
    chosenBecause: [/./],
    device: { name: 'core-1', descr: 'A switch' },
    tables: { interface: [{ index: '1', row: 'Gi1/0/1', labels: { mac: '00:1a:2b:3c:4d:5e' } }] },
    cost: { pdus: Number, varbinds: Number },
  })
  const { samples, skipped } = line as {
    samples: { metric: string; index: string }[]
    skipped: object[]
  }
  const sample = (metric: string, index: string | null) =>
    samples.find(one => one.metric === metric && one.index === index)
  t.same(sample('interface.in', '1'), {
    metric: 'interface.in',
    row: 'Gi1/0/1',
    index: '1',
    value: null,
    raw: '9223372036854775809',
    text: null,
    unit: 'bit/s',
    role: 'interface.in',
    sources: [`${IFX}.6.1`],
  })
  t.match(sample('interface.oper', '1'), { value: 1, raw: '1', text: 'up', sources: [`${IF}.8.1`] })
  t.match(sample('interface.speed', '1'), { value: 1e9, unit: 'bit/s' })
  t.match(sample('system.uptime', null), { row: null, value: 1234.56, raw: '123456', unit: 's' })
  t.equal(sample('interface.oper', '2'), undefined, 'text where a number belongs is no value')
  t.equal(sample('interface.in', '2'), undefined)
  t.match(skipped, [{ what: 'lines', reason: 'malformed', count: 4, example: /^line 13: / }])
})

t.test('for people', async t => {
  const { code, stdout: out } = await profiles([
    'try',
    '--walk',
    path.join(walks, 'switch.snmprec'),
  ])
  t.equal(code, 0)
  t.match(out, /^switch: name core-1/)
  t.match(out, /interface: 1 rows/)
})

t.test('named profiles, and wrong usage', async t => {
  const file = path.join(walks, 'switch.snmprec')
  const one = await profiles(['try', '--walk', file, '--json', '--profile', 'system'])
  t.match(one.lines, [
    { profiles: ['system'], chosenBecause: ['system: named in the device config'] },
  ])
  const usage = async (...args: string[]) =>
    t.equal((await profiles(['try', ...args])).code, 2, args.join(' '))
  await usage()
  await usage('--nonsense')
  await usage('--device', '127.0.0.1')
  const missing = await profiles(['try', '--walk', '/nowhere.snmprec', '--json'])
  t.match(missing.lines, [{ walk: 'nowhere', error: /ENOENT|no file/ }])
  t.equal(missing.code, 1)
})

t.test('a broken profile beside good ones is left out, and said', async t => {
  const own = path.join(dir, 'own')
  await mkdir(own)
  await writeFile(path.join(own, 'broken.json'), '{ "title": "Broken", "scalar": {} }')
  const file = path.join(walks, 'switch.snmprec')
  const { code, lines, stderr } = await profiles(['try', '--walk', file, '--json'], {
    POLLUX_PROFILES_DIR: own,
  })
  t.equal(code, 0)
  t.match(lines, [{ walk: 'switch', device: { name: 'core-1' } }])
  t.match(stderr, /^own\/broken\.json:1:\d+: left out: /m)
})

t.test('a table of 100,000 rows is cut at its bound, and said', async t => {
  const rows = Array.from({ length: 100_000 }, (_, i) => `${IF}.8.${i + 1}|2|1`)
  rows.push(`${IF}.2.1|4|eth0`)
  const file = path.join(dir, 'large.snmprec')
  await writeFile(file, rows.join('\n'))
  const { lines, code } = await profiles(['try', '--walk', file, '--json'])
  t.equal(code, 0)
  const [line] = lines as { tables: { interface?: object[] } }[]
  const count = line?.tables.interface?.length ?? 0
  t.ok(count > 0 && count <= 50_000, `${count} rows`)
})
