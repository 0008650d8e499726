// Goal: the pages of people, profiles and the program itself are as examine.ts wants them.

import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { examineAll } from './examine.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t)
const { url } = test
const { admin } = await people(test)
await test.program.devices.create(
  {
    ...{ id: 'shop', kind: 'check', address: '127.0.0.1', every: '1h', enabled: false },
    checks: [
      { name: 'ping', type: 'ping' },
      { name: 'front', type: 'http', url: 'http://127.0.0.1:9/', status: 200 },
    ],
  },
  { name: 'test', address: '' },
  'api',
)
const browser = await startChromium(t)

t.test('for an administrator', async t => {
  await examineAll(t, { browser, url, cookie: admin.cookie }, [
    '/profiles',
    '/profiles/if-mib',
    '/profiles/if-mib/edit',
    '/profiles/new',
    '/discovery',
    '/about',
    '/api',
    '/settings',
    '/settings/backup',
    '/devices/shop/edit',
    '/users',
    '/users/1',
    '/tokens',
    '/agents',
    '/audit',
    '/audit?actor=nobody',
    '/account',
    '/nothing-here',
    '/search?q=nothing-like-this',
  ])
})
