// Goal: the second step is switched on by its owner alone and with a code of the app; from then on no
// password opens a session without a code, each code once; who lost both finds help.

import t from 'tap'
import { codeAt } from '../../server/auth/totp.ts'
import { type Answer, as, ask, FORM, type Person, people } from './people.ts'
import { startTestProgram } from './program.ts'
import { hidden, keyIn, poster, stepNow, switchOn } from './totp.ts'

const test = await startTestProgram(t)
const { url } = test
const everybody = await people(test)
const { admin, technician, engineer } = everybody

const post = poster(url)
const sidOf = (answer: Answer): string =>
  /sid=[\w-]{43}/.exec(String(answer.headers['set-cookie']))?.[0] ?? ''
const pageOf = async (person: Person) => (await ask(url, '/account', as(url, person))).body

/** The answer to the right password: a form that asks for the code. */
const byPassword = (person: Person) =>
  post('/login', { name: `test-${person.role}`, password: person.password, next: '/events' })
const byCode = (asked: Answer, code: string) =>
  post('/login/code', { ticket: hidden(asked, 'ticket'), next: hidden(asked, 'next'), code })

t.test('set-up: the password first, a right code of this key last', async t => {
  t.equal((await post('/account/totp/begin', { current: 'wrong' }, technician)).status, 422)
  const begun = await post('/account/totp/begin', { current: technician.password }, technician)
  t.equal(begun.status, 200)
  t.match(begun.body, /<svg class="qr-code" role="img"/)
  t.notMatch(begun.body, /otpauth:|https?:\/\/(?!www\.w3\.org)/, 'drawn here, by nobody else')
  const setup = hidden(begun, 'setup')
  const right = codeAt(keyIn(begun), stepNow())
  const wrong = String((Number(right) + 1) % 1_000_000).padStart(6, '0')
  const again = await post('/account/totp/confirm', { setup, code: wrong }, technician)
  t.equal(again.status, 422)
  t.same(keyIn(again), keyIn(begun), 'the same key is shown again')
  await post('/account/totp/confirm', { setup, code: right }, engineer)
  t.match(await pageOf(engineer), /totp\/begin/, "another's set-up is none")
  await post('/account/totp/confirm', { setup: `${setup}x`, code: right }, technician)
  t.match(await pageOf(technician), /totp\/begin/, 'nor a changed one')
  const byToken = await ask(url, '/account/totp/begin', {
    method: 'POST',
    headers: { ...FORM, authorization: technician.bearer },
    body: 'current=x',
  })
  t.equal(byToken.status, 403, 'a token has no account')
})

t.test('a password alone opens nothing; a code does, once', async t => {
  const { key, codes, used } = await switchOn(post, technician)
  t.notMatch(await pageOf(technician), codes[0], 'recovery codes are shown once')
  const asked = await byPassword(technician)
  t.equal(sidOf(asked), '', 'no session yet')
  t.notMatch(asked.body, technician.password)
  const ticket = hidden(asked, 'ticket')
  const stolen = await ask(url, '/devices', { headers: { cookie: `sid=${ticket}` } })
  t.equal(stolen.status, 303, 'the ticket is no session')
  t.equal(sidOf(await byCode(asked, used)), '', 'the code of the set-up was used')
  t.equal(sidOf(await byCode(asked, '')), '')
  const next = codeAt(key, stepNow() + 1)
  const entered = await byCode(asked, next)
  t.equal(entered.status, 303)
  t.equal(entered.headers.location, '/events')
  t.ok(sidOf(entered))
  t.equal(sidOf(await byCode(asked, next)), '', 'the same code again')
  t.equal(sidOf(await byCode(await byPassword(technician), codes[0] ?? '')) === '', false)
  t.equal(sidOf(await byCode(await byPassword(technician), codes[0] ?? '')), '', 'used')
  const typed = (codes[1] ?? '').toUpperCase().replace('-', ' ')
  t.ok(sidOf(await byCode(await byPassword(technician), typed)), 'however it is typed')
  t.match(await pageOf(technician), /8 recovery codes left/)
})

t.test('a ticket that is none', async t => {
  const asked = await byPassword(technician)
  const ticket = hidden(asked, 'ticket')
  for (const forged of [
    '',
    'x',
    ticket.slice(0, -3),
    ticket.replace('v1', 'v2'),
    '1 9999999999999 x',
  ])
    t.equal(sidOf(await post('/login/code', { ticket: forged, code: '123456' })), '', forged)
  // Somebody resets the password between the two steps.
  const id = /href="\/users\/(\d+)">test-technician</.exec(
    (await ask(url, '/users', as(url, admin))).body,
  )?.[1]
  const reset = await post(`/users/${id}/password`, {}, admin)
  technician.password = /<code class="mono">([^<]+)</.exec(reset.body)?.[1] ?? ''
  const late = await post('/login/code', { ticket, code: '123456' })
  t.match(late.body, /name="password"/, 'the new password comes first')
})

t.test('codes are not to be guessed, and an administrator helps who lost the phone', async t => {
  const asked = await byPassword(technician)
  let waits = 0
  for (let guess = 0; guess < 12 && waits === 0; guess++) {
    const answer = await byCode(asked, String(100_000 + guess))
    if (answer.status === 429) waits = Number(answer.headers['retry-after'])
  }
  t.ok(waits >= 1, `a guesser waits ${waits} s`)
  const users = (await ask(url, '/users', as(url, admin))).body
  t.match(users, /id="slowed"/, 'and an administrator sees it')
  const id = /href="\/users\/(\d+)">test-technician</.exec(users)?.[1]
  t.equal((await post(`/users/${id}/totp-off`, {}, engineer)).status, 403)
  t.equal((await post(`/users/${id}/totp-off`, {}, admin)).status, 303)
  const audit = await ask(url, '/audit?action=user.totp-off', as(url, admin))
  t.match(audit.body, /test-technician/)
})

t.test('sessions: each with its place, ended one by one or all at once', async t => {
  const other = sidOf(await byPassword(engineer))
  const before = await pageOf(engineer)
  const ids = [...before.matchAll(/action="\/account\/sessions\/([0-9a-f]{16})\/end"/g)].map(
    one => one[1],
  )
  t.equal(ids.length, 1, 'the other one; this one has no button')
  t.notMatch(before, other.slice(4), 'what the cookie holds is not on the page')
  await post(`/account/sessions/${ids[0]}/end`, {}, admin)
  t.equal(
    (await ask(url, '/devices', { headers: { cookie: other } })).status,
    200,
    'not by another',
  )
  t.equal((await post(`/account/sessions/${ids[0]}/end`, {}, engineer)).status, 303)
  t.equal((await ask(url, '/devices', { headers: { cookie: other } })).status, 303, 'it is over')
  const third = sidOf(await byPassword(engineer))
  t.equal((await post('/account/sessions/end', {}, engineer)).headers.location, '/login')
  for (const cookie of [third, engineer.cookie])
    t.equal((await ask(url, '/devices', { headers: { cookie } })).status, 303, 'everywhere')
})
