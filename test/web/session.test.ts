// Goal: signing in leads to what was asked for and nowhere else; a session ends when it should, and
// nothing but the cookie that was given opens one; guessing is slowed; failures tell nothing.

import t from 'tap'
import { localPath } from '../../server/web/pages/login.ts'
import { type Answer, as, ask, FORM, people } from './people.ts'
import { signIn, startTestProgram } from './program.ts'

const test = await startTestProgram(t)
const { url } = test
const everybody = await people(test)

const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  ask(url, path, {
    method: 'POST',
    headers: { ...FORM, origin: url, ...headers },
    body: new URLSearchParams(fields).toString(),
  })
const cookieOf = (answer: Answer): string => String(answer.headers['set-cookie'] ?? '')
const isOpen = async (cookie: string): Promise<boolean> =>
  (await ask(url, '/devices', { headers: { cookie } })).status === 200

t.test('the page first asked for is the page after signing in', async t => {
  const asked = await ask(url, '/devices?state=down&q=a%20b')
  t.equal(asked.status, 303)
  const login = String(asked.headers.location)
  const next = new URL(login, url).searchParams.get('next') ?? ''
  t.equal(next, '/devices?state=down&q=a%20b')
  t.match((await ask(url, login)).body, /name="next" value="\/devices\?state=down&amp;q=a%20b"/)
  const fields = { name: 'admin', password: test.adminPassword, next }
  const answer = await post('/login', fields)
  t.equal(answer.status, 303)
  t.equal(answer.headers.location, next)
  t.match(cookieOf(answer), /^sid=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
})

t.test('another site is never the way', async t => {
  const elsewhere = [
    'http://evil.example',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/ /evil.example',
    '/\n/evil.example',
    'javascript:alert(1)',
    'devices',
    '',
    `/${'x'.repeat(3000)} `,
  ]
  for (const next of elsewhere) {
    t.equal(localPath(next), '/', JSON.stringify(next.slice(0, 30)))
    const page = await ask(url, `/login?next=${encodeURIComponent(next)}`)
    t.match(page.body, /name="next" value="\/"/)
  }
  t.equal(localPath('/devices/a?b=c#d'), '/devices/a?b=c#d')
})

t.test('the answer to a wrong sign-in is the same for every wrong', async t => {
  const answers = [
    await post('/login', { name: 'admin', password: 'wrong wrong wrong' }),
    await post('/login', { name: 'nobody-here', password: 'wrong wrong wrong' }),
    await post('/login', { name: 'admin' }),
    await post('/login', { name: "' or 1=1 --", password: "' or 1=1 --" }),
  ]
  for (const answer of answers) {
    t.equal(answer.status, 422)
    t.notOk(cookieOf(answer))
    t.match(answer.body, /Name or password is not right/)
    t.notMatch(answer.body, /wrong wrong wrong/)
  }
})

t.test('a cookie that was there before is not the session after', async t => {
  const planted = `sid=${'A'.repeat(43)}`
  const fields = { name: 'admin', password: test.adminPassword }
  const answer = await post('/login', fields, { cookie: planted })
  t.equal(answer.status, 303)
  t.notMatch(cookieOf(answer), 'AAAAAAAA')
  t.notOk(await isOpen(planted))
})

t.test('forged cookies open nothing and break nothing', async t => {
  const { cookie } = everybody.viewer
  const forged = [
    'sid=',
    'sid=null',
    'sid={"user":"admin"}',
    `sid=${'x'.repeat(7000)}`,
    cookie.slice(0, -1),
    `${cookie}A`,
    cookie.toUpperCase(),
    `__Host-${cookie}`,
    'sid=%00%0a%0d',
    'sid=__proto__; theme=__proto__',
  ]
  for (const one of forged) {
    const answer = await ask(url, '/devices', { headers: { cookie: one } })
    t.ok([303, 431].includes(answer.status), `${one.slice(0, 30)}: ${answer.status}`)
  }
  t.ok(await isOpen(cookie), 'the true one does')
})

t.test('signing out ends the session on the server', async t => {
  const person = await signIn(url, test.adminPassword)
  t.ok(await isOpen(person.cookie))
  const answer = await post('/logout', { _csrf: person.csrf }, { cookie: person.cookie })
  t.equal(answer.status, 303)
  t.match(cookieOf(answer), /^sid=; .*Expires=Thu, 01 Jan 1970/)
  t.notOk(await isOpen(person.cookie))
})

t.test('a new password ends all other sessions', async t => {
  const { technician } = everybody
  const other = await signIn(url, technician.password, 'test-technician')
  const change = (fields: Record<string, string>) =>
    post('/account/password', { _csrf: technician.csrf, ...fields }, { cookie: technician.cookie })
  const next = 'a much better phrase than that'
  const wrong = await change({ current: 'not it at all', next, again: next })
  t.equal(wrong.status, 422)
  const different = await change({ current: technician.password, next, again: `${next}!` })
  t.equal(different.status, 422)
  const weak = await change({
    current: technician.password,
    next: 'password1234',
    again: 'password1234',
  })
  t.equal(weak.status, 422)
  t.match(weak.body, /aria-invalid="true"/)
  t.ok(await isOpen(other.cookie), 'a refused change ends nothing')
  const right = await change({ current: technician.password, next, again: next })
  t.equal(right.status, 200)
  t.notOk(await isOpen(other.cookie), 'the other session is over')
  t.ok(await isOpen(technician.cookie), 'this one goes on')
  t.notMatch(right.body, next)
})

t.test('what a person may not see is refused in words, without a way in', async t => {
  const answer = await ask(url, '/devices/new', as(url, everybody.viewer))
  t.equal(answer.status, 403)
  t.match(answer.body, /your role \(viewer\) may not do this/)
  t.match(answer.body, /E_FORBIDDEN/)
  const missing = await ask(url, '/devices/no-such-device', as(url, everybody.viewer))
  t.equal(missing.status, 404)
  for (const { body } of [answer, missing]) {
    t.match(body, /request <span class="mono">[0-9a-f-]{36}/)
    t.notMatch(body, /\n\s+at \S+ \(|node_modules|server\/web/)
  }
})

t.test('guessing is slowed', async t => {
  const name = 'test-engineer'
  let answer = await post('/login', { name, password: 'guess number 0' })
  for (let i = 1; i < 11 && answer.status === 422; i++)
    answer = await post('/login', { name, password: `guess number ${i}` })
  t.equal(answer.status, 429)
  t.match(answer.body, /Too many tries: wait \d+ (s|min)/)
  t.ok(Number(answer.headers['retry-after']) >= 1)
  const right = await post('/login', { name, password: everybody.engineer.password })
  t.equal(right.status, 429, 'not even the right password, for a while')
  t.ok(await isOpen(everybody.engineer.cookie), 'who is signed in stays so')
})
