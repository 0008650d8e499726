// When a series reaches its limit: growth, waves, clean-ups, steps, sudden growth, and everything that
// must be called unknown or left alone.

import t, { type Test } from 'tap'
import { forecastLimit, type LimitForecast } from '../../server/models/forecast/limit.ts'
import { randomOf } from './random.ts'

const DAY = 24
const WEEK = 168

const series = (hours: number, at: (hour: number) => number) =>
  Float64Array.from({ length: hours }, (_, hour) => at(hour))

function reaches(t: Test, said: LimitForecast, hours: number, share = 0.1) {
  t.equal(said.is, 'reaches')
  if (said.is !== 'reaches') return
  t.ok(Math.abs(said.middle - hours) <= share * hours + 1, `${said.middle} h, not ${hours} h`)
  t.ok(said.low <= said.middle && said.middle <= said.high, 'the range holds the middle')
}

t.test('steady growth', async t => {
  // 50 % now, half a percent an hour.
  reaches(
    t,
    forecastLimit(
      series(WEEK, h => 50 + 0.5 * (h - WEEK + 1)),
      100,
    ),
    100,
  )
  reaches(
    t,
    forecastLimit(
      series(48, h => 50 + 0.5 * (h - 47)),
      100,
    ),
    100,
  )
  reaches(
    t,
    forecastLimit(
      series(WEEK, h => 40 - 0.5 * (h - WEEK + 1)),
      0,
      'down',
    ),
    80,
  )
})

t.test('the top of a wave counts, not its mean', async t => {
  const wave = (h: number) => 10 * Math.sin((2 * Math.PI * h) / DAY)
  const disk = (h: number) => 60 + 0.2 * (h - WEEK + 1) + wave(h)
  let truth = 0
  while (disk(WEEK - 1 + truth) < 100) truth++
  reaches(t, forecastLimit(series(WEEK, disk), 100), truth, 0.05)
})

t.test('a clean-up or a step in between is no trend', async t => {
  const growing = (h: number) => 80 + 0.25 * (h - WEEK + 1)
  reaches(
    t,
    forecastLimit(
      series(WEEK, h => growing(h) + (h < 80 ? 15 : 0)),
      100,
    ),
    80,
  )
  for (const at of [20, 90, 150, 158, 162, 165, 167]) {
    const said = forecastLimit(
      series(WEEK, h => (h < at ? 40 : 65) + (h % 2) * 0.1),
      100,
    )
    t.not(said.is, 'reaches', `step at ${at}`)
  }
})

t.test('growth that began yesterday is believed', async t => {
  for (const ago of [8, 12, 20, 30]) {
    const since = (h: number) => Math.max(0, h - (WEEK - 1 - ago))
    const said = forecastLimit(
      series(WEEK, h => 40 + (h % 3) * 0.02 + since(h)),
      100,
    )
    reaches(t, said, 60 - ago, 0.25)
  }
})

t.test('a tank that loses a percent every four days', async t => {
  const said = forecastLimit(
    series(28 * DAY, h => 40 - Math.floor(h / 96)),
    0,
    'down',
  )
  reaches(t, said, 33 * 96, 0.25)
})

t.test('what does not move, or the other way', async t => {
  for (const value of [0, 40, -3, 99])
    t.equal(forecastLimit(new Float64Array(WEEK).fill(value), 100).is, 'stays', `${value}`)
  t.equal(
    forecastLimit(
      series(WEEK, h => 90 - h / 10),
      100,
    ).is,
    'stays',
    'it shrinks',
  )
  t.equal(
    forecastLimit(
      series(WEEK, h => h / 10),
      0,
      'down',
    ).is,
    'stays',
    'it is charged',
  )
  const random = randomOf(5)
  t.equal(
    forecastLimit(
      series(WEEK, () => 40 + random()),
      100,
    ).is,
    'stays',
    'noise',
  )
})

t.test('already full', async t => {
  t.same(forecastLimit(new Float64Array(WEEK).fill(100), 100), { is: 'reached' })
  t.same(forecastLimit(Float64Array.of(3, 0), 0, 'down'), { is: 'reached' })
})

t.test('what cannot be told is said so', async t => {
  const why = (history: Float64Array) => {
    const said = forecastLimit(history, 100)
    return said.is === 'unknown' ? said.why : said.is
  }
  t.equal(why(new Float64Array(0)), 'short', 'nothing')
  t.equal(why(new Float64Array(WEEK).fill(Number.NaN)), 'short', 'all gaps')
  t.equal(why(Float64Array.of(1, 2)), 'short', 'two values')
  t.equal(why(series(47, h => h)), 'short', 'two days without an hour')
  t.equal(why(series(WEEK, h => (h > 160 ? Number.NaN : h / 2))), 'gaps', 'silent since hours')
  t.equal(why(series(WEEK, h => (h % DAY === 23 ? 50 : Number.NaN))), 'gaps', 'an hour a day')
  // A limit that is not a number is never reached.
  t.not(
    forecastLimit(
      series(WEEK, h => h),
      Number.NaN,
    ).is,
    'reaches',
  )
})

t.test('steps of 10^15, a new unit, another capacity: no alarm', async t => {
  const isSilent = (said: LimitForecast) => said.is !== 'reaches' || said.low > WEEK
  t.ok(
    isSilent(
      forecastLimit(
        series(WEEK, h => (h === 100 ? 1e15 : 40)),
        100,
      ),
    ),
    'one spike',
  )
  t.ok(
    isSilent(
      forecastLimit(
        series(WEEK, h => (h < 120 ? 40_000 : 40)),
        100,
      ),
    ),
    'another unit',
  )
  t.ok(
    isSilent(
      forecastLimit(
        series(WEEK, h => (h < 160 ? 40 : 80)),
        100,
      ),
    ),
    'half the capacity',
  )
  t.ok(
    isSilent(
      forecastLimit(
        series(WEEK, h => (h < 160 ? 80 : 40)),
        100,
      ),
    ),
    'twice the capacity',
  )
})

t.test('hostile series: never a number that is none, and the same each time', async t => {
  const odd = [0, 1e15, -1e15, 1e308, -1e308, Number.NaN, Number.POSITIVE_INFINITY]
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomOf(seed * 7_919)
    const share = random() < 0.5 ? 0.02 : 0.4
    const history = series(Math.floor(800 * random()), h =>
      random() < share ? (odd[Math.floor(odd.length * random())] ?? 0) : 50 + h / 20 + random(),
    )
    const said = forecastLimit(history, 100)
    t.same(said, forecastLimit(history, 100))
    if (said.is !== 'reaches') continue
    const isOrdered = said.low > 0 && said.low <= said.middle && said.middle <= said.high
    t.ok(isOrdered && Number.isFinite(said.middle), `seed ${seed}: ${JSON.stringify(said)}`)
  }
})
