// Goal: a sensor's account reaches nothing of Pollux, whatever its topics look like; a guest sends
// nothing; names cannot be those of agents or of our own parts.

import t from 'tap'
import { rightsOf } from '../../server/bus/account-rights.ts'
import { authorize } from '../../server/bus/principals.ts'

const sensor = (...topics: string[]) => rightsOf('main', { name: 'roof', role: 'sensor', topics })

t.test('what each role may do', async t => {
  const roof = sensor('weather/+', 'tele/roof/#', 'weather/+')
  t.equal(roof.username, 'sensor-roof')
  t.same(roof.publish, ['weather/+', 'tele/roof/#'], 'each topic once')
  t.ok(authorize(roof, 'publish', 'tele/roof/SENSOR'))
  t.notOk(authorize(roof, 'publish', 'pollux/main/devices/a/samples/b'))
  t.notOk(authorize(roof, 'subscribe', 'weather/+'))

  const guest = rightsOf('main', { name: 'wall', role: 'guest', topics: [] })
  t.ok(authorize(guest, 'subscribe', 'pollux/main/devices/a/status'))
  t.notOk(authorize(guest, 'subscribe', 'pollux/main/commands/all'))
  t.notOk(authorize(guest, 'publish', 'pollux/main/devices/a/status'))

  const poller = rightsOf('main', { name: 'paris', role: 'poller', topics: [] })
  t.ok(authorize(poller, 'publish', 'pollux/main/devices/a/samples/b'))
  t.ok(authorize(poller, 'subscribe', 'pollux/main/commands/+'))
  t.notOk(authorize(poller, 'publish', 'pollux/main/acks/x'))
  t.notOk(authorize(poller, 'publish', 'pollux/other/devices/a/samples/b'))
})

t.test('topics that reach Pollux, or that are none', async t => {
  const wrong = [
    ...['#', '+', '+/main/devices/x/samples/y', 'pollux/#', 'pollux', '$SYS/x', '/x', ''],
    ...['a/#/b', 'a/b#', 'a+/b', 'a/\0', `a/${'b'.repeat(1024)}`, '$share/g/pollux/#'],
  ]
  for (const topic of wrong) {
    t.throws(() => sensor('good', topic), { code: 'E_ACCOUNT_INVALID' }, JSON.stringify(topic))
  }
  t.throws(() => sensor(), { errors: [{ path: 'topics' }] })
  t.throws(() => sensor(...Array.from({ length: 51 }, (_, i) => `a/${i}`)), {
    errors: [{ path: 'topics' }],
  })
  t.throws(() => rightsOf('main', { name: 'x', role: 'guest', topics: ['a'] }), {
    errors: [{ path: 'topics' }],
  })
})

t.test('names and client ids that are none', async t => {
  for (const name of ['', 'a b', 'é', 'x'.repeat(101), '../x', '<i>']) {
    t.throws(() => rightsOf('main', { name, role: 'guest', topics: [] }), {
      errors: [{ path: 'name' }],
    })
  }
  t.throws(() => rightsOf('main', { name: 'a', role: 'guest', topics: [], clientId: 'a b' }), {
    errors: [{ path: 'clientId' }],
  })
})
