// Goal: open pages hear what happens without being loaded again: samples, status, tables; a stream
// ends with its session, and strangers get none.
import t from 'tap'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)

const test = await startTestProgram(t, { network: true, every: '1s' })
const { url, program, network, signIn, adminPassword } = test
const browser = await startChromium(t)
const isUp = (id: string) =>
  until(() => program.devices.status(id)?.state === 'up', `${id} to be up`, 30_000)

/** A stream as text, until it ends. */
async function listen(path: string, cookie: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}${path}`, {
    headers: { cookie, accept: 'text/event-stream', ...headers },
  })
  const heard = { status: answer.status, text: '', ended: false }
  const reader = answer.body?.getReader()
  const decoder = new TextDecoder()
  const read = async () => {
    for (;;) {
      const chunk = await reader?.read()
      if (!chunk || chunk.done) break
      heard.text += decoder.decode(chunk.value, { stream: true })
    }
  }
  void read()
    .catch(() => undefined)
    .finally(() => {
      heard.ended = true
    })
  return { heard, stop: () => reader?.cancel() }
}

t.test('a device: the first message at once, then samples and tables', async t => {
  await isUp('acc-sw-21')
  const { cookie } = await signIn()
  const { heard, stop } = await listen('/live?device=acc-sw-21&part=row', cookie)
  t.equal(heard.status, 200)
  await until(() => heard.text.includes('#device-status'), 'the first message')
  await until(() => heard.text.includes('event: samples'), 'samples')
  await until(() => heard.text.includes('hx-target="#rows-interface"'), 'the table')
  const line = /event: samples\ndata: (.+)\n/.exec(heard.text)?.[1] ?? '{}'
  t.match(JSON.parse(line), { group: String, at: Number, metrics: Object, failed: null })
  t.notMatch(heard.text, /csrf/, 'nothing of anybody in it')
  await stop()
  const back = await listen('/live?device=acc-sw-21&shape=other', cookie, { 'last-event-id': '7' })
  await until(
    () => back.heard.text.includes('hx-target="#device-body"'),
    'the body, where it differs',
  )
  await back.stop()
})

t.test('overview and list', async () => {
  const { cookie } = await signIn()
  for (const [path, target] of [
    ['/live?page=overview', '#overview'],
    ['/live?page=devices&q=acc&sort=-name', '#devices'],
  ] as const) {
    const { heard, stop } = await listen(path, cookie)
    await until(() => heard.text.includes(`hx-target="${target}"`), `${path}: the first message`)
    await stop()
  }
})

t.test('who gets no stream', async t => {
  const { cookie } = await signIn()
  t.equal((await listen('/live?device=acc-sw-21', '')).heard.status, 401)
  t.equal((await listen('/live?device=nobody', cookie)).heard.status, 404)
  t.equal((await listen('/live?page=__proto__', cookie)).heard.status, 422)
})

t.test('a stream ends with its session', async t => {
  const { cookie, csrf } = await signIn()
  const other = await signIn()
  const ending = await listen('/live?device=acc-sw-21', cookie)
  const staying = await listen('/live?device=acc-sw-21', other.cookie)
  await until(() => ending.heard.text.length > 0 && staying.heard.text.length > 0, 'both')
  await fetch(`${url}/logout`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie, origin: url, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ _csrf: csrf }),
  })
  await until(() => ending.heard.ended, 'the end of the stream', 6000)
  t.notOk(staying.heard.ended, "another person's goes on")
  await staying.stop()
})

t.test('streams of one person are bounded, and those of others go on', async t => {
  const { technician: own, viewer } = await people(test)
  const opened = []
  for (let i = 0; i < 50; i++) opened.push(await listen('/live?page=overview', own.cookie))
  t.ok(opened.every(({ heard }) => heard.status === 200))
  const { heard } = await listen('/live?page=overview', own.cookie)
  t.equal(heard.status, 503, 'the page tries again by itself')
  const other = await listen('/live?page=overview', viewer.cookie)
  t.equal(other.heard.status, 200, 'somebody else has room')
  await other.stop()
  await opened[0]?.stop()
  await until(async () => {
    const again = await listen('/live?page=overview', own.cookie)
    await again.stop()
    return again.heard.status === 200
  }, 'room where one was closed')
  for (const { stop } of opened) await stop()
})

/** As a browser tells a page that its tab was left, or is looked at again. */
const setHidden = (isHidden: boolean) => `
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} })
  document.dispatchEvent(new Event('visibilitychange'))`

t.test('a hidden tab has no stream; back in sight it has, and fetches its charts anew', async t => {
  await isUp('db-01')
  const { page, problems } = await openPage(browser, url, adminPassword)
  const asked: string[] = []
  const ended: string[] = []
  page.on('request', request => asked.push(request.url()))
  page.on('requestfinished', request => ended.push(request.url()))
  page.on('requestfailed', request => ended.push(request.url()))
  const streams = (urls: readonly string[]) =>
    urls.filter(one => one.includes('/live?device=')).length
  const chartsAsked = () => asked.filter(one => one.includes('/charts/')).length
  await page.goto(`${url}/devices/db-01?range=15m`)
  await page.waitForSelector('figure[data-drawn] canvas')
  await until(() => streams(asked) === 1, 'the stream')
  await page.evaluate(setHidden(true))
  await until(() => streams(ended) === 1, 'the end of the stream')
  const before = chartsAsked()
  await page.evaluate(setHidden(false))
  await until(() => streams(asked) === 2, 'a stream again')
  await until(() => chartsAsked() > before, 'the charts to be fetched again')
  t.same(problems, [])
})

t.test('the wall goes on where nobody looks at its tab', async t => {
  const { page, problems } = await openPage(browser, url, adminPassword)
  const ended: string[] = []
  page.on('requestfinished', request => ended.push(request.url()))
  page.on('requestfailed', request => ended.push(request.url()))
  await page.goto(`${url}/?wall=1`)
  await page.evaluate(`
    globalThis.heard = 0
    document.addEventListener('htmx:sse:after:message', () => globalThis.heard++)`)
  await until(async () => Number(await page.evaluate('heard')) > 0, 'the first message')
  await page.evaluate(setHidden(true))
  await page.evaluate('globalThis.heard = 0')
  await until(async () => Number(await page.evaluate('heard')) >= 2, 'messages in a hidden tab')
  t.same(
    ended.filter(one => one.includes('page=wall')),
    [],
    'its stream was never closed',
  )
  t.same(problems, [])
})

t.test('in a browser: charts grow and the status changes without a new page', async t => {
  const agent = network?.agent('db-01')
  if (!agent) throw new Error('there is no such device')
  await isUp('db-01')
  const { page, problems } = await openPage(browser, url, adminPassword)
  await page.goto(`${url}/devices/db-01?range=15m`)
  await page.evaluate('globalThis.notReloaded = true')
  await page.waitForSelector('figure[data-drawn] canvas')
  const newest = () =>
    page.evaluate(
      'Math.max(...[...document.querySelectorAll("figure[data-drawn]")].map(f => Number(f.dataset.drawn)))',
    )
  const before = Number(await newest())
  await until(async () => Number(await newest()) > before + 1500, 'new points')
  const state = () => page.locator('#device-status strong').textContent()
  t.equal(await state(), 'up')
  agent.silent = true
  await until(async () => (await state()) === 'down', 'the status to say down', 15_000)
  t.match(await page.locator('#device-status').textContent(), /did not answer in time/)
  agent.silent = false
  await until(async () => (await state()) === 'up', 'the status to say up', 30_000)
  t.equal(await page.evaluate('globalThis.notReloaded'), true, 'it is the same page')
  t.same(problems, [])
})

t.test('a page that waited for its first samples fills by itself', async t => {
  const of = network?.devices.find(device => device.id === 'app-01')
  const agent = network?.agent('app-01')
  if (!of || !agent) throw new Error('there is no such device')
  agent.silent = true
  const actor = { name: 'test', address: '' }
  await program.devices.create(
    {
      id: 'late',
      kind: 'snmp',
      address: '127.0.0.1',
      port: of.port,
      credentials: { version: '2c', community: 'public' },
      every: '1s',
      timeout: '1s',
    },
    actor,
    'api',
  )
  const { page, problems } = await openPage(browser, url, adminPassword)
  await page.goto(`${url}/devices/late`)
  t.ok(await page.locator('.chart-waiting').isVisible())
  agent.silent = false
  await page.waitForSelector('figure[data-drawn] canvas', { timeout: 45_000 })
  t.equal(await page.locator('.chart-waiting').count(), 0)
  t.match(await page.locator('#device-facts').textContent(), /Profiles: why these/)
  t.same(problems, [])
})
