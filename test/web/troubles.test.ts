// Goal: while the broker is away every page says so, to a person who looks at states that are old;
// with all parts there no page does.

import t from 'tap'
import { freePort } from '../parts/find.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)

const PAGES = ['/', '/devices', '/devices/this-machine', '/devices/new', '/account']

t.test('a broker that is away', async t => {
  const nobody = `mqtt://127.0.0.1:${await freePort()}`
  const { url, signIn } = await startTestProgram(t, { env: { POLLUX_MQTT_URL: nobody } })
  const { cookie } = await signIn()
  for (const path of PAGES) {
    const html = await (await fetch(`${url}${path}`, { headers: { cookie } })).text()
    t.match(html, /id="troubles"><strong>MQTT broker not available/, path)
    t.match(html, /href="\/settings">What is wrong/, path)
  }
  const login = await (await fetch(`${url}/login`)).text()
  t.notMatch(login, 'MQTT broker', 'who is not signed in is told nothing')
})

t.test('all parts there', async t => {
  const { url, signIn } = await startTestProgram(t)
  const { cookie } = await signIn()
  for (const path of PAGES) {
    const html = await (await fetch(`${url}${path}`, { headers: { cookie } })).text()
    t.notMatch(html, 'id="troubles"', path)
  }
})
