// Goal: a wait follows the device's round trips between its bounds, and the last try has all the time
// that was configured.
import t from 'tap'
import { Pace } from '../../server/snmp/pace.ts'

t.test('a device that was never measured', async t => {
  const pace = new Pace(5000, false, null, null)
  t.same(
    [0, 1, 2, 3].map(attempt => pace.waitOf(attempt, false)),
    [1000, 2000, 4000, 5000],
  )
  t.equal(pace.waitOf(0, true), 5000, 'the last try')
  t.equal(new Pace(300, false, null, null).waitMs, 300, 'no longer than configured')
})

t.test('RFC 6298: the smoothed round trip and four times what it wavers by', async t => {
  const pace = new Pace(5000, false, null, null)
  pace.measured(200)
  t.same([pace.srttMs, pace.rttvarMs, pace.waitMs], [200, 100, 600])
  pace.measured(400)
  t.same([pace.srttMs, pace.rttvarMs, pace.waitMs], [225, 125, 725])
  for (let i = 0; i < 100; i++) pace.measured(1)
  t.equal(pace.waitMs, 250, 'never shorter')
  for (let i = 0; i < 100; i++) pace.measured(i % 2 ? 1 : 9000)
  t.equal(pace.waitMs, 5000, 'never longer')
})

t.test('what was learned before, and what is pinned', async t => {
  t.equal(new Pace(5000, false, 300, 50).waitMs, 500)
  const pinned = new Pace(800, true, 300, 50)
  pinned.measured(1)
  t.equal(pinned.waitMs, 800)
  t.equal(pinned.waitOf(0, false), 800)
})
