// Goal: "Watch live" reads a device while somebody with the right looks at it, and ends with the last
// page, after its longest time, or where it cannot be; it is written down who began it.
import t from 'tap'
import { AppError } from '../../server/model/errors.ts'
import type { Role } from '../../server/model/user.ts'
import type { LiveClient } from '../../server/web/live-client.ts'
import { createWatching, watchedMax } from '../../server/web/watching.ts'
import { silentLog } from '../parts/broker.ts'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)

const by = { name: 'test', address: '' }

function clientOf(role: Role = 'admin') {
  const closers: (() => void)[] = []
  const heard: string[] = []
  const client: LiveClient = {
    viewer: {
      ...{ name: role, role, scope: null, via: 'session', user: null, csrf: '', sessionToken: '' },
      ...{ language: 'en', zone: 'UTC', scope: null },
    },
    isBack: false,
    send: data => void heard.push(data),
    onClose: listener => void closers.push(listener),
    close: () => {
      for (const close of closers) close()
    },
  }
  return { client, heard }
}

function watchingOf(options: { longestMs?: number; refuse?: boolean } = {}) {
  const orders: [string, string | null][] = []
  const devices = {
    watch: async (id: string, _everyMs: number, _forMs: number, actor: { name: string } | null) => {
      if (options.refuse) throw new AppError('E_NOT_POLLED', 'it is paused')
      orders.push([id, actor?.name ?? null])
    },
  }
  return { orders, watching: createWatching({ devices, log: silentLog }, options) }
}

t.test('the last page that leaves ends it', async t => {
  const { orders, watching } = watchingOf()
  const [one, two] = [clientOf(), clientOf('technician')]
  await watching.join('sw', one.client, by)
  await watching.join('sw', two.client, by)
  t.same(
    orders.slice(0, 2),
    [
      ['sw', 'test'],
      ['sw', 'test'],
    ],
    'who began is told',
  )
  one.client.close()
  t.equal(watching.size, 1)
  await until(() => orders.some(([, name]) => name === null), 'the order to be given again')
  two.client.close()
  t.equal(watching.size, 0)
})

t.test('who may not, what is too many, and what cannot be', async t => {
  const { orders, watching } = watchingOf()
  await watching.join('sw', clientOf('viewer').client, by)
  t.equal(watching.size, 0)
  t.same(orders, [], 'a viewer changes nothing')
  const clients = await Promise.all(
    Array.from({ length: watchedMax + 1 }, async (_, i) => {
      const one = clientOf()
      await watching.join(`sw-${i}`, one.client, by)
      return one
    }),
  )
  t.equal(watching.size, watchedMax)
  t.match(clients.at(-1)?.heard[0], /#device-watch.*Too many devices are watched live/)
  for (const { client } of clients) client.close()
  t.equal(watching.size, 0)
  const refusing = watchingOf({ refuse: true })
  const paused = clientOf()
  await refusing.watching.join('sw', paused.client, by)
  t.match(paused.heard[0], /cannot be watched now/)
  t.equal(refusing.watching.size, 0)
})

t.test('it ends after its longest time, and the page says so', async t => {
  const { watching } = watchingOf({ longestMs: 1 })
  const { client, heard } = clientOf()
  await watching.join('sw', client, by)
  await until(() => heard.length > 0, 'the word of its end')
  t.match(heard[0], /Watching has ended/)
  t.equal(watching.size, 0)
})

t.test('a device that is read once an hour, watched in a browser', async t => {
  const test = await startTestProgram(t, { network: true, every: '1h' })
  const { url, program, adminPassword } = test
  const persons = await people(test)
  await until(() => program.devices.status('acc-sw-21')?.state === 'up', 'the device to be up')
  const as = async (role: Role, path: string) =>
    (await fetch(`${url}${path}`, { headers: { cookie: persons[role].cookie } })).text()
  t.match(await as('technician', '/devices/acc-sw-21'), />Watch live</)
  t.notMatch(await as('viewer', '/devices/acc-sw-21?watch=1'), /Watch live|watch=1|device-watch/)
  t.notMatch(await as('admin', '/devices/this-machine'), />Watch live</, 'it sends by itself')
  const { page, problems } = await openPage(await startChromium(t), url, adminPassword)
  await page.goto(`${url}/devices/acc-sw-21?range=15m`)
  await page.evaluate(`
    globalThis.times = new Set()
    document.addEventListener('samples', event => {
      const { group, at } = JSON.parse(event.detail.data)
      if (group === 'interface') globalThis.times.add(at)
    })`)
  await page.locator('[data-watch]').click()
  await page.waitForURL(/watch=1/)
  t.match(await page.locator('#device-watch').textContent(), /Read every 2 s/)
  await page.evaluate(`
    globalThis.times = new Set()
    document.addEventListener('samples', event => {
      const { group, at } = JSON.parse(event.detail.data)
      if (group === 'interface') globalThis.times.add(at)
    })`)
  // Without being watched it is read twice at its start, and then once an hour.
  await until(
    async () => Number(await page.evaluate('times.size')) >= 5,
    'one sample after another',
  )
  t.match(await page.locator('[data-range="6h"]').getAttribute('href'), /watch=1/, 'ranges keep it')
  await page.locator('[data-watch]').click()
  await page.waitForURL(address => !address.search.includes('watch'))
  t.equal(await page.locator('#device-watch').count(), 0)
  t.match(await as('admin', '/audit'), /device\.watch/)
  const html = await as('admin', '/devices/acc-sw-21')
  t.match(html, /<dt>Requests<\/dt><dd>[1-9]\d*<\/dd>/, 'what a read costs')
  t.match(html, /<dt>Sent again<\/dt><dd>\d+<\/dd>/)
  t.match(html, /<dt>Thread<\/dt><dd>\d+<\/dd>/)
  t.match(
    html,
    /&quot;community&quot;: \{\s*&quot;secret&quot;/,
    'its config, secrets by their names',
  )
  t.notMatch(html, /&quot;public&quot;/)
  t.same(problems, [])
})
