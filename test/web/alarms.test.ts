// Goal: a device that dies is an alarm on every page that should show it, can be taken on, explained and
// kept back; rules and windows are made by forms and calls, and refused with every wrong field.

import t from 'tap'
import { freeUdpPort, until } from '../parts/find.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'

const made = await startTestProgram(t)
const { url } = made
const { cookie, csrf } = await made.signIn()
const by = { name: 'test', address: '' }

const get = async (path: string, who = cookie) => {
  const answer = await fetch(url + path, { headers: { cookie: who }, redirect: 'manual' })
  return { status: answer.status, text: await answer.text() }
}
const api = async (path: string) => JSON.parse((await get(`/api/v1/${path}`)).text)
const post = async (path: string, fields: Record<string, string>, who = { cookie, csrf }) => {
  const answer = await fetch(url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: who.cookie, origin: url },
    body: new URLSearchParams({ _csrf: who.csrf, ...fields }),
  })
  return { status: answer.status, text: await answer.text(), to: answer.headers.get('location') }
}
const send = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${url}/api/v1/${path}`, {
    method,
    headers: {
      ...{ cookie, origin: url, 'x-csrf-token': csrf },
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
}
const addDead = async (id: string, more: Record<string, unknown> = {}) =>
  made.program.devices.create(
    {
      ...{
        id,
        name: `<b>${id}</b>`,
        kind: 'snmp',
        address: '127.0.0.1',
        port: await freeUdpPort(),
      },
      ...{ credentials: { version: '2c', community: 'public' }, every: '1s', timeout: '1s' },
      ...{ retries: 0, ...more },
    },
    by,
    'api',
  )

t.test('a dead device: an alarm on all pages, taken on once, told as an event', async t => {
  await addDead('dead')
  const [alarm] = await until(async () => {
    const open = await api('alarms?device=dead')
    return open.length > 0 && open
  }, 'the alarm')
  t.match(alarm, { severity: 'critical', state: 'active', rule: 'pollux/device.state' })
  t.match(alarm.text, '<b>dead</b> is down')
  await until(async () => (await get('/devices')).text.includes('is-critical'), 'the badge')
  const list = await get('/alarms')
  t.match(list.text, '&lt;b&gt;dead&lt;/b&gt; is down')
  t.notMatch(list.text, '<b>dead')
  t.match(list.text, `value="${alarm.id}"`)
  for (const query of ['?severity=info', '?q=nothing', '?device=other', '?tab=history']) {
    t.notMatch((await get(`/alarms${query}`)).text, `alarm-${alarm.id}`, query)
  }
  t.match((await get('/alarms?severity=critical&device=dead&q=DOWN')).text, `alarm-${alarm.id}`)
  t.equal((await get('/alarms?severity=%22%3E%3Cb&before=x&tab=..')).status, 200)
  const back = { id: alarm.id, note: 'on <i>it</i>', back: '/alarms?severity=critical' }
  t.match(await post('/alarms/ack', back), { status: 303, to: '/alarms?severity=critical' })
  t.match(await post('/alarms/ack', { ...back, back: '//evil.example' }), { to: '/alarms' })
  t.equal((await post('/alarms/ack', { id: '../x' })).status, 422)
  t.match(await api(`alarms/${alarm.id}`), {
    ...{ state: 'acknowledged', ack: { by: 'admin', note: 'on <i>it</i>' } },
    transitions: [{ reason: 'raised' }, { reason: 'acknowledged' }],
  })
  const page = (await get(`/alarms/${alarm.id}`)).text
  t.match(page, 'on &lt;i&gt;it&lt;/i&gt;')
  t.match(page, 'class="trace"')
  t.match((await get('/alarms?tab=acknowledged')).text, alarm.id)
  t.equal((await get('/alarms/nobody')).status, 404)
  await until(async () => (await api('events?device=dead&kind=alarm')).length === 2, 'both events')
  t.match((await get('/audit?action=alarm.')).text, 'alarm.acknowledge')
})

t.test('why: at any moment, of any device, also where nothing is known', async t => {
  t.equal((await get('/devices/dead/why')).status, 200)
  t.equal((await get('/devices/dead/why?at=2026-01-01T00:00:00')).status, 200)
  t.equal((await get('/devices/dead/why?at=%3Cb%3E')).status, 200)
  t.equal((await get('/devices/nobody/why')).status, 404)
  const host = await until(
    async () => (await made.program.devices.list()).find(({ config }) => config.kind === 'agent'),
    'the device of this host',
  )
  const path = `/devices/${host.config.id}/why`
  const page = await until(async () => {
    const { text } = await get(path)
    return /class="trace-(yes|no)"|calm/.test(text) && text
  }, 'what its rules say')
  t.match(page, 'class="trace"')
})

const RULE = { name: 'Busy <b>', metric: 'cpu.usage', all: 'on', condition: 'threshold' }

t.test('a rule: refused with every wrong field, saved, changed once, deleted', async t => {
  const wrong = await post('/rules', { ...RULE, name: ' ', all: '', warning: 'value >' })
  t.equal(wrong.status, 422)
  t.match(wrong.text, 'id="errors"')
  t.match(wrong.text, 'href="#warning"')
  t.match(
    await post('/rules', { ...RULE, warning: '1 == 1' }),
    { status: 422 },
    'would always hold',
  )
  t.match(await post('/rules', { ...RULE, all: '', warning: '> 1' }), { status: 422 }, 'no devices')
  t.match(await post('/rules', { ...RULE, role: 'cpu.usage', warning: '> 1; drop' }), {
    status: 422,
  })
  t.match(await post('/rules', { ...RULE, warning: '> 80', enabled: 'on' }), { to: '/rules' })
  const rules = await api('rules')
  const mine = rules.find((rule: { name: string }) => rule.name === 'Busy <b>')
  t.match(mine, { source: 'person', version: 1, document: { warning: '> 80' } })
  t.match((await get('/rules')).text, 'Busy &lt;b&gt;')
  t.match((await get('/rules?q=device.state')).text, 'device.state')
  const form = (await get(`/rules/${mine.id}`)).text
  t.match(form, 'value="&gt; 80"')
  const change = { ...RULE, warning: '> 85', enabled: 'on', _version: '1' }
  t.match(await post(`/rules/${mine.id}`, change), { status: 303 })
  t.match(await post(`/rules/${mine.id}`, change), { status: 409 }, 'somebody saved in between')
  t.equal((await send('PUT', `rules/${mine.id}`, { name: 'x' })).status, 422)
  t.equal((await send('POST', 'rules', { ...mine.document, name: 'By call' })).status, 201)
  t.match(await post(`/rules/${mine.id}/delete`, {}), { status: 303 })
  t.equal((await get(`/rules/${mine.id}`)).status, 404)
  t.equal((await send('DELETE', `rules/${mine.id}`)).status, 404)
})

t.test('a rehearsal says what a rule would have done, and saves nothing', async t => {
  const asked = { ...RULE, role: 'cpu.usage', warning: '>= 0', enabled: 'on' }
  const answer = await until(async () => {
    const { status, text } = await post('/rules/rehearse', asked)
    return status === 200 && text
  }, 'an answer')
  t.match(answer, 'id="rehearsal"')
  t.match(
    (await post('/rules/rehearse', { ...asked, warning: 'value <' })).text,
    'rehearsal-errors',
  )
  t.match(
    (await post('/rules/rehearse', { ...asked, condition: 'missing' })).text,
    'cannot be rehearsed',
  )
  t.notOk((await api('rules')).some((rule: { name: string }) => rule.name === RULE.name))
})

t.test('maintenance keeps alarms back, and is removed again', async t => {
  const past = { name: 'w', all: 'on', from: '2026-01-02T00:00', to: '2026-01-01T00:00' }
  t.match(await post('/maintenance', past), { status: 422 })
  t.match(await post('/maintenance', { name: 'w', all: 'on' }), { status: 422 }, 'when?')
  t.match(await post('/maintenance', { ...past, all: '' }), { status: 422 }, 'of what?')
  const now = new Date(Date.now() - 60_000).toISOString().slice(0, 16)
  const window = { name: 'Works <b>', ids: 'quiet', from: now, to: '2099-01-01T00:00' }
  t.match(await post('/maintenance', window), { status: 303 })
  t.match((await get('/maintenance')).text, 'Works &lt;b&gt;')
  await addDead('quiet')
  const [alarm] = await until(async () => {
    const open = await api('alarms?device=quiet')
    return open.length > 0 && open
  }, 'the alarm')
  t.match(alarm, { state: 'suppressed' })
  t.match((await get('/alarms?tab=suppressed')).text, alarm.id)
  const [known] = await api('maintenance')
  t.match(await post(`/maintenance/${known.id}/delete`, {}), { status: 303 })
  await until(async () => (await api(`alarms/${alarm.id}`)).state === 'active', 'it to be told')
  t.same(await api('maintenance'), [])
  t.equal((await send('POST', 'maintenance', { name: 'x' })).status, 422)
})

t.test('a paused or deleted device has no open alarms', async t => {
  await made.program.devices.remove('quiet', { history: false }, by)
  await until(
    async () => (await api('alarms')).every((one: { device: string }) => one.device !== 'quiet'),
    'its end',
  )
  t.match(await api('alarms?state=clear'), [{ device: 'quiet', clearedAt: Number }])
})

t.test('roles: a viewer sees and changes nothing, a technician takes on', async t => {
  const known = await people(made)
  for (const role of ['viewer', 'technician'] as const) {
    const person = known[role]
    t.equal((await get('/alarms', person.cookie)).status, 200)
    t.equal((await get('/rules/new', person.cookie)).status, 403)
    t.equal((await post('/alarms/ack', { id: 'x' }, person)).status, role === 'viewer' ? 403 : 303)
    t.equal((await post('/rules', RULE, person)).status, 403)
    t.equal((await post('/maintenance', {}, person)).status, role === 'viewer' ? 403 : 422)
  }
})
