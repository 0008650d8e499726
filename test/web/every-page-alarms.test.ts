// Goal: every page of alarms, rules, windows, events and notifications, with something on each, is as
// examine.ts wants it; also the pages of devices that need no data.

import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { freePort, freeUdpPort, until } from '../parts/find.ts'
import { examineAll } from './examine.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t)
const { url, program } = test
const { admin } = await people(test)
const browser = await startChromium(t)
const get = async (path: string) => (await ask(url, path, as(url, admin))).body
const post = async (path: string, fields: Record<string, string>) => {
  const body = new URLSearchParams(fields).toString()
  const answer = await ask(url, path, as(url, admin, { method: 'POST', headers: FORM, body }))
  if (answer.status >= 400) throw new Error(`${path}: ${answer.status} ${answer.body}`)
}
const linkOf = (path: string, pattern: RegExp) =>
  until(async () => pattern.exec(await get(path))?.[1], `${pattern} on ${path}`)

for (const id of ['dead-one', 'dead-two']) {
  await program.devices.create(
    {
      ...{ id, name: `A device whose name takes its room: ${id}`, kind: 'snmp' },
      ...{ address: '127.0.0.1', port: await freeUdpPort(), every: '1s', timeout: '1s' },
      ...{ retries: 0, credentials: { version: '2c', community: 'public' } },
    },
    { name: 'test', address: '' },
    'api',
  )
}
await post('/rules', {
  ...{ name: 'Busy', metric: 'cpu.usage', all: 'on', condition: 'threshold' },
  ...{ warning: '> 80', critical: '> 95', enabled: 'on' },
})
await post('/notifications/channels', {
  ...{ kind: 'webhook', id: '', version: '0', name: 'Night shift', enabled: 'on' },
  ...{ 'config.url': `http://127.0.0.1:${await freePort()}/in`, 'config.key': 'never-shown' },
})
await post('/notifications/routes', {
  ...{ id: '', version: '0', name: 'Everything', enabled: 'on', recovery: 'on', always: 'on' },
  ...{ 'channel.night-shift': 'on', 'severity.critical': 'on', group: '1s', groupBy: 'device' },
  ...{ perHour: '60' },
})
const alarm = await linkOf('/alarms', /href="(\/alarms\/[^"?#]+)"/)
const rule = await linkOf('/rules', /href="(\/rules\/(?!new)[^"?#]+)"/)
const route = await linkOf('/notifications', /href="(\/notifications\/routes\/(?!new)[^"?#]+)"/)

t.test('for an administrator', async t => {
  await examineAll(t, { browser, url, cookie: admin.cookie }, [
    '/alarms',
    '/alarms?tab=history',
    '/alarms?q=nothing-like-this',
    alarm,
    '/devices/dead-one/why',
    '/rules',
    '/rules/new',
    rule,
    '/maintenance',
    '/availability',
    '/forecasts',
    '/availability?by=tag',
    '/events',
    '/events?q=nothing-like-this',
    '/devices?q=nothing-like-this',
    '/devices/import',
    '/devices/views',
    '/notifications',
    '/notifications/channels/new',
    '/notifications/channels/new?kind=email',
    '/notifications/channels/night-shift',
    '/notifications/routes/new',
    route,
  ])
})
