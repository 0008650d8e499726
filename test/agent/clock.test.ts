// Goal: whatever the host's clock says, samples get a time that the server believes: measured by
// acknowledgements, and moved neither by a clock that is set nor by a machine that sleeps.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { createServerClock, ownClock } from '../../agent/clock.ts'
import { readKnownTime, writeKnownTime } from '../../agent/clock-file.ts'
import { tempDir } from '../parts/find.ts'

const HOUR = 3_600_000

/** A host and a server, each with the clock that the test gives them. */
function world({ aheadMs = 0 } = {}) {
  const at = { steady: 50_000, wall: 1_000_000_000_000 + aheadMs, server: 1_000_000_000_000 }
  const told: (number | null)[] = []
  let known = 0
  const clock = createServerClock({
    wall: () => at.wall,
    steady: () => at.steady,
    onKnown: () => known++,
    onWrong: ahead => told.push(ahead),
  })
  let seq = 0
  const pass = (ms: number) => {
    at.steady += ms
    at.wall += ms
    at.server += ms
  }
  /** A message there and its acknowledgement back, which lay somewhere for `lateMs`. */
  const ack = ({ tripMs = 20, lateMs = 0, refused = false } = {}) => {
    seq++
    clock.sent(seq)
    pass(tripMs)
    const server = at.server
    pass(lateMs)
    clock.acked({
      seq: refused ? [] : [[seq, seq]],
      refused: refused ? [[seq, 'x']] : [],
      at: server,
    })
  }
  return { at, clock, told, ack, pass, known: () => known }
}

t.test('unknown until the server tells its time', async t => {
  const { clock, ack, known } = world({ aheadMs: HOUR })
  t.equal(clock.at(clock.steady()), null)
  t.equal(clock.aheadSeconds(), null)
  clock.acked({ seq: [[1, 99]], refused: [], at: 5 })
  t.equal(clock.at(clock.steady()), null, 'an acknowledgement of nothing that it sent')
  ack({ refused: true })
  t.not(clock.at(clock.steady()), null, 'a refusal tells the time too')
  ack()
  t.equal(known(), 1)
})

t.test('a clock an hour off, in either direction', async t => {
  for (const aheadMs of [HOUR, -HOUR]) {
    const { at, clock, told, ack, pass } = world({ aheadMs })
    const before = clock.steady()
    pass(5000)
    ack()
    t.same(told, [aheadMs / 1000])
    t.equal(clock.at(clock.steady()), at.server)
    t.equal(clock.at(before), at.server - 5020, 'also what was measured before')
    t.equal(clock.aheadSeconds(), aheadMs / 1000)
    at.wall -= aheadMs
    pass(1000)
    t.equal(clock.at(clock.steady()), at.server, 'set right while it runs')
    t.same(told, [aheadMs / 1000, null])
  }
})

t.test('a good clock stays its own, to the millisecond', async t => {
  const { at, clock, told, ack, pass } = world({ aheadMs: 300 })
  ack()
  pass(10_000)
  t.equal(clock.at(clock.steady()), at.wall)
  t.same(told, [])
  at.wall += HOUR
  t.equal(clock.at(clock.steady()), at.server, 'set wrong while no broker is there')
  t.match(told, { length: 1 })
  pass(30 * 24 * HOUR)
  t.ok(Math.abs((clock.at(clock.steady()) ?? 0) - at.server) < 5)
})

t.test('acknowledgements that lay at a broker tell nothing', async t => {
  const { at, clock, told, ack } = world()
  ack({ lateMs: HOUR })
  t.equal(clock.at(clock.steady()), null)
  ack({ lateMs: 5000 })
  t.equal(clock.at(clock.steady()), at.wall, 'some seconds of doubt are no wrong clock')
  ack()
  t.same(told, [])
})

t.test('the server that turns out wrong itself is followed', async t => {
  const { at, clock, ack } = world()
  ack()
  at.server += HOUR
  ack()
  t.equal(clock.at(clock.steady()), at.server)
})

t.test('an agent that starts again knows the time still', async t => {
  const { at, clock, ack, pass } = world({ aheadMs: HOUR })
  ack()
  pass(60_000)
  const steady = () => at.steady
  const next = createServerClock({
    ...{ wall: () => at.wall, steady, known: clock.known },
    onKnown: () => t.fail('it was known'),
    onWrong: () => undefined,
  })
  t.equal(next.at(steady()), at.server)
})

t.test('but not in another start of the host', async t => {
  const dir = await tempDir(t)
  const time = { server: 5, steady: 6, errorMs: 7 }
  t.equal(await readKnownTime(dir), null)
  await writeKnownTime(dir, time)
  t.same(await readKnownTime(dir), time)
  const file = path.join(dir, 'clock.json')
  for (const text of [JSON.stringify({ boot: 'another', time }), '{', '{"boot":""}', '[]', '']) {
    await writeFile(file, text)
    t.equal(await readKnownTime(dir), null, text)
  }
})

t.test('an old server tells no time', async t => {
  const { clock } = world()
  clock.sent(1)
  clock.acked({ seq: [[1, 1]], refused: [] })
  t.equal(clock.at(clock.steady()), null)
})

t.test("the server's own host", async t => {
  const clock = ownClock()
  t.ok(Math.abs((clock.at(clock.steady()) ?? 0) - Date.now()) < 1000)
  t.equal(clock.aheadSeconds(), 0)
})
