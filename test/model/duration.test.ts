// Durations: what people write, and what is refused with a hint.
import t from 'tap'
import { formatDuration, parseDuration } from '../../server/model/duration.ts'

t.test('reads seconds, minutes, hours and days', async t => {
  t.equal(parseDuration('10s'), 10_000)
  t.equal(parseDuration('5m'), 300_000)
  t.equal(parseDuration('1h'), 3_600_000)
  t.equal(parseDuration('2d'), 172_800_000)
})

t.test('refuses what is not a positive whole number with a unit', async t => {
  for (const text of ['0s', '5 parsecs', '', '1.5s', '-3m', '10', 's', '10S', '99999999s']) {
    t.throws(() => parseDuration(text), { code: 'E_DURATION', hint: /10s, 5m, 1h/ }, text)
  }
})

t.test('writes the shortest exact form', async t => {
  t.equal(formatDuration(60_000), '1m')
  t.equal(formatDuration(90_000), '90s')
  t.equal(formatDuration(86_400_000), '1d')
})
