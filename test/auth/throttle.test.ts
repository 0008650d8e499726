// Guessing is slowed by account and address and by address, and nobody is locked out for good.
import t from 'tap'
import { createThrottle } from '../../server/auth/throttle.ts'

t.test('the fifth failure begins to cost, the tenth ends the window', async t => {
  const throttle = createThrottle()
  throttle.cameFrom('ann', '10.0.0.1')
  for (let i = 0; i < 4; i++) throttle.failed('ann', '10.0.0.1', 1000)
  t.equal(throttle.waitMs('ann', '10.0.0.1', 1000), 0)
  throttle.failed('ann', '10.0.0.1', 1000)
  t.equal(throttle.waitMs('ann', '10.0.0.1', 1000), 1000)
  t.equal(throttle.waitMs('Ann', '10.0.0.1', 2000), 0, 'the wait passes')
  for (let i = 0; i < 5; i++) throttle.failed('ann', '10.0.0.1', 2000)
  t.ok(throttle.waitMs('ann', '10.0.0.1', 60_000) > 800_000)
  t.equal(throttle.waitMs('ann', '10.0.0.2', 60_000), 0, 'from elsewhere she may')
  t.equal(throttle.waitMs('ann', '10.0.0.1', 1000 + 16 * 60_000), 0, 'the window passes')
})

t.test('one address with many names is stopped too', async t => {
  const throttle = createThrottle()
  for (let i = 0; i < 100; i++) throttle.failed(`user${i}`, '10.0.0.1', 0)
  t.ok(throttle.waitMs('anyone', '10.0.0.1', 1000) > 0)
  t.equal(throttle.waitMs('anyone', '10.0.0.2', 1000), 0)
})

t.test('success forgets the failures of that account', async t => {
  const throttle = createThrottle()
  for (let i = 0; i < 9; i++) throttle.failed('ann', 'a', 0)
  throttle.succeeded('ann', 'a')
  t.equal(throttle.waitMs('ann', 'a', 0), 0)
})

t.test('guesses from everywhere slow the account for strangers, and its owner never', async t => {
  const throttle = createThrottle()
  throttle.succeeded('ann', '10.9.9.9')
  for (let i = 0; i < 1000; i++) throttle.failed('ann', `10.0.${i >> 8}.${i & 255}`, 5000)
  const wait = throttle.waitMs('ann', '10.1.1.1', 5000)
  t.ok(wait > 0 && wait <= 32_000, `a stranger waits ${wait} ms, half a minute at most`)
  t.equal(throttle.waitMs('ann', '10.9.9.9', 5000), 0, 'from where she signed in before, at once')
  t.equal(throttle.waitMs('bob', '10.1.1.1', 5000), 0, 'others are not concerned')
  const { name, address } = throttle.slowed(5000)[0] ?? {}
  t.same([name, address], ['ann', null], 'and an administrator sees who')
  t.same(throttle.slowed(5000 + 16 * 60_000), [], 'until it is over')
})

t.test('an address of version 6 counts with its whole /64', async t => {
  const throttle = createThrottle()
  for (let i = 0; i < 10; i++) throttle.failed('ann', `2001:db8:0:1::${i.toString(16)}`, 0)
  t.ok(throttle.waitMs('ann', '2001:db8::1:ffff:0:0:9', 1000) > 0, 'the same network')
  t.ok(throttle.waitMs('ann', '2001:0db8:0000:0001:1:2:3:4', 1000) > 0, 'however it is written')
  t.equal(throttle.waitMs('ann', '2001:db8:0:2::1', 1000), 0, 'another one')
})

t.test('however a name is written, it is one account', async t => {
  const throttle = createThrottle()
  throttle.cameFrom(' aNn', 'a')
  for (const name of ['Ann', ' ann', 'ANN ', 'ann', 'aNN']) throttle.failed(name, 'a', 0)
  t.equal(throttle.waitMs('ann', 'a', 0), 1000)
})

t.test('where an account never signed in from, the second failure costs already', async t => {
  const throttle = createThrottle()
  const waits = (now: number) =>
    ['10.0.0.1', '10.0.0.2'].map(address => throttle.waitMs('ann', address, now))
  throttle.cameFrom('ann', '10.0.0.1')
  for (const address of ['10.0.0.1', '10.0.0.2']) throttle.failed('ann', address, 0)
  t.same(waits(0), [0, 0], 'a slip is free')
  for (const address of ['10.0.0.1', '10.0.0.2']) throttle.failed('ann', address, 0)
  t.same(waits(0), [0, 1000])
  throttle.failed('ann', '10.0.0.2', 1000)
  t.same(waits(1000), [0, 2000])
  throttle.succeeded('ann', '10.0.0.2')
  for (let i = 0; i < 4; i++) throttle.failed('ann', '10.0.0.2', 3000)
  t.same(waits(3000), [0, 0], 'from now on it is known')
})
