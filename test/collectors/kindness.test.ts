// Goal: large tables are read less often where the device suffers from it, for no other reason, and
// as often as before when it is calm again.

import t from 'tap'
import { createGovernor, type Governor } from '../../server/collectors/kindness.ts'
import { KIND } from '../../server/collectors/tuning.ts'

const AT = 1_795_320_000_000
const MINUTE = 60_000

/** A device that is read on and on; what a read shows is up to the test. */
function device(governor: Governor, show: (read: Shown) => Partial<Answer>) {
  let n = 0
  let sinceHeavy = 0
  let wasHeavy = true
  const factors: number[] = []
  return {
    factors,
    read(times: number) {
      for (let i = 0; i < times; i++) {
        const { factor } = governor.state
        const heavy = ++sinceHeavy >= factor
        if (heavy) sinceHeavy = 0
        const { before = 2, after = 2, cpu = null } = show({ n, factor, heavy, wasHeavy })
        const afterMs = heavy && governor.wantsAfter ? after : null
        const at = AT + n * MINUTE
        governor.observe({ at, heavy, beforeMs: before, afterMs, cpu })
        factors.push(governor.state.factor)
        wasHeavy = heavy
        n++
      }
      return governor.state
    },
  }
}
interface Shown {
  n: number
  factor: number
  heavy: boolean
  wasHeavy: boolean
}
interface Answer {
  before: number
  after: number | null
  cpu: number | null
}

t.test('a calm device is never spared, and hardly measured', async t => {
  const governor = createGovernor(KIND)
  let measured = 0
  const calm = device(governor, () => {
    if (governor.wantsAfter) measured++
    return { before: 2 + Math.random(), after: 3 + 5 * Math.random(), cpu: 20 + 30 * Math.random() }
  })
  t.same(calm.read(1000), KIND)
  t.ok(measured < 250, `${measured} of 1000 reads measured`)
})

t.test('answers that slow down while it is read: less and less often, then back', async t => {
  let isStrained = true
  const governor = createGovernor(KIND)
  const slow = device(governor, () => ({ before: 10, after: isStrained ? 400 : 12 }))
  slow.read(80)
  t.equal(governor.state.factor, 8)
  t.match(governor.state.reason, /from 10 to 400 ms/)
  t.ok(Number(governor.state.since) > AT)
  t.same([...new Set(slow.factors)], [1, 2, 4, 8], 'step by step, never beyond 8')
  isStrained = false
  slow.read(2000)
  t.same([...new Set(slow.factors.slice(80))], [8, 4, 2, 1], 'and back in the same steps')
  t.match(governor.state, { factor: 1, reason: null })
})

t.test('what is not our doing', async t => {
  const cases: Record<string, (read: Shown) => Partial<Answer>> = {
    'a line that is slow before and after': () => ({ before: 300, after: 420 }),
    'a line that became slow': ({ n }) => (n < 50 ? {} : { before: 300, after: 320 }),
    'an answer now and then that is late': ({ n }) => ({ after: n % 9 === 0 ? 900 : 3 }),
    'a few ms more': () => ({ before: 1, after: 60 }),
    'answers that were not measured': () => ({ before: 5, after: null }),
    'a CPU that is never high': () => ({ cpu: 75 }),
  }
  for (const [what, show] of Object.entries(cases)) {
    const governor = createGovernor(KIND)
    device(governor, show).read(400)
    t.same(governor.state, KIND, what)
  }
})

t.test('a CPU that is high by itself: asked once, and left alone for hours', async t => {
  const governor = createGovernor(KIND)
  const busy = device(governor, ({ n }) => ({ cpu: 88 + (n % 4) }))
  busy.read(360)
  const spared = busy.factors.filter(factor => factor > 1).length
  t.ok(spared > 0 && spared <= 12, `${spared} reads of six hours`)
  t.equal(governor.state.factor, 1)
  t.equal(Math.max(...busy.factors), 2)
  busy.read(24 * 60)
  const more = busy.factors.filter(factor => factor > 1).length
  t.ok(more <= 4 * spared, `${more} reads of thirty hours: it is asked ever more seldom`)
})

t.test(
  'a CPU that is high for us: spared, further where that is not enough, then back',
  async t => {
    let own = 0
    const governor = createGovernor(KIND)
    const loaded = device(governor, ({ wasHeavy }) => ({ cpu: wasHeavy ? 92 : 40 + own }))
    loaded.read(12)
    t.equal(governor.state.factor, 2)
    t.match(governor.state.reason, /being found out/)
    loaded.read(10)
    t.match(governor.state.reason, /52 points higher after reads/)
    loaded.read(60)
    t.ok(governor.state.factor >= 4, 'it is still high after each of them')
    own = -40
    const idle = device(governor, () => ({ cpu: 10 }))
    idle.read(2000)
    t.match(governor.state, { factor: 1, reason: null })
  },
)

t.test('a relapse: the next try to read as often as before waits longer', async t => {
  const governor = createGovernor(KIND)
  // It suffers whenever its tables are read at every interval, and is calm otherwise.
  const relapsing = device(governor, ({ factor }) => ({ before: 5, after: factor === 1 ? 500 : 6 }))
  relapsing.read(3000)
  const spells: number[] = []
  for (const [i, factor] of relapsing.factors.entries()) {
    if (factor === 2) spells[spells.length - 1] = (spells.at(-1) ?? 0) + 1
    else if (relapsing.factors[i + 1] === 2) spells.push(0)
  }
  t.ok(spells.length >= 4, `${spells.length} relapses`)
  t.ok((spells[2] ?? 0) > (spells[0] ?? 0), `${spells}`)
  t.ok(spells.length < 30, `${spells}`)
})

t.test('what was in force before a restart is in force after it', async t => {
  const before = { factor: 4, reason: 'its answers slow down', since: AT }
  const governor = createGovernor(before)
  t.same(governor.state, before)
  device(governor, () => ({})).read(500)
  t.equal(governor.state.factor, 1)
})
