// The map and its list, what hangs on a port, where an address is, and parents that are accepted, over
// the simulated network; then 300 devices and hostile neighbours in a real browser.

import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import type { RowInfo } from '../../server/model/collection.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { startChromium, watchMisdeeds } from '../parts/chromium.ts'
import { tempDir, until } from '../parts/find.ts'
import { people } from './people.ts'
import { startTestProgram, type TestProgram } from './program.ts'

const EVIL = '<img class=evil src=x onerror=alert(1)>'

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true, every: '2s' })
const { admin, viewer, technician } = await people(test)
const dataDir = path.join(await tempDir(t), 'data')
await fillStore()
const large = await startTestProgram(t, { dataDir })
const browser = await startChromium(t)

/** 300 devices: a core, 15 switches, hosts; a ring, a link that one side tells, and hostile neighbours. */
async function fillStore(): Promise<void> {
  await mkdir(dataDir, { recursive: true })
  const store = await openStore({
    url: `sqlite:${path.join(dataDir, 'pollux.db')}`,
    log: silentLog,
  })
  const uids: number[] = []
  for (let i = 0; i < 300; i++) {
    const id = `sw-${i}`
    const config = {
      ...{ id, name: id, kind: 'agent' as const, profiles: ['auto'], every: '60s', timeout: '2s' },
      ...{ retries: 1, enabled: true, location: i % 2 === 0 ? 'east' : 'west' },
    }
    uids.push((await store.devices.create(config, 'api', 1)).uid)
  }
  const link = (port: number, name: string, remote: number): RowInfo => ({
    ...{ key: `${port}`, index: `${port}`, name },
    labels: {
      ...{ port_index: `${port}`, port: `eth${port}`, remote_name: name },
      ...{ remote_port: `eth${remote}`, chassis: name },
    },
  })
  const told = new Map<number, RowInfo[]>()
  const tell = (from: number, port: number, name: string, remote: number) => {
    told.set(from, [...(told.get(from) ?? []), link(port, name, remote)])
  }
  for (let i = 1; i < 300; i++) {
    const parent = i <= 15 ? 0 : 1 + (i % 15)
    tell(parent, i + 1, `sw-${i}`, 0)
    if (i !== 299) tell(i, 0, `sw-${parent}`, i + 1)
  }
  tell(1, 1000, 'sw-2', 1000)
  tell(2, 1000, 'sw-1', 1000)
  tell(3, 1001, EVIL, 1)
  for (let i = 0; i < 50; i++) tell(4, 2000 + i, `phone-${i}`, 1)
  const at = Date.now() - 1000
  for (const [i, rows] of told) {
    const deviceUid = uids[i] ?? 0
    await store.neighbours.write({ deviceUid, group: 'lldp', inventory: 'links', rows, at })
  }
  await store.close()
}

const get = async (of: TestProgram, path: string, cookie: string) => {
  const answer = await fetch(of.url + path, { headers: { cookie }, redirect: 'manual' })
  return { status: answer.status, body: await answer.text() }
}

t.test('the map shows the links of the simulated network', async t => {
  const page = await until(async () => {
    const { body } = await get(test, '/map', viewer.cookie)
    return body.includes('>13 places, 13 links<') ? body : null
  }, 'all links of the network')
  t.match(
    page,
    /<a href="\/devices\/core-sw-01" aria-label="core-sw-01: up[^"]*" class="map-place map-up( map-hub)?">/,
  )
  t.match(page, /map-strange"><title>edge-router: not one of our devices/)
  t.match(page, /<line [^>]*class="one-sided"><title>[^<]*backup-01/, 'whom only one side sees')
  const { body } = await get(test, '/map?unknown=no&tag=core', viewer.cookie)
  t.match(body, />2 places, 1 link</)
  t.notMatch(body, /edge-router/)
  t.match(
    (await get(test, '/map?location=nowhere', viewer.cookie)).body,
    /No device on the map matches/,
  )
  t.equal((await get(test, `/map?tag=${'x'.repeat(5000)}`, viewer.cookie)).status, 200)
  t.equal((await get(test, '/map', '')).status, 303, 'for people who are signed in')
})

t.test('where a MAC and an IP are, in any notation; the access port before uplinks', async t => {
  const places = async (q: string) => {
    const headers = { authorization: viewer.bearer }
    const answer = await fetch(`${test.url}/api/v1/search?q=${encodeURIComponent(q)}`, { headers })
    const { places } = JSON.parse(await answer.text())
    return places
  }
  const found = await until(async () => {
    const some = await places('3c52.82ab.0202')
    return some.length >= 6 ? some : null
  }, 'every switch has seen it')
  t.match(found[0], { device: 'acc-sw-11', port: 'Gi1/0/2', kind: 'port', vlan: '12', behind: 1 })
  t.ok(found.slice(1).every(({ kind }: { kind: string }) => kind === 'uplink'))
  t.match(await places('3C-52-82-AB-02-02'), [{ device: 'acc-sw-11' }])
  t.match(await places('10.20.2.2'), [{ device: 'acc-sw-11', mac: '3c:52:82:ab:02:02' }])
  t.same(await places('3c:52:82:ff'), [])
  const { body } = await get(test, '/search?q=3c:52:82:ab:02:02', viewer.cookie)
  t.match(body, /Where it is/)
  t.match(body, /\/devices\/acc-sw-11\/rows\/interface\/Gi1%2F0%2F2"/)
})

t.test('what hangs on a port', async t => {
  const row = (device: string, port: string) =>
    get(test, `/devices/${device}/rows/interface/${encodeURIComponent(port)}`, viewer.cookie)
  const { body } = await row('core-sw-01', 'Gi1/0/2')
  t.match(
    body,
    /What hangs on this port[\s\S]*href="\/devices\/acc-sw-12">acc-sw-12<\/a>[\s\S]*Te1\/1\/1/,
  )
  const phone = await row('acc-sw-11', 'Gi1/0/3')
  t.match(phone.body, /SEP3C5282AB0103 <span class="muted">not one of our devices/)
  const desk = await row('acc-sw-11', 'Gi1/0/2')
  t.match(desk.body, /3c:52:82:ab:02:02[\s\S]*10\.20\.2\.2/)
  t.match((await row('acc-sw-11', 'Gi1/0/4')).body, /Nobody is known on this port/)
})

t.test('parents are proposed, and accepted by one button', async t => {
  t.equal((await get(test, '/map/parents', technician.cookie)).status, 403)
  const { body } = await get(test, '/map/parents?root=core-sw-01', admin.cookie)
  t.match(body, /Accept the proposed parents of acc-sw-12/)
  const version =
    /value="acc-sw-12"><input type="hidden" name="version" value="(\d+)"/.exec(body)?.[1] ?? ''
  const accept = (fields: Record<string, string>, who = admin) =>
    fetch(`${test.url}/map/parents`, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        ...{ cookie: who.cookie, origin: test.url },
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ _csrf: who.csrf, ...fields }),
    })
  const edit = await get(test, '/devices/acc-sw-12/edit', admin.cookie)
  t.match(edit.body, /The links propose: core-sw-01\./)
  const form = { device: 'acc-sw-12', parents: 'core-sw-01', version, root: 'core-sw-01' }
  t.equal((await accept(form, technician)).status, 403)
  t.equal((await accept({ ...form, _csrf: 'x' })).status, 403)
  t.equal((await accept({ ...form, parents: 'nobody' })).status, 404)
  t.equal((await accept({ ...form, parents: '' })).status, 404)
  t.equal((await accept({ ...form, parents: 'acc-sw-12' })).status, 409, 'itself')
  t.equal((await accept(form)).status, 303)
  const list = await test.program.devices.list()
  const device = list.find(({ config }) => config.id === 'acc-sw-12')
  t.same(device?.config.parents, ['core-sw-01'])
  const { body: after } = await get(test, '/devices/acc-sw-12/edit', admin.cookie)
  t.notMatch(after, /The links propose/, 'what it has is not proposed')
  t.equal((await accept({ ...form, parents: 'core-sw-02' })).status, 409, 'changed since')
  const back = { device: 'core-sw-01', parents: 'acc-sw-12' }
  const core = list.find(({ config }) => config.id === 'core-sw-01')?.version
  t.equal((await accept({ ...back, version: String(core) })).status, 409, 'a loop')
  const audit = await get(test, '/audit', admin.cookie)
  t.match(audit.body, /device\.update[\s\S]*acc-sw-12/)
})

t.test('300 devices and hostile neighbours in a browser', async t => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  t.teardown(() => context.close())
  const misdeeds = await watchMisdeeds(context)
  const { cookie } = await large.signIn()
  const [name = '', value = ''] = cookie.split('=')
  await context.addCookies([{ name, value, url: large.url }])
  const page = await context.newPage()
  await page.goto(`${large.url}/map?size=full`)
  t.equal(await page.locator('svg.map a.map-place').count(), 300)
  t.equal(await page.locator('svg.map g.map-strange').count(), 51)
  t.equal(await page.locator('svg.map line.one-sided').count(), 1)
  t.equal(await page.locator('.evil').count(), 0)
  t.equal(await page.locator('svg.map g.map-strange', { hasText: '<img class=evil' }).count(), 1)
  const overlaps = await page.evaluate(`(() => {
    const texts = document.querySelectorAll('svg.map a.map-place text')
    const boxes = [...texts].map(one => one.getBoundingClientRect())
    const isOver = (a, b) =>
      a.right > b.left && b.right > a.left && a.bottom > b.top && b.bottom > a.top
    return boxes.filter((a, i) => boxes.slice(i + 1).some(b => isOver(a, b))).length
  })()`)
  t.equal(overlaps, 0, 'no label lies on another')
  await page.goto(`${large.url}/map`)
  const named = page.locator('svg.map text:visible')
  t.equal(await named.count(), 16, 'what fits the page names its hubs alone')
  const leaf = page.locator('svg.map a[href="/devices/sw-299"]')
  await leaf.focus()
  t.ok(await leaf.locator('text').isVisible(), 'and the place that is meant')
  const tall = Number(
    await page.evaluate(`
    Math.min(...[...document.querySelectorAll('svg.map .map-hub text')]
      .map(one => one.getBoundingClientRect().height))`),
  )
  t.ok(tall >= 10, `names are ${tall} pixels tall`)
  await page.goto(`${large.url}/map?size=full`)
  await page.locator('svg.map a[href="/devices/sw-0"]').focus()
  await page.keyboard.press('Enter')
  await page.waitForURL(`${large.url}/devices/sw-0*`)
  await page.setViewportSize({ width: 400, height: 800 })
  await page.goto(`${large.url}/map?location=east&unknown=no`)
  t.ok((await page.locator('svg.map a.map-place').count()) < 150)
  const wide = Number(await page.evaluate('document.documentElement.scrollWidth'))
  t.ok(wide <= 400, 'a phone scrolls the map, not the page')
  t.same(misdeeds, { violations: [], errors: [], dialogs: [] })
})
