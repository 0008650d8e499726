// Goal: an admin scans a range on the page, sees live who answers, chooses and adds; what is wrong
// with a form stands on the page with what was typed; nobody else may, and no community is shown.

import t from 'tap'
import { startSimulatedAgent } from '../../bench/network/agent.ts'
import { switchModel } from '../../bench/network/models.ts'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const COMMUNITY = 'grep-me-community'
const test = await startTestProgram(t)
const { url, program, adminPassword } = test
const everybody = await people(test)
const agents = [await agent('127.0.7.1', 0, 'switch-one')]
const port = agents[0]?.port ?? 0
agents.push(await agent('127.0.7.2', port, '<b>two</b>'))
const browser = await startChromium(t)

async function agent(host: string, at: number, name: string) {
  const model = switchModel({ name, location: 'rack', now: () => 1, seed: 1, ports: 2 })
  const started = await startSimulatedAgent({
    ...{ host, port: at, community: COMMUNITY, objects: model.objects },
  })
  t.teardown(() => started.close())
  return started
}

const post = (path: string, fields: Record<string, string>) =>
  ask(url, path, {
    method: 'POST',
    headers: { ...FORM, origin: url, cookie: everybody.admin.cookie },
    body: new URLSearchParams({ _csrf: everybody.admin.csrf, ...fields }).toString(),
  })

t.test('what is wrong stands on the page, with what was typed but never a secret', async t => {
  for (const [fields, said] of [
    [{ ranges: '10.0.0.0/8', community: COMMUNITY }, /at most 4096/],
    [{ ranges: 'no <i>range</i>', community: COMMUNITY }, /no range in/],
    [{ ranges: '8.8.8.8', community: COMMUNITY }, /not in a network that may be polled/],
    [{ ranges: '127.0.7.1' }, /Choose one to eight credentials/],
    [{ ranges: '127.0.7.1', community: COMMUNITY, port: '99999' }, /the scan is not valid/],
  ] as const) {
    const { status, body } = await post('/discovery', fields)
    t.equal(status, 422, fields.ranges)
    t.match(body, said, fields.ranges)
    t.match(body, fields.ranges.replace(/<i>.*/, ''), 'what was typed is kept')
    t.notMatch(body, /<i>range/, 'as text')
    t.notMatch(body, COMMUNITY)
  }
  t.equal((await post('/discovery/cancel', {})).status, 422, 'nothing runs')
  t.equal((await post('/discovery/devices', { address: '127.0.7.1' })).status, 422)
  t.match((await ask(url, '/discovery', as(url, everybody.admin))).body, /Nothing has been scanned/)
})

t.test('a scan in the browser: live, chosen, added', async t => {
  const { page, problems } = await openPage(browser, url, adminPassword)
  await page.goto(`${url}/devices`)
  await page.click('a[href="/discovery"]')
  await page.fill('#ranges', '127.0.7.0/29')
  await page.fill('#port', String(port))
  await page.fill('#community', COMMUNITY)
  await page.click('.discovery-form button')
  await page.waitForSelector('#scan-title')
  await until(
    async () => (await page.locator('#scan-title').innerText()) === 'Scan done',
    'the page to hear of the end',
  )
  t.same(await page.locator('.found tbody tr td:nth-child(2)').allInnerTexts(), [
    'switch-one rack',
    '<b>two</b> rack',
  ])
  await page.uncheck('#add-127-0-7-2')
  await page.fill('#add-tags', 'found new')
  await page.click('.found button')
  await page.waitForSelector('.note-ok a[href="/devices/switch-one"]')
  const config = (await program.devices.get('switch-one'))?.config
  t.match(config, { address: '127.0.7.1', port, tags: ['found', 'new'], location: 'rack' })
  t.match(await page.locator('#found-127-0-7-1').innerText(), /is a device/)
  t.equal(await page.locator('#add-127-0-7-1').count(), 0, 'not to be added twice')
  t.equal(await program.devices.get('two'), null, 'what was not chosen is not added')
  const { body } = await ask(url, '/discovery', as(url, everybody.admin))
  t.notMatch(body, COMMUNITY)
  t.match(body, 'SNMP 2c, switch-one.community', 'the credentials can be chosen from now on')
  t.same(problems, [])
})

t.test('by the API: the same, one at a time, cancelled', async t => {
  const headers = { authorization: everybody.admin.bearer, 'content-type': 'application/json' }
  const call = async (method: string, path: string, body?: object) => {
    const text = body && JSON.stringify(body)
    const asked = { method, headers, ...(text && { body: text }) }
    return ask(url, `/api/v1/discovery${path}`, asked)
  }
  const order = {
    // At the pace of a scan it lasts more than a minute.
    ranges: '127.0.16.0/20',
    port,
    credentials: [{ version: '2c', community: { secret: 'switch-one.community' } }],
  }
  t.equal((await call('POST', '', order)).status, 202)
  const second = await call('POST', '', order)
  t.equal(second.status, 409)
  t.match(second.body, /E_SCAN_RUNNING/)
  t.equal((await call('DELETE', '')).status, 204)
  await until(async () => /"state":"cancelled"/.test((await call('GET', '')).body), 'the end')
  t.equal((await call('DELETE', '')).status, 409)
  t.equal((await call('POST', '', { ...order, credentials: [] })).status, 422)
  t.equal((await call('POST', '/devices', { addresses: [] })).status, 422)
  const listed = await ask(url, '/audit', as(url, everybody.admin))
  t.match(listed.body, /discovery\.start/)
  t.match(listed.body, /discovery\.cancel/)
  t.notMatch(listed.body, COMMUNITY)
})

t.test('nobody but an admin may look, not even by the live stream', async t => {
  for (const role of ['engineer', 'technician', 'viewer'] as const) {
    for (const path of ['/discovery', '/live?page=discovery', '/api/v1/discovery']) {
      const accept = path.startsWith('/live') ? { accept: 'text/event-stream' } : {}
      const { status } = await ask(url, path, as(url, everybody[role], { headers: accept }))
      t.equal(status, 403, `${path} by ${role}`)
    }
    const list = await ask(url, '/devices', as(url, everybody[role]))
    t.notMatch(list.body, /href="\/discovery"/, role)
  }
})
