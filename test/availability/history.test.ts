// Goal: what judge sees becomes the history that availability is counted from, also when the store is
// away, a clock is set, or the broker is gone.
// Method: the keeper of the history alone, with clocks of the test's own and a store that may fail.

import t, { type Test } from 'tap'
import { createStateHistory } from '../../server/alarms/history.ts'
import { createLog } from '../../server/log.ts'
import { type StateChange, stateRenewMs, type Watch } from '../../server/store/states.ts'

const START = 1_800_000_000_000

function keeping(_: Test) {
  let [wall, mono] = [START, 0]
  let isAway = false
  const written: { changes: StateChange[]; watch: Watch }[] = []
  const history = createStateHistory({
    store: {
      async write(changes, watch) {
        if (isAway) throw new Error('away')
        written.push({ changes: [...changes], watch })
      },
    },
    log: createLog('silent'),
    now: () => wall,
    mono: () => mono,
  })
  return {
    history,
    written,
    away: (is: boolean) => {
      isAway = is
    },
    /** Time goes on; `set`: somebody set the clock by so much. */
    async pass(ms: number, { hearing = true, set = 0 } = {}) {
      wall += ms + set
      mono += ms
      history.tick(hearing)
      for (let i = 0; i < 20; i++) await Promise.resolve()
    },
    changes: () =>
      written
        .flatMap(one => one.changes)
        .map(({ deviceUid, at, state, until }) => [
          ...[deviceUid, at - START, state],
          until === null ? null : until - START,
        ]),
    watches: () => {
      const last = new Map(written.map(({ watch }) => [watch.id, watch]))
      return [...last.values()].map(({ from, until }) => [from - START, until - START])
    },
  }
}

t.test('only what changes is written, with until when that is all', async t => {
  const { history, pass, changes, watches } = keeping(t)
  await pass(0)
  await pass(1000)
  history.seen(1, 'up', START + 500)
  history.seen(1, 'up', START + 900)
  history.seen(2, 'down', START - 5000)
  history.seen(3, 'up', START + 60_000)
  await pass(30_000)
  t.same(changes(), [
    [1, 500, 'up', null],
    [2, 0, 'down', null],
    [3, 1000, 'up', null],
  ])
  t.same(watches(), [[0, 31_000]], 'times before the watch and ahead of us are drawn to us')
  history.seen(1, 'down', START + 40_000)
  await history.close()
  t.same(changes().at(-1), [1, 31_000, 'down', null])
})

t.test('what comes late from a spool takes the place of what was guessed', async t => {
  const { history, pass, changes } = keeping(t)
  await pass(0)
  history.seen(1, 'up', START)
  await pass(100_000)
  history.seen(1, 'unknown', START + 60_000)
  history.seen(1, 'up', START + 50_000)
  await history.close()
  t.same(changes(), [
    [1, 0, 'up', null],
    [1, 60_000, 'unknown', null],
    [1, 50_000, 'up', 60_000],
  ])
})

t.test('while nothing can be heard nothing is known, and afterwards all is said anew', async t => {
  const { history, pass, changes, watches } = keeping(t)
  await pass(0)
  history.seen(1, 'up', START)
  await pass(40_000)
  await pass(10_000, { hearing: false })
  await pass(100_000, { hearing: false })
  await pass(50_000)
  history.seen(1, 'up', START + 199_000)
  await history.close()
  t.same(watches(), [
    [0, 40_000],
    [200_000, 200_000],
  ])
  t.same(changes(), [
    [1, 0, 'up', null],
    [1, 200_000, 'up', null],
  ])
})

t.test('a short absence of the broker is none: what was said meanwhile still comes', async t => {
  const { history, pass, changes, watches } = keeping(t)
  await pass(0)
  history.seen(1, 'up', START)
  await pass(40_000)
  await pass(20_000, { hearing: false })
  t.same(watches(), [[0, 40_000]], 'nothing is told of that time yet')
  await pass(5000)
  await history.close()
  t.same(watches(), [[0, 65_000]])
  t.equal(changes().length, 1)
})

t.test('a clock that is set ends the watch, forwards and backwards', async t => {
  const { history, pass, watches } = keeping(t)
  await pass(0)
  history.seen(1, 'up', START)
  await pass(31_000)
  await pass(1000, { set: 7_200_000 })
  history.seen(1, 'up', START + 7_232_000)
  await pass(31_000)
  await pass(1000, { set: -7_200_000 })
  await history.close()
  t.same(watches(), [
    [0, 31_000],
    [7_232_000, 7_263_000],
    [64_000, 64_000],
  ])
})

t.test('the store is away: nothing is lost, and nothing is told that is not stored', async t => {
  const { history, pass, changes, watches, away } = keeping(t)
  await pass(0)
  away(true)
  history.seen(1, 'up', START)
  await pass(31_000)
  history.seen(1, 'down', START + 31_000)
  await pass(31_000)
  t.same(watches(), [[0, 0]], 'what was stored ends where it ended')
  away(false)
  await pass(31_000)
  t.same(changes(), [
    [1, 0, 'up', null],
    [1, 31_000, 'down', null],
  ])
  t.same(watches(), [[0, 93_000]])
})

t.test('it is away for long, with more than may wait: that time is not known', async t => {
  const { history, pass, watches, away, changes } = keeping(t)
  await pass(0)
  away(true)
  for (let uid = 0; uid < 100_001; uid++) history.seen(uid, 'up', START)
  await pass(31_000)
  away(false)
  await pass(31_000)
  await history.close()
  t.same(changes(), [])
  t.same(watches(), [
    [0, 0],
    [62_000, 62_000],
  ])
})

t.test('states are said anew so often that a reader need not look back far', async t => {
  const { history, pass, changes } = keeping(t)
  await pass(0)
  history.seen(1, 'up', START)
  history.seen(2, 'up', START)
  history.forget(2)
  await pass(stateRenewMs)
  await history.close()
  t.same(changes().at(-1), [1, stateRenewMs, 'up', null])
  t.equal(changes().length, 3)
})
