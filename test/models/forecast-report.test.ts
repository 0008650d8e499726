// The report card of a forecast, against numbers worked out by hand and series on which one model must
// win, none may be believed, or nothing can be said.

import t from 'tap'
import { cardOf, isWorse, judgeModels } from '../../server/models/forecast/report.ts'
import { randomOf } from './random.ts'

const DAY = 24
const WEEK = 168
const series = (hours: number, at: (hour: number) => number) =>
  Float64Array.from({ length: hours }, (_, hour) => at(hour))

t.test('steady growth: no error, and "as yesterday" is one day behind', async t => {
  const card = cardOf(
    'trend',
    series(WEEK, h => h / 2),
  )
  t.ok(card && card.mase < 1e-9)
  t.equal(card?.naive, 1)
  t.equal(card?.hours, 4 * DAY, 'four of seven days; three must be known before')
  t.ok((card?.coverage ?? 0) > 0.99)
})

t.test('the season wins where there is one', async t => {
  const random = randomOf(3)
  const day = (h: number) => Math.max(0, Math.sin((2 * Math.PI * h) / DAY))
  const busy = (h: number) => 50 + (Math.floor(h / DAY) % 7 < 5 ? 60 : 5) * day(h)
  const judged = judgeModels(series(5 * WEEK, h => busy(h) + 20 * random()))
  t.equal(judged?.model, 'seasonal')
  t.equal(judged?.isMuted, false)
  t.ok(judged && judged.card.mase < 0.9 * judged.card.naive)
})

t.test('the trend wins where there is no season', async t => {
  const judged = judgeModels(series(100, h => 20 + h / 10))
  t.equal(judged?.model, 'trend')
})

t.test('what is worse than naive is muted', async t => {
  t.ok(isWorse({ mase: 1.2, naive: 1, coverage: 0.8, hours: 100 }))
  t.notOk(isWorse({ mase: 1, naive: 1, coverage: 0.8, hours: 100 }))
  // Each evening something begins that is over by the next day: the trend falls for it.
  const judged = cardOf(
    'trend',
    series(WEEK, h => 10 + (Math.floor(h / DAY) % 2 ? 0 : 1) * (h % DAY) ** 2),
  )
  t.ok(judged && isWorse(judged), JSON.stringify(judged))
})

t.test('a constant is forecast without error and is not muted', async t => {
  for (const value of [0, 42, 1e15]) {
    const judged = judgeModels(new Float64Array(4 * WEEK).fill(value))
    t.equal(judged?.card.mase, 0, `${value}`)
    t.equal(judged?.card.coverage, 1)
    t.equal(judged?.isMuted, false)
  }
})

t.test('no card where there is nothing to compare', async t => {
  t.equal(judgeModels(new Float64Array(0)), null)
  t.equal(judgeModels(Float64Array.of(1, 2)), null)
  t.equal(judgeModels(new Float64Array(4 * WEEK).fill(Number.NaN)), null)
  t.equal(judgeModels(series(90, h => h)), null, 'less than four days')
  const everyOther = series(2 * WEEK, h => (Math.floor(h / DAY) % 2 ? Number.NaN : h))
  t.equal(judgeModels(everyOther), null, 'no two days that can be compared')
})

t.test('hostile series: a card of numbers, or none, and the same each time', async t => {
  const odd = [0, 1e15, -1e15, 1e308, Number.NaN, Number.NEGATIVE_INFINITY]
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomOf(seed * 6_151)
    const history = series(Math.floor(700 * random()), h =>
      random() < 0.1 ? (odd[Math.floor(odd.length * random())] ?? 0) : h + 9 * random(),
    )
    const judged = judgeModels(history)
    t.same(judged, judgeModels(history))
    if (!judged) continue
    const { mase, naive, coverage } = judged.card
    t.ok([mase, naive, coverage].every(Number.isFinite), `seed ${seed}: ${JSON.stringify(judged)}`)
    t.ok(coverage >= 0 && coverage <= 1)
  }
})
