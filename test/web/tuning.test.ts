// Goal: what was learned about a device is on its page, what an admin fixes in the form is in its
// document, and a device that is spared says so.
import path from 'node:path'
import t from 'tap'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { until } from '../parts/find.ts'
import { ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const test = await startTestProgram(t, { network: true, every: '1s' })
const { url, program } = test
const { admin, viewer } = await people(test)
const port = test.network?.devices.find(({ id }) => id === 'app-01')?.port
const page = async (path: string, who = admin) =>
  (await ask(url, path, { headers: { cookie: who.cookie } })).body

t.test('what the engine learned is in words', async t => {
  await until(
    async () => (await page('/devices/app-01')).includes('How it is asked'),
    'tuning',
    60_000,
  )
  const body = await page('/devices/app-01')
  t.match(body, /<dt>Round trip<\/dt><dd>[\d.]+ ms ± [\d.]+ ms/)
  t.match(body, /<dt>Tables by<\/dt><dd>GETBULK/)
  t.match(body, /<td>Interfaces<\/td><td class="number">2<\/td><td class="number">\d+<\/td>/)
  t.notMatch(body, 'fixed</span>', 'nothing is fixed')
  t.notMatch(body, 'to spare the device')
})

t.test('what an admin fixes', async t => {
  const form = await page('/devices/app-01/edit')
  t.match(form, 'name="tuning.repetitions"')
  const version = /name="_version" value="(\d+)"/.exec(form)?.[1] ?? ''
  const send = (more: Record<string, string>) =>
    ask(url, '/devices/app-01', {
      method: 'POST',
      headers: { ...FORM, origin: url, cookie: admin.cookie },
      body: new URLSearchParams({
        ...{ _csrf: admin.csrf, _version: version, id: 'app-01', kind: 'snmp', enabled: 'on' },
        ...{ name: 'app-01', address: '127.0.0.1', port: String(port), profiles: 'auto' },
        ...{ 'credentials.version': '2c', every: '1s', timeout: '1s', retries: '1' },
        ...more,
      }).toString(),
    })
  const refused = await send({ 'tuning.repetitions': '0', 'tuning.inFlight': '99' })
  t.equal(refused.status, 422)
  t.match(refused.body, 'href="#tuning.repetitions"')
  t.match(refused.body, 'href="#tuning.inFlight"')
  const saved = await send({
    ...{ 'tuning.repetitions': '5', 'tuning.timeout': 'fixed', 'tuning.kindness': 'off' },
  })
  t.equal(saved.status, 303)
  t.same((await program.devices.get('app-01'))?.config.tuning, {
    repetitions: 5,
    timeout: 'fixed',
    kindness: 'off',
  })
  await until(
    async () =>
      /Rows in one request<\/dt><dd>5 <span class="muted">fixed/.test(
        await page('/devices/app-01'),
      ),
    'the fixed value on the page',
    30_000,
  )
})

t.test('a device that is spared', async t => {
  const device = await program.devices.get('app-02')
  if (!device) throw new Error('no app-02')
  const reason = 'its answers <b>slow</b> down while tables are read'
  const tuning = { at: Date.now(), snmp: null, kindness: { factor: 4, reason, since: 1 } }
  const paused = await ask(url, '/devices/app-02/pause', {
    method: 'POST',
    headers: { ...FORM, origin: url, cookie: admin.cookie },
    body: new URLSearchParams({ _csrf: admin.csrf }).toString(),
  })
  t.equal(paused.status, 303)
  const file = path.join(test.dataDir, 'pollux.db')
  const store = await openStore({ url: `sqlite:${file}`, log: silentLog })
  await store.devices.setTuning(device.uid, tuning)
  await store.close()
  const { config, version } = (await program.devices.get('app-02')) ?? device
  await program.devices.update('app-02', { ...config, location: 'rack b' }, version, {
    name: 'test',
    address: '',
  })
  const body = await page('/devices/app-02')
  t.match(
    body,
    'Its large tables are read only every 4th time, to spare the device: its answers &lt;b&gt;slow',
  )
  t.match(body, '/devices/app-02/edit#tuning.kindness')
  t.notMatch(await page('/devices/app-02', viewer), '#tuning.kindness', 'no link for who may not')
})
