// Goal: an administrator makes a channel and a route with forms and tries it; from then on a device that
// is lost is one message, and its return another; secrets are never shown, and go nowhere else; nobody
// else sees any of it. In a real Chromium, also without scripts and on a phone.

import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { startReceiver } from '../alarms/notify-kit.ts'
import { startChromium, watchMisdeeds } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { as, ask, FORM, type Person, people } from './people.ts'
import { startTestProgram } from './program.ts'
import { widest } from './widest.ts'

t.setTimeout(600_000)

const test = await startTestProgram(t, { network: true, every: '1s' })
const { url, program, network } = test
const all = await people(test)
const receiver = await startReceiver(t)
const DEVICE = 'acc-sw-11'
const HOSTILE = '"><img src=x onerror=alert(1)>'

const get = (path: string, person: Person = all.admin) => ask(url, path, as(url, person))
const post = (path: string, values: Record<string, string>, person: Person = all.admin) =>
  ask(
    url,
    path,
    as(url, person, {
      method: 'POST',
      headers: FORM,
      body: new URLSearchParams(values).toString(),
    }),
  )
const hook = (more: Record<string, string> = {}) => ({
  ...{ kind: 'webhook', id: '', version: '0', name: 'Night shift', enabled: 'on' },
  ...{ 'config.url': `${receiver.url}/in`, 'config.key': 'very-secret-key', ...more },
})
const everything = {
  ...{ id: '', version: '0', name: 'Everything', enabled: 'on', recovery: 'on', always: 'on' },
  ...{ 'channel.night-shift': 'on', 'severity.critical': 'on', group: '1s', groupBy: 'device' },
  ...{ perHour: '60', devices: DEVICE },
}
const messages = () =>
  receiver.heard.map(one => JSON.parse(one.body)).filter(one => one.kind !== 'test')

/** As if what was sent of an alarm had gone by e-mail; gives how many messages that were. */
function addressed(alarm: string, said: string): number | bigint {
  const database = new DatabaseSync(path.join(test.dataDir, 'pollux.db'), { timeout: 60_000 })
  const ids = 'SELECT notice_id FROM notice_item WHERE alarm_id = ?'
  const change = `UPDATE notice SET said = ? WHERE state = 'sent' AND id IN (${ids})`
  const { changes } = database.prepare(change).run(said, alarm)
  database.close()
  return changes
}

t.test('only administrators', async t => {
  for (const person of [all.viewer, all.technician, all.engineer]) {
    for (const path of ['', '/channels/new', '/channels/night-shift', '/routes/new']) {
      t.equal((await get(`/notifications${path}`, person)).status, 403, `${person.role} ${path}`)
    }
    for (const path of ['/channels', '/channels/test', '/routes', '/heartbeat']) {
      t.equal((await post(`/notifications${path}`, hook(), person)).status, 403)
    }
  }
  const forged = as(url, all.admin, { method: 'POST', headers: FORM, body: 'name=x' })
  forged.headers = { ...forged.headers, 'x-csrf-token': 'wrong' }
  t.equal((await ask(url, '/notifications/channels', forged)).status, 403)
  t.equal(receiver.heard.length, 0)
})

t.test('a form that is wrong keeps what was typed, but secrets', async t => {
  for (const [more, said] of [
    [{ 'config.url': 'ftp://x', name: HOSTILE }, /must match pattern/],
    [{ 'config.url': '' }, /is missing/],
    [{ kind: 'pigeon' }, /kind/],
    [{ name: '' }, /name/i],
  ] as const) {
    const { status, body } = await post('/notifications/channels', hook(more))
    t.ok(status === 422 || status === 404, `${status}`)
    t.notMatch(body, /very-secret-key|<img/)
    if (status === 422) t.match(body, said)
  }
  const nowhere = await post('/notifications/routes', { ...everything, group: 'soon' })
  t.equal(nowhere.status, 422)
  t.match(nowhere.body, /value="Everything"/)
  t.match((await get('/notifications')).body, /nobody is told/)
  t.equal((await get('/notifications/channels/..%2f..')).status, 404)
})

t.test('a test goes out before it is saved, and says what came back', async t => {
  const tried = await post('/notifications/channels/test', hook())
  t.equal(tried.status, 200)
  t.match(tried.body, /answered 200/)
  t.match(JSON.parse(receiver.heard[0]?.body ?? ''), { kind: 'test' })
  receiver.answer = response => response.writeHead(500).end(HOSTILE)
  const failed = await post('/notifications/channels/test', hook())
  t.equal(failed.status, 422)
  t.match(failed.body, /answered 500/)
  t.notMatch(failed.body, /<img|very-secret-key/)
  receiver.answer = response => response.end('ok')
})

t.test('saved: the secret is there, is shown to nobody and goes to no other place', async t => {
  t.equal((await post('/notifications/channels', hook())).status, 303)
  const { body } = await get('/notifications/channels/night-shift')
  t.match(body, /is stored/)
  t.notMatch(body, /very-secret-key/)
  const kept = { id: 'night-shift', version: '1', 'config.key': '' }
  t.equal((await post('/notifications/channels', hook(kept))).status, 303)
  t.equal((await post('/notifications/channels', hook(kept))).status, 422, 'changed meanwhile')
  const elsewhere = { ...kept, version: '2', 'config.url': `${receiver.url}/other` }
  const moved = await post('/notifications/channels/test', hook(elsewhere))
  t.equal(moved.status, 422)
  t.match(moved.body, /entered again/)
  t.equal((await post('/notifications/routes', everything)).status, 303)
  const used = await post('/notifications/channels/night-shift/delete', {})
  t.equal(used.status, 409)
  t.match(used.body, /Everything/)
  t.notMatch((await get('/audit')).body, /very-secret-key/)
})

t.test('a device is lost and comes back: one message each, signed', async t => {
  await until(() => program.devices.status(DEVICE)?.state === 'up', 'the device to be up')
  const agent = network?.agent(DEVICE)
  if (!agent) throw new Error('no agent')
  agent.silent = true
  await until(() => messages().length === 1, 'the message')
  agent.silent = false
  await until(() => messages().length === 2, 'the end')
  const [lost, back] = messages()
  t.match(lost, { kind: 'raised', severity: 'critical', items: [{ device: DEVICE }] })
  t.match(back, { kind: 'recovered', items: [{ device: DEVICE, alarm: lost.items[0].alarm }] })
  t.ok(
    receiver.heard.every(one =>
      /^t=\d+,v1=\w{64}$/.test(String(one.headers['x-pollux-signature'])),
    ),
  )
  t.equal(
    new Set(receiver.heard.map(one => one.headers['idempotency-key'])).size,
    receiver.heard.length,
  )
  const { body } = await get('/notifications')
  t.match(body, /answered 200/)
  const why = await get(`/alarms/${lost.items[0].alarm}`, all.viewer)
  t.match(why.body, /Route Everything[\s\S]*To Night shift[\s\S]*told · sent[\s\S]*its end · sent/)
  const said = 'taken for 1 of 2; ann@example.org refused: 550 <bob.o+x@10.0.0.1>'
  await until(() => Number(addressed(lost.items[0].alarm, said)) === 2, 'both to be settled')
  for (const { role } of [all.viewer, all.technician, all.engineer]) {
    const { body } = await get(`/alarms/${lost.items[0].alarm}`, all[role])
    t.match(body, /taken for 1 of 2; … refused: 550/, role)
    t.notMatch(body, /ann|bob|example\.org|10\.0\.0\.1/, `${role} learns nobody's address`)
  }
  t.match((await get(`/alarms/${lost.items[0].alarm}`)).body, /ann@example\.org refused/)
  const heartbeat = await post('/notifications/heartbeat', { url: `${receiver.url}/beat/TOKEN` })
  t.equal(heartbeat.status, 303)
  await until(
    () => receiver.heard.some(one => one.path === '/beat/TOKEN'),
    'the heartbeat',
    120_000,
  )
  t.notMatch((await get('/notifications')).body, /TOKEN/)
  t.equal((await post('/notifications/heartbeat', { url: 'javascript:1' })).status, 422)
})

t.test('the same by the API', async t => {
  const api = async (method: string, path: string, body?: object, bearer = all.admin.bearer) => {
    const headers = { authorization: bearer, 'content-type': 'application/json' }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await ask(url, `/api/v1${path}`, { method, headers, ...sent })
    return { status: answer.status, body: answer.body === '' ? null : JSON.parse(answer.body) }
  }
  const put = (body: object) => api('PUT', '/channels/lamp', body)
  const lamp = { name: 'Lamp', kind: 'ntfy', enabled: true }
  const config = { server: receiver.url, topic: 'lamp', token: 'very-secret-token' }
  t.equal((await api('GET', '/channels', undefined, all.engineer.bearer)).status, 403)
  t.match(await put({ version: 0, ...lamp, config }), { status: 200, body: { secrets: ['token'] } })
  t.equal((await put({ version: 0, ...lamp, config })).status, 409)
  const { token: _token, ...open } = config
  t.equal((await put({ version: 1, ...lamp, config: open })).status, 200)
  const wrong = await put({ version: 2, ...lamp, config: { ...open, topic: '../x' } })
  t.match(wrong, { status: 422, body: { errors: [{ path: 'config.topic' }] } })
  t.match(await put({ version: 2, ...lamp, config: { ...open, server: 'https://evil.example' } }), {
    status: 422,
    body: { errors: [{ path: 'config.token' }] },
  })
  t.match(await api('POST', '/channels/lamp/test'), { body: { receipt: 'ntfy took it' } })
  t.equal(receiver.heard.at(-1)?.headers.authorization, 'Bearer very-secret-token', 'it was kept')
  const listed = await api('GET', '/channels')
  t.notMatch(JSON.stringify(listed.body), /very-secret/)
  const [route] = (await api('GET', '/routes')).body
  const { id: _id, ...document } = route
  t.match(await api('PUT', '/routes/everything', { ...document, channels: ['nobody'] }), {
    status: 422,
    body: { errors: [{ path: 'channels' }] },
  })
  t.equal((await api('PUT', '/routes/everything', { ...document, channels: ['lamp'] })).status, 200)
  t.equal((await api('DELETE', '/channels/lamp')).status, 409)
  t.equal((await api('PUT', '/routes/everything', { ...document, version: 2 })).status, 200)
  t.equal((await api('DELETE', '/channels/lamp')).status, 204)
  t.equal((await api('GET', '/channels/lamp')).status, 404)
  t.match((await api('GET', '/notices?state=sent')).body, [{ state: 'sent' }, { state: 'sent' }])
  t.equal((await api('GET', '/notices?state=lost')).status, 400)
})

t.test('in a browser', async t => {
  const browser = await startChromium(t)
  for (const [width, colorScheme, javaScriptEnabled] of [
    [1440, 'light', true],
    [400, 'dark', true],
    [1440, 'dark', false],
  ] as const) {
    const context = await browser.newContext({
      ...{ colorScheme, javaScriptEnabled, viewport: { width, height: 900 } },
    })
    const misdeeds = await watchMisdeeds(context)
    const page = await context.newPage()
    await page.goto(`${url}/login`)
    await page.fill('#name', 'admin')
    await page.fill('#password', test.adminPassword)
    await page.click('button.primary')
    await page.waitForURL(`${url}/`)
    const paths = [
      '',
      '/channels/new',
      '/channels/new?kind=email',
      '/channels/night-shift',
      '/routes/everything',
    ]
    for (const path of paths) {
      await page.goto(`${url}/notifications${path}`)
      const shown = process.env.TEST_SHOTS
      const name = `notify${path.replace(/\W+/g, '-')}-${width}-${colorScheme}`
      if (shown) await page.screenshot({ path: `${shown}/${name}.png`, fullPage: true })
      if (javaScriptEnabled) {
        t.equal(await widest(page), width, name)
      }
    }
    await page.goto(`${url}/notifications/channels/new?kind=ntfy`)
    await page.fill('[name="config.server"]', receiver.url)
    await page.fill('[name="config.topic"]', 'ops')
    await page.click('text=Send test')
    await page.waitForSelector('#tested >> text=ntfy took it')
    t.equal(await page.inputValue('[name="config.topic"]'), 'ops', 'what was typed is there')
    t.same(misdeeds, { violations: [], errors: [], dialogs: [] })
    await context.close()
  }
})
