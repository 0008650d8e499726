// Goal: a device of kind check goes the whole way: made by the API, tested, read, stored and shown.
// Method: the whole program, with a page of the test's own.

import { createServer } from 'node:http'
import t from 'tap'
import { until } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'
import { listening } from './parts.ts'

t.test('from the API to the page', async t => {
  let answers = 200
  const web = createServer((_, answer) => {
    answer.statusCode = answers
    answer.end('hello')
  })
  const url = `http://127.0.0.1:${await listening(t, web)}/<odd>`
  const { url: base, signIn } = await startTestProgram(t)
  const { cookie, csrf } = await signIn()
  const headers = { cookie, origin: base, 'x-csrf-token': csrf, 'content-type': 'application/json' }
  const post = (path: string, body: unknown) =>
    fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const device = {
    ...{ id: 'shop', name: 'Shop', kind: 'check', address: '127.0.0.1', every: '1s' },
    checks: [{ name: 'front', type: 'http', url, text: 'hello' }],
  }
  const bad = { ...device, checks: [{ name: 'front', type: 'tcp' }] }
  t.equal((await post('/api/v1/devices', bad)).status, 422)
  const made = await post('/api/v1/devices', device)
  t.equal(made.status, 201, await made.text())

  const page = async () => (await fetch(`${base}/devices/shop`, { headers: { cookie } })).text()
  const row = async () => {
    const text = await page()
    return text.includes('data-row="front"') || text.includes('>front<') ? text : null
  }
  const shown = await until(row, 'the check is on the page')
  t.notMatch(shown, /<odd>/)
  t.match(shown, /&lt;odd&gt;/)

  const latest = async () => {
    const answer = await fetch(`${base}/api/v1/devices/shop/latest`, { headers: { cookie } })
    return answer.text()
  }
  answers = 500
  await until(async () => /status 500/.test(await latest()), 'why it fails is stored')

  const form = await fetch(`${base}/devices/shop/edit`, { headers: { cookie } })
  t.equal(form.status, 200)
  t.match(await form.text(), /name="address"/)
})
