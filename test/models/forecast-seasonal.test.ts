// The seasonal forecast: that it finds a season, that its range holds what it says, and that hostile
// series give either nothing or finite numbers.

import t from 'tap'
import { forecastSeasonal, type HourlyForecast } from '../../server/models/forecast/seasonal.ts'
import { randomOf } from './random.ts'

const DAY = 24
const WEEK = 168
const AHEAD = 48

const series = (hours: number, at: (hour: number) => number) =>
  Float64Array.from({ length: hours }, (_, hour) => at(hour))

/** An office: busy by day, quiet at weekends. */
const office = (hour: number) =>
  100 +
  (Math.floor(hour / DAY) % 7 < 5 ? 80 : 10) * Math.max(0, Math.sin((2 * Math.PI * hour) / DAY))

const isAllFinite = ({ middle, low, high }: HourlyForecast) =>
  [...middle, ...low, ...high].every(Number.isFinite)

t.test('a daily and weekly season is continued', async t => {
  const random = randomOf(7)
  const whole = series(6 * WEEK + AHEAD, hour => office(hour) * (1 + 0.02 * (random() - 0.5)))
  const forecast = forecastSeasonal(whole.subarray(0, -AHEAD), AHEAD)
  t.ok(forecast)
  const truth = whole.subarray(-AHEAD)
  const worst = Math.max(...truth.map((v, h) => Math.abs(v - (forecast?.middle[h] ?? 0))))
  t.ok(worst < 10, `worst error ${worst} of a wave of 80`)
})

t.test('the range holds about 80 of 100 true values', async t => {
  let held = 0
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomOf(seed * 7919)
    const noise = () => random() + random() + random() - 1.5
    const whole = series(5 * WEEK + AHEAD, hour => office(hour) + 15 * noise())
    const forecast = forecastSeasonal(whole.subarray(0, -AHEAD), AHEAD)
    for (const [h, real] of whole.subarray(-AHEAD).entries())
      if (forecast && real >= (forecast.low[h] ?? 0) && real <= (forecast.high[h] ?? 0)) held++
  }
  const share = held / (40 * AHEAD)
  t.ok(share > 0.72 && share < 0.9, `${(100 * share).toFixed(1)} %`)
})

t.test('gaps are not learned as values', async t => {
  const random = randomOf(11)
  const whole = series(4 * WEEK, hour => (random() < 0.2 ? Number.NaN : office(hour)))
  for (let hour = 300; hour < 340; hour++) whole[hour] = Number.NaN
  const forecast = forecastSeasonal(whole, AHEAD)
  t.ok(forecast)
  for (let h = 0; h < AHEAD; h++)
    t.ok(Math.abs((forecast?.middle[h] ?? 0) - office(4 * WEEK + h)) < 25, `hour ${h}`)
})

t.test('what cannot be forecast is not', async t => {
  t.equal(forecastSeasonal(new Float64Array(0), AHEAD), null, 'nothing')
  t.equal(forecastSeasonal(new Float64Array(WEEK).fill(Number.NaN), AHEAD), null, 'all gaps')
  t.equal(forecastSeasonal(Float64Array.of(1, 2), AHEAD), null, 'two values')
  t.equal(forecastSeasonal(series(100, office), AHEAD), null, 'four days')
  const sparse = series(4 * WEEK, hour => (hour % 3 === 0 ? 5 : Number.NaN))
  t.equal(forecastSeasonal(sparse, AHEAD), null, 'one hour of three')
  t.equal(
    forecastSeasonal(
      series(WEEK, h => (h % 2 ? 1e308 : -1e308)),
      AHEAD,
    ),
    null,
    'overflow',
  )
})

t.test('a constant stays what it is', async t => {
  for (const value of [0, 5, -3, 1e15]) {
    const forecast = forecastSeasonal(new Float64Array(4 * WEEK).fill(value), AHEAD)
    const worst = Math.max(...(forecast?.middle ?? [Number.NaN]).map(v => Math.abs(v - value)))
    t.ok(worst <= Math.abs(value) * 1e-9, `${value}`)
  }
})

t.test('hostile series: finite or nothing, and the same each time', async t => {
  const odd = [0, 1e15, -1e15, 1e-300, Number.NaN, Number.POSITIVE_INFINITY]
  for (let seed = 1; seed <= 100; seed++) {
    const random = randomOf(seed * 104_729)
    const oddShare = random() < 0.5 ? 0.01 : 0.3
    const history = series(100 + Math.floor(600 * random()), () =>
      random() < oddShare ? (odd[Math.floor(odd.length * random())] ?? 0) : 100 * random(),
    )
    const one = forecastSeasonal(history, AHEAD)
    t.ok(one === null || isAllFinite(one), `seed ${seed}`)
    t.same(one, forecastSeasonal(history, AHEAD))
  }
})
