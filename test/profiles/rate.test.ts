// Goal: rates are exact, wraps and restarts are told apart, and each missing rate has its reason.

import t from 'tap'
import { tableOf } from '../../server/model/rawtable.ts'
import { type CounterSample, rateBetween } from '../../server/profiles/rate.ts'
import { c32, c64, type Device, goodCatalogue, int, num, polled } from './kit.ts'

const sample = (value: number | bigint, atMs: number, more: Partial<CounterSample> = {}) => ({
  value,
  atMs,
  wraps: true,
  served: 0,
  epoch: 0,
  resetOn: null,
  ...more,
})

t.test('differences', async t => {
  const first = sample(1000, 0)
  t.same(rateBetween(undefined, first), { gap: 'first' })
  t.same(rateBetween(first, sample(2000, 10_000)), { perSecond: 100, wrapped: false })
  t.same(rateBetween(first, sample(1000, 10_000)), { perSecond: 0, wrapped: false })
  const high = sample(2 ** 32 - 100, 0)
  t.same(rateBetween(high, sample(100, 10_000)), { perSecond: 20, wrapped: true })
  t.same(rateBetween(high, sample(100, 10_000, { wraps: false })), { gap: 'reset' })
  t.same(rateBetween(high, sample(100, 10_000, { epoch: 1 })), { gap: 'reset' })
  t.same(rateBetween(first, sample(2000, 10_000, { epoch: 1 })), { gap: 'reset' })
  t.same(rateBetween(first, sample(2000, 10_000, { served: 1 })), { gap: 'first' })
  t.same(rateBetween(first, sample(2000, 0)), { gap: 'overrun' })
  const before = sample(1000, 0, { resetOn: 5 })
  t.same(rateBetween(before, sample(2000, 10_000, { resetOn: 6 })), { gap: 'reset' })
  t.same(rateBetween(before, sample(2000, 10_000, { resetOn: null })), {
    perSecond: 100,
    wrapped: false,
  })
})

t.test('exact beyond 2^53', async t => {
  const big = 2n ** 63n
  t.same(rateBetween(sample(big, 0), sample(big + 1n, 1000)), { perSecond: 1, wrapped: false })
  t.same(rateBetween(sample(big + 1n, 0), sample(big, 1000, { wraps: false })), { gap: 'reset' })
  t.same(rateBetween(sample(big, 0), sample(5, 1000)), { gap: 'reset' }, 'no wrap of 32 bits')
  t.same(rateBetween(sample(7.5, 0), sample(5, 1000)), { perSecond: 2 ** 32 - 2.5, wrapped: true })
  t.same(rateBetween(sample(1.25, 0), sample(2.5, 1000)), { perSecond: 1.25, wrapped: false })
})

const catalogue = goodCatalogue({
  p: {
    title: 'P',
    tables: {
      port: {
        title: 'Ports',
        index: ['n'],
        columns: { mark: { oid: '1.9.3' }, speed: { oid: '1.9.4' } },
        metrics: {
          in: {
            title: 'In',
            unit: 'bit/s',
            kind: 'rate',
            oid: '1.9.1',
            scale: 8,
            max: 'speed',
            resetOn: 'mark',
          },
          free: { title: 'Free', unit: '{thing}/s', kind: 'rate', oid: '1.9.2' },
          half: { title: 'Half', value: 'in / 2' },
        },
      },
    },
  },
})
const port = (inOctets: Device[string], more: Device = {}): Device => ({
  '1.9.1.1': inOctets,
  ...more,
})

t.test('a rate over two polls, rounded to 5 digits, its dust too', async t => {
  const { poll } = polled(catalogue)
  t.equal(poll(port(c64(0)), 0).at('port.in', '1'), 'gap:first')
  t.equal(poll(port(c64(123456789)), 60).at('port.in', '1'), 16461000)
  t.equal(poll(port(c64(123456789)), 120).at('port.half', '1'), 0)
  t.equal(poll(port(c64(223456789)), 180).at('port.half', '1'), 6666700)
})

t.test('the time is the response own, not the schedule', async t => {
  const { evaluator } = polled(catalogue)
  const reading = (octets: number, monotonicMs: number) => ({
    at: 1,
    monotonicMs,
    upTicks: null,
    groups: new Map([
      [
        'port',
        {
          table: tableOf(['1'], new Map([['1.9.1', new Map([['1', c64(octets)]])]])),
          partial: false,
        },
      ],
    ]),
  })
  evaluator.evaluate(reading(0, 0), 1)
  const { collections } = evaluator.evaluate(reading(1000, 4000), 1)
  t.same(collections[0]?.body.metrics.in, [2000])
})

t.test('Counter32 wraps', async t => {
  const { poll } = polled(catalogue)
  poll(port(c32(4294960000)), 0)
  t.equal(poll(port(c32(1)), 60).at('port.in', '1'), 972.93)
})

t.test('a wrap over max is unsure, and the next rate is good again', async t => {
  const { poll } = polled(catalogue)
  const speed = { '1.9.4.1': int(1000) }
  poll(port(c32(4_000_000_000), speed), 0)
  t.equal(poll(port(c32(5), speed), 60).at('port.in', '1'), 'gap:wrap-unsure')
  t.equal(poll(port(c32(65), speed), 120).at('port.in', '1'), 8)
})

t.test('Counter64 going back is a restart', async t => {
  const { poll } = polled(catalogue)
  poll(port(c64(5000)), 0)
  t.equal(poll(port(c64(10)), 60).at('port.in', '1'), 'gap:reset')
  t.equal(poll(port(c64(70)), 120).at('port.in', '1'), 8)
})

t.test(
  'sysUpTime going back resets all counters, also of rows that were not read then',
  async t => {
    const { poll } = polled(catalogue)
    poll(port(c32(5000)), 0)
    t.equal(poll(port(c32(6000)), 60, { upTicks: 500 }).at('port.in', '1'), 'gap:reset')
    t.equal(poll(port(c32(6060)), 120, { upTicks: 6500 }).at('port.in', '1'), 8)
    poll({}, 180, { upTicks: 100, partial: ['port'] })
    t.equal(poll(port(c32(9000)), 240, { upTicks: 6100 }).at('port.in', '1'), 'gap:reset')
  },
)

t.test('sysUpTime wrapping after 497 days is no restart', async t => {
  const { poll } = polled(catalogue)
  poll(port(c32(5000)), 0, { upTicks: 2 ** 32 - 3000 })
  t.equal(poll(port(c32(5060)), 60, { upTicks: 3000 }).at('port.in', '1'), 8)
})

t.test('resetOn', async t => {
  const { poll } = polled(catalogue)
  poll(port(c32(5000), { '1.9.3.1': int(1) }), 0)
  t.equal(poll(port(c32(6000), { '1.9.3.1': int(2) }), 60).at('port.in', '1'), 'gap:reset')
  t.equal(poll(port(c32(6060), { '1.9.3.1': int(2) }), 120).at('port.in', '1'), 8)
})

t.test('one rate over max is not believed; two in a row show that max is wrong', async t => {
  const { poll } = polled(catalogue)
  const speed = { '1.9.4.1': int(100) }
  poll(port(c64(0), speed), 0)
  t.equal(poll(port(c64(10n ** 18n), speed), 60).at('port.in', '1'), 'gap:range')
  t.equal(poll(port(c64(10n ** 18n), speed), 120).at('port.in', '1'), 0)
  t.equal(poll(port(c64(10n ** 18n + 60000n), speed), 180).at('port.in', '1'), 'gap:range')
  t.equal(poll(port(c64(10n ** 18n + 120000n), speed), 240).at('port.in', '1'), 8000)
  t.equal(poll(port(c64(10n ** 18n + 120000n), speed), 300).at('port.in', '1'), 0)
  t.equal(poll(port(c64(10n ** 18n + 180000n), speed), 360).at('port.in', '1'), 8000)
})

t.test('texts are no counters; JSON numbers may be', async t => {
  const { poll } = polled(catalogue)
  t.equal(
    poll(port({ type: 'octets', value: Buffer.from('many') }), 0).at('port.in', '1'),
    'gap:decode',
  )
  poll({ '1.9.2.1': num(1.5) }, 600)
  t.equal(poll({ '1.9.2.1': num(61.5) }, 660).at('port.free', '1'), 1)
})
