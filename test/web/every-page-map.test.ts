// Goal: the map, parents by links, a port with neighbours and a search for an address, with real data, are
// as examine.ts wants them.

import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { examineAll } from './examine.ts'
import { startTestProgram } from './program.ts'

const PORT = '/devices/acc-sw-11/rows/interface/Gi1%2F0%2F2'
const SEARCH = '/search?q=3c:52:82:ab:02:02'

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true, every: '5s' })
const { url } = test
const { cookie } = await test.signIn()
const browser = await startChromium(t)
const text = async (path: string) => (await fetch(url + path, { headers: { cookie } })).text()
await until(async () => (await text('/map')).includes('>13 places, 13 links<'), 'all links')
await until(async () => (await text(PORT)).includes('3c:52:82:ab:02:02'), 'an address on the port')

t.test('for an administrator', async t => {
  const pages = ['/map', '/map/parents', '/devices/app-01/edit', PORT, SEARCH]
  await examineAll(t, { browser, url, cookie }, pages)
})
