// Goal: an agent on another host, against the whole program: it enrols by itself, sends under its own
// account alone, gets the right time whatever its clock says, and is cut off when it is revoked.

import t from 'tap'
import Type from 'typebox'
import { connectBus } from '../../server/bus/client.ts'
import { sampleTopic } from '../../server/bus/topics.ts'
import { EnrolAnswer } from '../../server/model/agent.ts'
import { checker } from '../../server/validate.ts'
import { silentLog } from '../parts/broker.ts'
import { until } from '../parts/find.ts'
import { isProblem, startApi } from '../web/caller.ts'
import { ask as askRaw } from '../web/people.ts'
import { countingSource, enrolled, started } from './hosts.ts'

t.setTimeout(600_000)
const api = await startApi(t)
const { url } = api.test
const Made = Type.Object({ token: Type.String(), prefix: Type.String(), command: Type.String() })
const checkAnswer = checker(EnrolAnswer)
const HOUR = 3_600_000

async function newToken(body: object = {}): Promise<string> {
  const answer = await api.ask('POST', '/agents/tokens', { body })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.as(Made).token
}

const latest = async (device: string, metric: string) =>
  (await api.latest(device)).samples.find(sample => sample.metric === metric)

t.test('it enrols, its device appears with its page, and it sends', async t => {
  const token = await newToken({ note: 'web' })
  const identity = await enrolled(url, token, 'web.example')
  t.match(identity, {
    site: 'main',
    device: 'web.example',
    mqtt: { url: /^mqtt:\/\/127\.0\.0\.1:/ },
  })
  const host = countingSource()
  const agent = await started(t, identity, { source: host.source })
  await until(async () => (await latest('web.example', 'host_load.one'))?.value, 'samples')
  await until(
    async () => (await latest('web.example', 'host_program.memory'))?.value,
    'slow groups',
  )
  t.equal((await latest('web.example', 'host_software.kernel'))?.gap ?? null, null)
  const device = await api.ask('GET', '/devices/web.example')
  t.match(device.body, { kind: 'agent', every: '1s', identity: { profiles: ['agent'] } })
  await until(() => agent.sender.ledger.stored > 20, 'acknowledgements')
  const { ledger } = agent.sender
  t.equal(ledger.sent, ledger.stored + ledger.refused + ledger.dropped + ledger.waiting)
  t.equal(ledger.refused, 0)
  const clock = await latest('web.example', 'host.clock')
  t.ok(Math.abs(Number(clock?.value)) < 30, `its clock is the server's: ${clock?.value} s`)
  const listed = await api.ask('GET', '/agents')
  t.notMatch(listed.text, /agent-[0-9a-f]{16}/, 'a src is nobody else’s business')
  t.match(listed.body, [{ id: 'web.example', version: '0.0.1', revokedAt: null }])
  t.notOk(listed.text.includes(identity.mqtt.password))
  await agent.close()
})

t.test('a host whose clock is an hour off gets the right time', async t => {
  for (const [name, aheadMs] of [
    ['fast', HOUR],
    ['slow', -HOUR],
  ] as const) {
    const identity = await enrolled(url, await newToken(), name)
    const begin = Date.now()
    const agent = await started(t, identity, { clocks: { wall: () => Date.now() + aheadMs } })
    const sample = await until(() => latest(name, 'host_load.one'), 'a sample')
    t.ok(
      sample.at >= begin - 5000 && sample.at <= Date.now() + 5000,
      `${name}: ${sample.at - begin} ms`,
    )
    const told = await until(async () => {
      const found = await latest(name, 'host.clock')
      return typeof found?.value === 'number' ? found : null
    }, 'the clock')
    t.ok(Math.abs(Number(told.value) - aheadMs / 1000) < 30, `${name}: ${told.value} s`)
    const series = await api.history({
      device: name,
      metric: 'host_load.one',
      from: String(begin - 24 * HOUR),
    })
    const times = series.series.flatMap(({ points }) => points.map(([at]) => at))
    t.ok(
      times.every(at => Math.abs(at - begin) < HOUR / 2),
      'nothing was stored under a wrong time',
    )
    t.equal(agent.sender.ledger.refused, 0)
    await agent.close()
  }
})

t.test('another one’s token, topic, user, password or client id', async t => {
  const [a, b] = [
    await enrolled(url, await newToken(), 'mallory'),
    await enrolled(url, await newToken(), 'victim'),
  ]
  const victim = await started(t, b)
  await until(() => victim.connected && victim.sender.ledger.stored > 5, 'the victim')
  const connect = (options: { username: string; password: string; clientId: string }) => {
    const bus = connectBus({ url: a.mqtt.url, log: silentLog, protocol: 4, ...options })
    t.teardown(() => bus.close())
    return bus
  }
  const mine = connect({ ...a.mqtt, clientId: 'agent-victim' })
  await until(() => mine.connected, 'mallory to connect')
  t.ok(victim.connected, "the victim's client id is its own")

  const at = Date.now()
  const forged = JSON.stringify({ v: 1, at, ok: true, metrics: { one: 666 } })
  for (const topic of [
    sampleTopic('main', 'victim', 'host_load'),
    sampleTopic('main', 'this-machine', 'host_load'),
    'pollux/main/devices/victim/status',
    `pollux/main/acks/${b.src}`,
    'pollux/main/commands/all',
  ])
    await mine.publish(topic, forged).catch(() => undefined)
  await mine.publish(sampleTopic('main', 'mallory', 'host_load'), forged)
  await until(() => latest('mallory', 'host_load.one'), 'its own, sent after them')
  for (const device of ['victim', 'this-machine']) {
    const found = await api.history({ device, metric: 'host_load.one', from: String(at - 60_000) })
    t.notOk(
      found.series.some(({ points }) => points.some(([, value]) => value === 666)),
      device,
    )
  }
  for (const filter of [
    `pollux/main/acks/${b.src}`,
    'pollux/main/acks/+',
    '#',
    'pollux/main/devices/#',
  ])
    await t.rejects(
      mine.subscribe(filter, () => undefined),
      { code: 'E_BUS_REFUSED' },
      filter,
    )
  for (const wrong of [
    { username: b.mqtt.username, password: a.mqtt.password },
    { username: 'server', password: a.mqtt.password },
    { username: b.mqtt.username, password: '' },
  ]) {
    const bus = connect({ ...wrong, clientId: 'x' })
    await until(() => bus.isRefused, `${wrong.username} to be refused`)
    t.notOk(bus.connected)
  }
  t.ok(victim.connected)
  await victim.close()
})

t.test('revoked while it sends: cut off, told so, and nothing comes any more', async t => {
  const identity = await enrolled(url, await newToken(), 'revoked')
  const agent = await started(t, identity, { refusedMs: 300 })
  await until(() => agent.sender.ledger.stored > 20, 'samples')
  const denied = await api.ask('DELETE', '/agents/revoked', { by: api.everybody.engineer })
  isProblem(t, denied, 403, 'E_FORBIDDEN', 'an engineer may not')
  t.equal((await api.ask('DELETE', '/agents/revoked')).status, 204)
  await until(() => !agent.connected, 'the cut')
  const last = (await api.latest('revoked')).at
  await t.rejects(agent.ended, { code: 'E_AGENT_REVOKED', hint: /enrol it again/ })
  t.equal((await api.latest('revoked')).at, last, 'nothing came after it')
  t.ok(agent.sender.ledger.waiting > 0, 'what it measured since waits on its disk')
  isProblem(t, await api.ask('DELETE', '/agents/revoked'), 404, 'E_AGENT_UNKNOWN', 'twice')
  await agent.close()

  const again = await enrolled(url, await newToken({ device: 'revoked' }), 'revoked')
  t.equal(again.device, 'revoked')
  const back = await started(t, again)
  await until(async () => ((await api.latest('revoked')).at ?? 0) > (last ?? 0), 'samples again')
  await back.close()
})

t.test('a deleted device takes its agent with it', async t => {
  const identity = await enrolled(url, await newToken(), 'deleted')
  const agent = await started(t, identity, { refusedMs: 300 })
  await until(() => agent.connected, 'it to connect')
  t.equal((await api.ask('DELETE', '/devices/deleted?history=true')).status, 204)
  await t.rejects(agent.ended, { code: 'E_AGENT_REVOKED' })
  await agent.close()
})

const post = (body: string, headers: Record<string, string>) =>
  fetch(`${url}/api/v1/agents/enrol`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
const GOOD = JSON.stringify({ name: 'x', every: '10s', version: '1', facts: {} })

t.test('the page: a token that is shown once, and the button that revokes', async t => {
  const { admin, technician, viewer } = api.everybody
  const get = (who: { cookie: string }) =>
    askRaw(url, '/agents', { headers: { cookie: who.cookie } })
  t.equal((await get(viewer)).status, 403)
  const seen = await get(technician)
  t.equal(seen.status, 200)
  t.notMatch(seen.body, /Make token|Revoke</, 'a technician looks only')
  const form = (path: string, fields: Record<string, string>) =>
    askRaw(url, path, {
      method: 'POST',
      headers: {
        cookie: admin.cookie,
        origin: url,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ _csrf: admin.csrf, ...fields }).toString(),
    })
  const made = await form('/agents/tokens', { hours: '24', note: '<b>rack 7</b>' })
  t.equal(made.status, 201, made.body.slice(0, 500))
  const token = /--token (enrol_[\w-]{43})\b/.exec(made.body)?.[1] ?? ''
  t.ok(made.body.includes(`npx pollux agent --server ${url} --token ${token}`))
  t.notOk(made.body.includes('<b>rack 7</b>'))
  const after = await get(admin)
  t.notOk(after.body.includes(token), 'nobody sees it again')
  t.match(after.body, /rack 7/)
  await enrolled(url, token, 'paged')
  t.equal((await form('/agents/revoke', { device: 'paged' })).status, 303)
  t.match((await get(admin)).body, /data-agent="paged" class="stale"/)
  const { token: waits, prefix } = (await api.ask('POST', '/agents/tokens', { body: {} })).as(Made)
  t.equal((await form('/agents/withdraw', { prefix })).status, 303)
  await t.rejects(enrolled(url, waits, 'late'), { code: 'E_ENROL_REFUSED', message: /not known/ })
  const audit = await api.audit('device:paged')
  t.match(
    audit.map(({ action }) => action),
    ['agent.revoke', 'agent.enrol', 'device.create'],
  )
})

// Last: it uses up what this address may ask in a minute.
t.test('a token used twice, or guessed', async t => {
  const token = await newToken()
  const bearer = { authorization: `Bearer ${token}` }
  isProblem(
    t,
    await api.ask('POST', '/agents/enrol', { body: '{}', by: null }),
    403,
    'E_FORGED',
    '',
  )
  const both = await Promise.all([post(GOOD, bearer), post(GOOD, bearer)])
  t.same(both.map(({ status }) => status).sort(), [201, 401])
  for (const answer of both) {
    const body: unknown = await answer.json()
    if (answer.status === 201) t.ok(checkAnswer(body).ok)
    else t.match(body, { code: 'E_ENROL_TOKEN', title: /used before/, detail: /administrator/ })
  }
  for (const [body, status] of [
    ['{', 400],
    ['[]', 422],
    ['{"__proto__":{"name":"x"}}', 400],
    [JSON.stringify({ ...JSON.parse(GOOD), name: 'x'.repeat(1000) }), 422],
    [`{"facts":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`, 400],
  ] as const)
    t.equal((await post(body, bearer)).status, status, body.slice(0, 60))
  const statuses = new Set<number>()
  for (let i = 0; i < 30; i++) {
    const guess = `enrol_${String(i).padStart(43, 'A')}`
    statuses.add((await post(GOOD, { authorization: `Bearer ${guess}` })).status)
  }
  t.same([...statuses], [401, 429], 'guessing is slowed down')
  const listed = await api.ask('GET', '/devices?q=x')
  t.equal(listed.status, 200)
})
