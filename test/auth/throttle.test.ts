// Guessing is slowed by account and address and by address, and nobody is locked out for good.
import t from 'tap'
import { createThrottle } from '../../server/auth/throttle.ts'

t.test('the fifth failure begins to cost, the tenth ends the window', async t => {
  const throttle = createThrottle()
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
