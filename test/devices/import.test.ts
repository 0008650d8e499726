// Goal: a list of devices goes out and comes in again unchanged; what an import would do is said
// before, each fault with its line; nothing but what was announced changes.

import t from 'tap'
import { parseDeviceList } from '../../server/devices/list-text.ts'
import { as, ask, FORM, people } from '../web/people.ts'
import { startTestProgram } from '../web/program.ts'

const test = await startTestProgram(t)
const { url } = test
const { admin, technician } = await people(test)
const { devices } = test.program

const get = (path: string, person = admin) => ask(url, path, as(url, person))
const post = (fields: Record<string, string>, person = admin) =>
  ask(
    url,
    '/devices/import',
    as(url, person, {
      method: 'POST',
      headers: FORM,
      body: new URLSearchParams({ ...fields, _csrf: person.csrf }).toString(),
    }),
  )
const countsOf = (body: string): string =>
  /id="counts">([^<]+)</.exec(body)?.[1] ?? body.slice(0, 200)
const configs = async () =>
  (await devices.list()).map(({ config }) => config).filter(({ kind }) => kind === 'snmp')

const CSV = [
  'id,name,address,community,every,tags,enabled',
  'sw-1,"Switch 1, hall ""A""",127.0.0.1,grep-me-1,30s,core paris,yes',
  'sw-2,,127.0.0.2,grep-me-2,60s,,no',
].join('\n')

t.test('CSV: shown first, then done', async t => {
  const shown = await post({ text: CSV })
  t.equal(shown.status, 200)
  t.equal(countsOf(shown.body), '2 to add, 0 to change, 0 as they are, 0 refused.')
  t.same(await configs(), [], 'nothing is done yet')
  const done = await post({ text: CSV, confirmed: 'yes' })
  t.equal(countsOf(done.body), '2 added, 0 changed, 0 as they are, 0 refused.')
  t.match(await configs(), [
    {
      id: 'sw-1',
      name: 'Switch 1, hall "A"',
      every: '30s',
      tags: ['core', 'paris'],
      enabled: true,
    },
    { id: 'sw-2', name: 'sw-2', enabled: false, credentials: { community: { secret: String } } },
  ])
  t.equal(
    countsOf((await post({ text: CSV })).body),
    '0 to add, 0 to change, 2 as they are, 0 refused.',
  )
})

t.test('what goes out comes in again as it was', async t => {
  const before = await configs()
  const json = await get('/devices/export.json')
  const csv = await get('/devices/export.csv')
  t.match(csv.headers['content-disposition'], /devices\.csv/)
  for (const { body } of [json, csv]) t.notMatch(body, /grep-me/, 'no secret')
  const snmp = (text: string) =>
    JSON.stringify(JSON.parse(text).filter((d: { kind: string }) => d.kind === 'snmp'))
  const rows = csv.body
    .split('\r\n')
    .filter(line => !line.includes(',agent,'))
    .join('\n')
  for (const text of [snmp(json.body), rows]) {
    const again = await post({ text, confirmed: 'yes' })
    t.equal(countsOf(again.body), '0 added, 0 changed, 2 as they are, 0 refused.')
  }
  t.same(await configs(), before)
})

t.test('a column changes that field alone; another secret is a change', async t => {
  const every = await post({ text: 'id,every\nsw-1,5m\nsw-2,60s' })
  t.equal(countsOf(every.body), '0 to add, 1 to change, 1 as they are, 0 refused.')
  t.match(every.body, /every: .*30s.*5m/s, 'from what to what')
  await post({ text: 'id,every\nsw-1,5m', confirmed: 'yes' })
  t.match((await configs())[0], { every: '5m', tags: ['core', 'paris'] })
  const secret = await post({ text: 'id,community\nsw-1,grep-me-3' })
  t.equal(countsOf(secret.body), '0 to add, 1 to change, 0 as they are, 0 refused.')
  const named = await post({ text: 'id,community\nsw-1,secret:sw-1.community' })
  t.equal(countsOf(named.body), '0 to add, 0 to change, 1 as they are, 0 refused.')
})

t.test('each fault is told with its line, the others go on', async t => {
  const text = [
    '[',
    '  { "id": "good", "kind": "snmp", "address": "127.0.0.3", "credentials": { "version": "2c", "community": "x1" } },',
    '  { "id": "bad", "kind": "snmp",',
    '    "every": "5 parsecs",',
    '    "credentials": { "version": "2c", "community": { "secret": "none" } } },',
    '  { "id": "this-machine", "kind": "snmp", "address": "127.0.0.1", "credentials": { "version": "2c", "community": "x1" } }',
    ']',
  ].join('\n')
  const shown = await post({ text })
  t.equal(shown.status, 422)
  t.equal(countsOf(shown.body), '1 to add, 0 to change, 0 as they are, 2 refused.')
  t.match(shown.body, /line 4: every/)
  t.match(shown.body, /line 6: kind/, 'a kind never changes')
  t.match(shown.body, /Import 1 device</)
  const done = await post({ text, confirmed: 'yes' })
  t.equal(countsOf(done.body), '1 added, 0 changed, 0 as they are, 2 refused.')
  t.ok(await devices.get('good'))
  t.equal(await devices.get('bad'), null)
})

t.test('a list that cannot be read changes nothing', async t => {
  const before = await configs()
  const deep = '['.repeat(50_000)
  for (const [text, problem] of [
    ['', /no device/],
    ['[{"id": "a"},]x', /line 1/],
    ['[\n{"id": "a"},\n{"id": "a"}\n]', /line 3: .*line 2 already/],
    ['[\n 5 ]', /line 2: a device must be an object/],
    ['id,colour\na,red', /no column .*colour/],
    ['name\na', /column .*id.* is missing/],
    ['id,every\na', /line 2: has 1 cells/],
    ['id,name\na,"open', /line/],
    [deep, /nested too deep/],
    [`id\n${Array.from({ length: 1001 }, (_, i) => `d${i}`).join('\n')}`, /more than 1000/],
  ] as const) {
    const answer = await post({ text, confirmed: 'yes' })
    t.equal(answer.status, 422, text.slice(0, 30))
    const said = /id="problem">([^<]+)</.exec(answer.body)?.[1] ?? answer.body.slice(0, 300)
    t.match(said.replaceAll('&quot;', '"'), problem)
  }
  t.equal((await post({ text: `id\n${'x'.repeat(600_000)}` })).status, 422, 'too long')
  const hostile = await post({ text: 'id,name,kind\n__proto__,<img src=x>,snmp' })
  t.equal(hostile.status, 422)
  t.notMatch(hostile.body, /<img src/)
  t.same(await configs(), before)
  t.equal((await post({ text: CSV }, technician)).status, 403)
  t.equal((await get('/devices/export.json', technician)).status, 403)
})

t.test('a spreadsheet is not made to run anything', async t => {
  await devices.create(
    {
      id: 'formula',
      name: '=HYPERLINK("http://x")',
      kind: 'snmp',
      address: '127.0.0.9',
      credentials: { version: '2c', community: 'x' },
    },
    { name: 'test', address: '' },
    'api',
  )
  t.match((await get('/devices/export.csv')).body, `formula,"'=HYPERLINK(""http://x"")"`)
  t.throws(() => parseDeviceList('[{"id": 5}]'), { code: 'E_DEVICE_LIST' })
})
