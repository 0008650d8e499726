// Goal: the device form as a browser without JavaScript sends it: adding, changing, testing against a
// real agent, pausing and deleting; what is refused keeps what was typed, but never a secret.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { en } from '../../server/web/languages/en.ts'
import { documentOf, slug } from '../../server/web/pages/device-fields.ts'
import { shownErrors } from '../../server/web/pages/device-form-errors.ts'
import { tempDir, until } from '../parts/find.ts'
import { ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const SECRET = 'only-the-server-knows'

const folder = await tempDir(t)
await writeFile(
  path.join(folder, 'filed.json'),
  JSON.stringify({ id: 'filed', kind: 'docker', address: 'unix:///nowhere.sock', every: '1h' }),
)
const test = await startTestProgram(t, { network: true, env: { POLLUX_DEVICES_DIR: folder } })
const { url, program } = test
const { admin, viewer } = await people(test)
const agent = test.network?.devices[0]
if (!agent || !test.network) throw new Error('no network')
const COMMUNITY = test.network.community

const get = (path: string) => ask(url, path, { headers: { cookie: admin.cookie } })

const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  ask(url, path, {
    method: 'POST',
    headers: { ...FORM, origin: url, cookie: admin.cookie, ...headers },
    body: new URLSearchParams({ _csrf: admin.csrf, ...fields }).toString(),
  })

/** As the form of a new device comes, with its defaults. */
const FIELDS = {
  kind: 'snmp',
  port: '161',
  'credentials.version': '2c',
  every: '60s',
  timeout: '1s',
  retries: '0',
  profiles: 'auto',
  enabled: 'on',
}
const REAL = {
  ...FIELDS,
  address: '127.0.0.1',
  port: String(agent.port),
  'credentials.community': COMMUNITY,
}

const stored = async (id: string) => {
  const device = await program.devices.get(id)
  if (!device) throw new Error(`no device ${id}`)
  return device
}

/** The form's own values, read from the page as a browser would. */
const shownOf = (body: string): Record<string, string> => {
  const form = body.slice(body.indexOf('data-device-form'))
  const found: Record<string, string> = {}
  for (const [tag] of form.matchAll(/<input [^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(tag)?.[1] ?? ''
    if (/type="checkbox"/.test(tag)) found[name] = / checked/.test(tag) ? 'on' : ''
    else found[name] = /value="([^"]*)"/.exec(tag)?.[1] ?? ''
  }
  for (const [, name, options] of form.matchAll(
    /<select id="[^"]+" name="([^"]+)"[^>]*>(.*?)<\/select>/gs,
  )) {
    found[name ?? ''] = /value="([^"]*)" selected/.exec(options ?? '')?.[1] ?? ''
  }
  return found
}

t.test('names become ids', async t => {
  t.equal(slug('Core Switch 1'), 'core-switch-1')
  t.equal(slug('  Ä_Ñandú / 2. Stock  '), 'a_nandu-2.-stock')
  t.equal(slug('日本'), '')
  t.equal(slug('x'.repeat(200)).length, 63)
})

t.test('a wrong form comes back with what was typed, and points at the fields', async t => {
  const answer = await post('/devices', {
    ...FIELDS,
    name: 'Type "me" <again>',
    address: 'http://x',
    every: '5 parsecs',
    retries: '99',
    location: 'paris',
    tags: 'a b',
    'credentials.version': '3',
    'credentials.level': 'authPriv',
    'credentials.auth.key': SECRET,
  })
  t.equal(answer.status, 422)
  t.match(answer.body, 'value="Type &quot;me&quot; &lt;again&gt;"')
  const shown = shownOf(answer.body)
  t.match(shown, {
    every: '5 parsecs',
    retries: '99',
    location: 'paris',
    tags: 'a b',
    enabled: 'on',
  })
  t.equal(shown['credentials.version'], '3')
  t.notMatch(answer.body, SECRET, 'a secret is not sent back')
  t.match(answer.body, 'Type it again')
  for (const field of ['every', 'retries', 'credentials.user']) {
    t.match(answer.body, `<a href="#${field}">`, `the summary points at ${field}`)
    t.match(answer.body, `id="${field}-error"`, `${field} has its words beside it`)
  }
  t.notMatch(answer.body, 'href="#credentials.community"', 'no word of the version not chosen')
  t.match(answer.body, /aria-invalid="true" aria-describedby="every-error every-hint"/)
})

t.test('every single wrong field has words of its own', async t => {
  const cases: [string, string, string][] = [
    ['name', '', 'name'],
    ['id', 'Not An Id', 'id'],
    ['id', 'new', 'id'],
    ['id', agent.id, 'id'],
    ['kind', 'pigeon', 'kind'],
    ['kind', 'x', 'kind'],
    ['address', '', 'address'],
    ['address', 'a b', 'address'],
    ['port', '0', 'port'],
    ['port', 'ssh', 'port'],
    ['credentials.version', '9', 'credentials.version'],
    ['credentials.community', '', 'credentials.community'],
    ['every', '0s', 'every'],
    ['timeout', '2h', 'timeout'],
    ['retries', '-1', 'retries'],
    ['profiles', 'auto UPPER', 'profiles'],
    ['location', 'x'.repeat(101), 'location'],
    ['tags', 'x'.repeat(41), 'tags'],
  ]
  for (const [field, value, named] of cases) {
    const name = field === 'name' ? '' : 'wrong'
    const address = field === 'name' ? { address: '' } : {}
    const answer = await post('/devices', { ...REAL, ...address, name, [field]: value })
    const what = `${field} = "${value.slice(0, 20)}"`
    t.equal(answer.status, 422, what)
    t.match(answer.body, `href="#${named}"`, what)
  }
  t.equal(await program.devices.get('wrong'), null, 'none of it was stored')
})

t.test('added, polled, and its community kept apart', async t => {
  const answer = await post('/devices', {
    ...REAL,
    name: 'Core Switch 1',
    tags: 'core, paris core',
  })
  t.equal(answer.status, 303)
  t.equal(answer.headers.location, '/devices/core-switch-1')
  const { config, source } = await stored('core-switch-1')
  t.match(config, { name: 'Core Switch 1', tags: ['core', 'paris'], retries: 0, enabled: true })
  t.same(config.credentials, { version: '2c', community: { secret: 'core-switch-1.community' } })
  t.equal(source, 'form')
  const edit = await get('/devices/core-switch-1/edit')
  t.match(edit.body, 'placeholder="unchanged"')
  t.notMatch(edit.body, COMMUNITY === 'public' ? /value="public"/ : COMMUNITY)
})

t.test('saved as it was shown, it is the same; an empty secret is the stored one', async t => {
  const before = await stored('core-switch-1')
  const shown = shownOf((await get('/devices/core-switch-1/edit')).body)
  t.equal((await post('/devices/core-switch-1', shown)).status, 303)
  const same = await stored('core-switch-1')
  t.same(same.config, before.config)
  t.equal(same.version, before.version, 'nothing changed, so no new version')
  const changed = await post('/devices/core-switch-1', { ...shown, name: 'Renamed', enabled: '' })
  t.equal(changed.headers.location, '/devices/core-switch-1')
  const after = await stored('core-switch-1')
  t.match(after.config, { name: 'Renamed', enabled: false })
  t.same(after.config.credentials, before.config.credentials)
})

t.test('what the form does not show stays', async t => {
  await program.devices.create(
    {
      id: 'whole',
      kind: 'snmp',
      address: '127.0.0.1',
      credentials: {
        version: '3',
        user: 'ops',
        level: 'authPriv',
        auth: { protocol: 'sha512', key: SECRET },
        priv: { protocol: 'aes256b', key: SECRET },
      },
      parents: ['core-switch-1'],
      alarms: { 'cpu.usage': { warning: '> 60' } },
      enabled: false,
    },
    { name: 'test', address: '' },
    'api',
  )
  const before = await stored('whole')
  const page = await get('/devices/whole/edit')
  t.notMatch(page.body, SECRET)
  const shown = shownOf(page.body)
  t.match(shown, {
    'credentials.user': 'ops',
    'credentials.level': 'authPriv',
    'credentials.priv.protocol': 'aes256b',
  })
  t.equal((await post('/devices/whole', { ...shown, location: 'lyon' })).status, 303)
  t.same((await stored('whole')).config, { ...before.config, location: 'lyon' })
  const weaker = await post('/devices/whole', {
    ...shownOf((await get('/devices/whole/edit')).body),
    'credentials.version': '2c',
  })
  t.equal(weaker.status, 422, 'another version needs its own secret')
  t.match(weaker.body, 'href="#credentials.community"')
})

t.test('two people at once: the second is told, and may then decide', async t => {
  const shown = shownOf((await get('/devices/core-switch-1/edit')).body)
  t.equal((await post('/devices/core-switch-1', { ...shown, location: 'first' })).status, 303)
  const second = await post('/devices/core-switch-1', { ...shown, location: 'second' })
  t.equal(second.status, 409)
  t.match(second.body, /Somebody else changed this device/)
  t.match(shownOf(second.body), { location: 'second' })
  t.equal((await stored('core-switch-1')).config.location, 'first')
  t.equal((await post('/devices/core-switch-1', shownOf(second.body))).status, 303)
  t.equal((await stored('core-switch-1')).config.location, 'second')
  const { _version, ...unversioned } = shown
  t.equal((await post('/devices/core-switch-1', unversioned)).status, 400, 'without a version: no')
})

t.test('Test: what the device says of itself, before anything is saved', async t => {
  const page = await post('/devices/test', { ...REAL, name: 'probe' })
  t.equal(page.status, 200)
  t.match(page.body, 'It answers.')
  t.match(page.body, 'sysObjectID')
  t.match(page.body, 'Profiles that fit')
  t.match(page.body, 'data-device-form', 'without JavaScript the whole form comes back')
  t.match(shownOf(page.body), { name: 'probe', port: String(agent.port) })
  const part = await post('/devices/test', REAL, { 'hx-request': 'true' })
  t.match(part.body, 'It answers.')
  t.notMatch(part.body, '<html', 'for htmx only the result')
  t.equal(await program.devices.get('probe'), null)
  const silent = await post('/devices/test', { ...REAL, 'credentials.community': 'wrong' })
  t.equal(silent.status, 200)
  t.match(silent.body, 'It does not answer')
  const wrong = await post('/devices/test', { ...REAL, 'credentials.community': '' })
  t.equal(wrong.status, 422)
  t.match(wrong.body, /Not tested[\s\S]*href="#credentials.community"/)
})

t.test(
  'Test: a stored secret is used, a forbidden address is named with the way to allow it',
  async t => {
    const shown = shownOf((await get(`/devices/${agent.id}/edit`)).body)
    const kept = await post('/devices/test', shown, { 'hx-request': 'true' })
    t.match(kept.body, 'It answers.')
    const refused = await post('/devices/test', { ...REAL, address: '192.0.2.1' })
    t.match(refused.body, 'POLLUX_ALLOW_NETWORKS=192.0.2.1/32')
  },
)

t.test('certificates and keys of an engine go in and never come out', async t => {
  const pem = (what: string) =>
    `-----BEGIN ${what}-----\r\n${`${SECRET}\r\n`.repeat(300)}-----END ${what}-----`
  const engine = {
    ...{ kind: 'docker', name: 'Far', address: 'tcp://127.0.0.1:2376', profiles: 'auto' },
    ...{ every: '1h', timeout: '1s', retries: '0' },
  }
  const ssh = { ...engine, name: 'Shell', address: 'ssh://ops@127.0.0.1' }
  const bare = await post('/devices', ssh)
  t.equal(bare.status, 422)
  t.match(bare.body, 'href="#ssh.key"')
  const huge = await post('/devices', { ...engine, 'tls.ca': 'x'.repeat(65_537) })
  t.equal(huge.status, 422, 'too long is said, not cut')
  t.match(huge.body, 'href="#tls.ca"')

  const tls = { 'tls.ca': pem('CERTIFICATE'), 'tls.cert': pem('C'), 'tls.key': pem('KEY') }
  const wrong = await post('/devices', { ...engine, ...tls, every: 'never' })
  t.equal(wrong.status, 422)
  t.notMatch(wrong.body, SECRET)
  t.match(wrong.body, 'Type it again')
  t.equal((await post('/devices', { ...engine, ...tls })).status, 303)
  t.match((await stored('far')).config.tls, {
    ca: { secret: 'far.tls.ca' },
    cert: { secret: 'far.tls.cert' },
    key: { secret: 'far.tls.key' },
  })
  const page = await get('/devices/far/edit')
  t.notMatch(page.body, SECRET)
  t.match(page.body, 'Leave empty to keep it')
  const shown = shownOf(page.body)
  t.equal((await post('/devices/far', { ...shown, location: 'lyon' })).status, 303)
  const kept = (await stored('far')).config
  t.match(kept, { location: 'lyon', tls: { key: { secret: 'far.tls.key' } } })
  const fields = shownOf((await get('/devices/far/edit')).body)
  t.equal((await post('/devices/far', { ...fields, 'tls.forget': 'on' })).status, 303)
  t.notOk((await stored('far')).config.tls)

  const hosts = '127.0.0.1 ssh-ed25519 AAAA'
  const keyed = { ...ssh, 'ssh.key': pem('OPENSSH PRIVATE KEY'), 'ssh.knownHosts': hosts }
  t.equal((await post('/devices', keyed)).status, 303)
  t.match((await stored('shell')).config.ssh, {
    key: { secret: 'shell.ssh.key' },
    knownHosts: hosts,
  })
  const edit = await get('/devices/shell/edit')
  t.notMatch(edit.body, SECRET)
  t.match(edit.body, hosts)
})

t.test('a Docker engine needs no SNMP field', async t => {
  const docker = {
    kind: 'docker',
    name: 'Engine',
    address: 'unix:///nowhere/docker.sock',
    every: '60s',
    timeout: '1s',
    retries: '0',
    profiles: 'auto',
  }
  const test = await post('/devices/test', docker)
  t.match(test.body, 'It does not answer')
  t.equal((await post('/devices', docker)).headers.location, '/devices/engine')
  const { config } = await stored('engine')
  t.notOk(config.credentials)
  t.equal(config.enabled, false, 'no tick, no polling')
  t.notMatch((await get('/devices/engine/edit')).body, 'credentials.community')
  t.equal((await post('/devices', { ...docker, name: 'e2', address: 'ftp://x' })).status, 422)
})

t.test('this machine: no address, no test, and it can be paused', async t => {
  const page = await get('/devices/this-machine/edit')
  t.notMatch(page.body, 'id="address"')
  t.notMatch(page.body, 'formaction="/devices/test"')
  t.equal(
    (await post('/devices/this-machine', { ...shownOf(page.body), every: '20s' })).status,
    303,
  )
  t.equal((await stored('this-machine')).config.every, '20s')
})

t.test('a device from a file can be read, not changed', async t => {
  await until(() => program.devices.get('filed'), 'the device of the file')
  const { body } = await get('/devices/filed/edit')
  t.match(body, 'comes from a file')
  t.match(body, '<fieldset class="card plain" disabled>')
  t.notMatch(body, 'Save</button>')
  t.match((await get('/devices/filed/delete')).body, 'delete its file instead')
  for (const action of ['', '/pause', '/delete']) {
    const answer = await post(`/devices/filed${action}`, { ...shownOf(body), history: 'keep' })
    t.equal(answer.status, 409, action)
    t.match(answer.body, 'devices folder', action)
  }
  t.ok(await program.devices.get('filed'))
})

t.test('pause, resume, poll now', async t => {
  const path = '/devices/core-switch-1'
  for (const [action, enabled] of [
    ['resume', true],
    ['pause', false],
    ['resume', true],
  ] as const) {
    const answer = await post(`${path}/${action}`, {})
    t.equal(answer.headers.location, path)
    t.equal((await stored('core-switch-1')).config.enabled, enabled, action)
  }
  const polled = await post(`${path}/poll`, {}, { 'hx-request': 'true' })
  t.equal(polled.status, 204)
  t.equal(polled.headers['hx-redirect'], path)
})

t.test('deleting names the device and asks for its history', async t => {
  const path = '/devices/core-switch-1/delete'
  const page = await until(async () => {
    const answer = await get(path)
    return /\d+ series, the oldest sample/.test(answer.body) && answer
  }, 'a history to delete')
  t.match(page.body, 'Delete Renamed?')
  t.equal((await post(path, {})).status, 422, 'no choice, no deleting')
  t.equal((await post(path, { history: 'delete', confirm: 'core' })).status, 422)
  t.ok(await program.devices.get('core-switch-1'), 'a wrong id deletes nothing')
  const gone = await post(path, { history: 'delete', confirm: 'core-switch-1' })
  t.equal(gone.headers.location, '/devices')
  t.equal(await program.devices.get('core-switch-1'), null)
  t.equal((await post('/devices/whole/delete', { history: 'keep' })).status, 303)
  for (const action of ['', '/pause', '/poll', '/delete'])
    t.equal((await post(`/devices/whole${action}`, { history: 'keep' })).status, 404, action)
  t.equal((await get('/devices/whole/edit')).status, 404)
})

t.test('who may only look sees no buttons', async t => {
  const asViewer = (path: string) => ask(url, path, { headers: { cookie: viewer.cookie } })
  t.notMatch((await asViewer('/devices')).body, 'Add device')
  t.equal((await asViewer('/devices/new')).status, 403)
})

t.test('odd bodies are no failure of ours', async t => {
  const bodies = [
    '',
    'a=1&a=2&a=3',
    '__proto__=1&constructor=2',
    `${'x=1&'.repeat(2000)}`,
    '%00=%00',
    '[]',
  ]
  for (const body of bodies) {
    for (const path of ['/devices', '/devices/test', `/devices/${agent.id}`]) {
      const answer = await ask(url, path, {
        method: 'POST',
        headers: { ...FORM, origin: url, cookie: admin.cookie, 'x-csrf-token': admin.csrf },
        body,
      })
      t.ok(
        answer.status >= 400 && answer.status < 500,
        `${path} ${body.slice(0, 10)}: ${answer.status}`,
      )
    }
  }
  t.same(
    shownErrors([{ path: 'credentials', message: 'is odd' }], {}, en).length,
    1,
    'no error is lost',
  )
  t.equal(documentOf({}, null).id, '')
})
