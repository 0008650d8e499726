// The anomaly score of one series: what stands out scores, what does not stays quiet, whatever values,
// times and gaps come; and its state survives being written down.

import t from 'tap'
import { createVerdict, step, type Verdict } from '../../server/models/anomaly/score.ts'
import {
  createState,
  decodeState,
  encodeState,
  STATE_BYTES,
  type State,
} from '../../server/models/anomaly/state.ts'
import { randomOf } from './random.ts'

const MINUTE = 60_000
const EVERY = 5 * MINUTE
const DAY_ROWS = 288
/** From here on it is an anomaly. */
const HIGH = 0.5

interface Fed extends Verdict {
  at: number
}

function feed(
  state: State,
  rows: number,
  value: (i: number) => number | null,
  { from = 0, every = EVERY, at = (i: number) => from + i * every } = {},
): Fed[] {
  return Array.from({ length: rows }, (_, i) => {
    const verdict = createVerdict()
    const one = value(i)
    const score = step(state, at(i), one, one === null ? 'timeout' : null, verdict)
    if (score !== verdict.score) throw new Error('the score and its verdict differ')
    return { ...verdict, at: at(i) }
  })
}

const highOf = (fed: readonly Fed[]) => fed.filter(({ score }) => score >= HIGH)
const wave = (i: number) => 50 + 20 * Math.sin((2 * Math.PI * i) / DAY_ROWS)
const noisy = (seed: number) => {
  const random = randomOf(seed)
  return (i: number) => wave(i) + 2 * (random() + random() - 1)
}

t.test('a spike, a moved level and a wrong hour score, with what they are', async t => {
  const value = noisy(1)
  const state = createState()
  const learned = feed(state, 10 * DAY_ROWS, value).slice(DAY_ROWS)
  t.same(highOf(learned), [], 'a noisy wave is quiet from the second day on')
  const from = 10 * DAY_ROWS * EVERY
  const after = (change: (value: number, i: number) => number) => {
    const copy = decodeState(encodeState(state))
    if (!copy) throw new Error('no copy')
    return feed(copy, 60, i => change(value(10 * DAY_ROWS + i), i), { from })
  }
  const [spike] = highOf(after((value, i) => (i === 30 ? value + 60 : value)))
  t.equal(spike?.at, from + 30 * EVERY)
  t.ok((spike?.times ?? 0) > 10, `${spike?.times} times the usual`)
  t.equal(spike?.outside, true)
  t.ok(highOf(after(value => value + 40)).length > 0, 'a moved level')
  const [night] = highOf(after((_, i) => 30 + (i % 2)))
  t.match(night, { unjudged: null })
  t.same(highOf(after(value => value)), [], 'and as ever: nothing')
})

t.test('what lasts is told once, not with each sample', async t => {
  const value = noisy(2)
  const state = createState()
  feed(state, 5 * DAY_ROWS, value)
  const fed = feed(state, 100, i => value(i) + 100, { from: 5 * DAY_ROWS * EVERY })
  t.ok(highOf(fed).length > 0 && highOf(fed).length <= 5, `${highOf(fed).length} of 100`)
})

t.test('series of equal shape score equally, whatever their unit', async t => {
  const scores = (factor: number) => {
    const random = randomOf(3)
    const fed = feed(createState(), 1_000, i => factor * (100 + random() + (i === 800 ? 30 : 0)))
    return fed.map(({ score }) => score)
  }
  const small = scores(1)
  const large = scores(1_024)
  t.ok((small[800] ?? 0) >= HIGH)
  t.ok(small.every((score, i) => Math.abs(score - (large[i] ?? 2)) < 1e-6))
})

t.test('nothing unusual in a constant, in two values, in gaps alone', async t => {
  for (const constant of [0, 45, -1e15, 1e-7])
    t.same(highOf(feed(createState(), 2_000, () => constant)), [], `always ${constant}`)
  t.same(highOf(feed(createState(), 2_000, i => i % 2)), [], 'two values')
  const random = randomOf(4)
  t.same(highOf(feed(createState(), 2_000, () => (random() < 0.3 ? 1 : 0))), [], 'at random')
  const state = createState()
  const gaps = feed(state, 2_000, () => null)
  t.ok(gaps.every(({ unjudged, score }) => unjudged === 'gap' && score === 0))
  t.same(encodeState(state), encodeState(createState()), 'a gap teaches nothing')
})

t.test('the first change of a constant is one', async t => {
  const fed = feed(createState(), 1_000, i => (i === 900 ? 46 : 45))
  t.equal(highOf(fed)[0]?.at, 900 * EVERY)
})

t.test('numbers that are none are not judged and teach nothing', async t => {
  const state = createState()
  feed(state, 500, noisy(5))
  const before = encodeState(state)
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e200, -1e308]
  for (const value of odd) {
    const [fed] = feed(state, 1, () => value, { from: 500 * EVERY })
    t.match(fed, { unjudged: 'number', score: 0, unusual: 0 }, String(value))
  }
  for (const at of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300])
    t.match(feed(state, 1, () => 50, { at: () => at })[0], { unjudged: 'number' }, `at ${at}`)
  t.same(encodeState(state), before)
})

t.test('a step of 1e15 and back is an event, and is forgotten', async t => {
  const value = noisy(6)
  const state = createState()
  feed(state, 5 * DAY_ROWS, value)
  const from = 5 * DAY_ROWS * EVERY
  const fed = feed(state, 3 * DAY_ROWS, i => (i === 10 ? 1e15 : value(i)), { from })
  t.equal(highOf(fed)[0]?.at, from + 10 * EVERY)
  t.ok(highOf(fed).length < 10, `${highOf(fed).length} scores for one outlier`)
  const again = feed(state, 60, i => value(i) + (i === 30 ? 100 : 0), {
    from: from + 3 * DAY_ROWS * EVERY,
  })
  t.equal(highOf(again)[0]?.at, from + (3 * DAY_ROWS + 30) * EVERY, 'the next spike is seen')
})

t.test('a unit that changes is one event, and then usual', async t => {
  const value = noisy(7)
  const state = createState()
  feed(state, 5 * DAY_ROWS, value)
  const fed = feed(state, 10 * DAY_ROWS, i => 8 * value(i), { from: 5 * DAY_ROWS * EVERY })
  t.ok(highOf(fed.slice(0, 3)).length > 0, 'at once')
  t.ok(highOf(fed).length < 20, `${highOf(fed).length} scores in ten days`)
  t.same(highOf(fed.slice(-2 * DAY_ROWS)), [], 'usual in the end')
})

t.test('another interval is learned before it is judged', async t => {
  const random = randomOf(8)
  const state = createState()
  const rows = 3_000
  const noise = () => 50 + random()
  feed(state, rows, noise, { every: 10_000 })
  const fed = feed(state, 1_000, noise, { from: rows * 10_000, every: EVERY })
  t.ok(highOf(fed).length <= 2, `no storm: ${highOf(fed).length} scores`)
  t.ok(fed.some(({ unjudged }) => unjudged === 'interval'))
  t.equal(fed.at(-1)?.unjudged, null, 'judged again')
})

t.test('a clock that jumps is neither a storm nor the end', async t => {
  for (const jump of [-365 * 86_400_000, -3_300_000, 0, 365 * 86_400_000]) {
    const random = randomOf(9)
    const state = createState()
    const start = 400 * 86_400_000
    feed(state, 1_000, () => 50 + random(), { from: start })
    const from = start + 999 * EVERY + jump
    const fed = feed(state, 500, () => 50 + random(), { from })
    t.same(highOf(fed), [], `by ${jump} ms`)
    if (jump < 0) t.equal(fed[0]?.unjudged, 'clock')
    t.equal(fed.at(-1)?.unjudged, null, 'judged again')
  }
})

t.test('one state, one result: a restart in between changes nothing', async t => {
  const value = noisy(10)
  const values = Array.from({ length: 2_000 }, (_, i) => (i % 97 === 0 ? null : value(i)))
  const run = (restartAt: number) => {
    let state = createState()
    return values.map((one, i) => {
      if (i === restartAt) state = decodeState(encodeState(state)) ?? createState()
      return feed(state, 1, () => one, { from: i * EVERY })[0]
    })
  }
  const whole = run(-1)
  t.same(run(-1), whole, 'the same again')
  for (const at of [1, 149, 1_234]) t.same(run(at), whole, `a restart at ${at}`)
})

t.test('a state cut short, damaged or of another version is none', async t => {
  const state = createState()
  feed(state, 700, noisy(11))
  const bytes = encodeState(state)
  t.same(decodeState(bytes), state)
  for (const length of [0, 1, 8, STATE_BYTES, bytes.length - 1])
    t.equal(decodeState(bytes.slice(0, length)), null, `${length} bytes`)
  t.equal(decodeState(new Uint8Array([...bytes, 0])), null, 'one too many')
  for (const at of [0, 4, 8, 300, bytes.length - 1]) {
    const damaged = bytes.slice()
    damaged[at] = (damaged[at] ?? 0) ^ 1
    t.equal(decodeState(damaged), null, `byte ${at}`)
  }
  const inside = new Uint8Array(bytes.length + 3)
  inside.set(bytes, 3)
  t.same(decodeState(inside.subarray(3)), state, 'a piece of a larger buffer')
})

t.test('whatever comes: a finite score from 0 to 1, and a state that can be kept', async t => {
  const odd = [0, -0, 1e15, -1e15, 9e99, -9e99, 1e-300, Number.NaN, Number.POSITIVE_INFINITY]
  for (let seed = 100; seed < 140; seed++) {
    const random = randomOf(seed)
    const state = createState()
    let at = 1e12
    for (let i = 0; i < 400; i++) {
      const value =
        random() < 0.2 ? (odd[Math.floor(random() * odd.length)] ?? 0) : random() * 10 ** (seed % 9)
      at += random() < 0.05 ? (random() - 0.5) * 1e12 : random() * EVERY
      const verdict = createVerdict()
      const score = step(state, at, value, random() < 0.05 ? 'reset' : null, verdict)
      const { unusual, times } = verdict
      if (!(score >= 0 && score <= unusual && unusual < 1 && Number.isFinite(times)))
        t.fail(`seed ${seed}, sample ${i}: ${JSON.stringify(verdict)}`)
    }
    t.same(decodeState(encodeState(state)), state, `seed ${seed}`)
  }
})
