// Goal: what a session learned is told when it matters, and seldom.

import t from 'tap'
import { sessionOptions } from '../../server/collectors/snmp-options.ts'
import { createTuningNews, KIND } from '../../server/collectors/tuning.ts'
import type { SnmpTuning } from '../../server/model/device.ts'

const MINUTE = 60_000
const AT = 1_795_320_000_000
const learned: SnmpTuning = {
  srttMs: 40,
  rttvarMs: 5,
  timeoutMs: 250,
  inFlight: 1,
  messageBytes: 1472,
  bulk: true,
  oidsPerGet: 20,
  columnsPerRequest: 10,
  tables: { '1.3.6.1.2.1.2.2.1.2': { repetitions: 20, rows: 48 } },
}

t.test('nothing learned is no news; the first is, once', async t => {
  const news = createTuningNews(null)
  t.equal(news.tell(AT, null, KIND), null)
  const told = news.tell(AT, learned, KIND)
  t.same(told, { at: AT, snmp: learned, kindness: KIND })
  t.equal(news.tell(AT + MINUTE, structuredClone(learned), KIND), null)
  t.equal(news.tell(AT + 2 * MINUTE, null, KIND), null, 'a new session has not learned yet')
  t.equal(createTuningNews(told).tell(AT, learned, KIND), null, 'nor after a restart')
})

t.test('what wavers is no news, what changed is', async t => {
  const cases: [Partial<SnmpTuning>, boolean][] = [
    [{ srttMs: 50, rttvarMs: 30, timeoutMs: 300 }, false],
    [{ srttMs: 70 }, true],
    [{ srttMs: 20 }, true],
    [{ timeoutMs: 500 }, true],
    [{ bulk: false }, true],
    [{ messageBytes: 2944 }, true],
    [{ oidsPerGet: 10 }, true],
    [{ columnsPerRequest: 5 }, true],
    [{ inFlight: 2 }, true],
    [{ tables: { '1.3.6.1.2.1.2.2.1.2': { repetitions: 18, rows: 52 } } }, false],
    [{ tables: { '1.3.6.1.2.1.2.2.1.2': { repetitions: 10, rows: 48 } } }, true],
    [{ tables: { '1.3.6.1.2.1.2.2.1.2': { repetitions: 20, rows: 96 } } }, true],
    [{ tables: {} }, true],
    [
      { tables: { ...learned.tables, '1.3.6.1.2.1.31.1.1.1.6': { repetitions: 1, rows: 1 } } },
      true,
    ],
  ]
  for (const [change, isNews] of cases) {
    const news = createTuningNews({ at: AT, snmp: learned, kindness: KIND })
    const told = news.tell(AT + MINUTE, { ...learned, ...change }, KIND)
    t.equal(told !== null, isNews, JSON.stringify(change))
  }
  const quick = createTuningNews({ at: AT, snmp: { ...learned, srttMs: 1 }, kindness: KIND })
  t.equal(quick.tell(AT, { ...learned, srttMs: 4 }, KIND), null, 'a few ms are nothing')
})

t.test('at most once a minute, kindness too; the newest is told then', async t => {
  const news = createTuningNews(null)
  const kind = { factor: 2, reason: 'its CPU climbs', since: AT }
  t.ok(news.tell(AT, learned, KIND))
  t.equal(news.tell(AT + 59_000, learned, kind), null)
  t.match(news.tell(AT + MINUTE, learned, kind), { kindness: kind })
  t.ok(news.tell(AT - 86_400_000, { ...learned, bulk: false }, kind), 'a clock set back')
})

t.test('the session goes on changing its own tuning: what was told stands', async t => {
  const news = createTuningNews(null)
  const own = structuredClone(learned)
  const told = news.tell(AT, own, KIND)
  own.bulk = false
  t.equal(told?.snmp?.bulk, true)
  t.ok(news.tell(AT + MINUTE, own, KIND), 'and the change is noticed')
})

t.test('pins of the config reach the session', async t => {
  const config = {
    id: 'd',
    name: 'd',
    kind: 'snmp' as const,
    address: '10.0.0.1',
    credentials: { version: '2c' as const, community: 'public' },
    profiles: [],
    every: '60s',
    timeout: '2s',
    retries: 1,
    enabled: true,
  }
  const target = { version: 1, secrets: {}, identity: null }
  t.same(sessionOptions({ ...target, config }, '10.0.0.1').pinned, {})
  const tuning = { repetitions: 10, inFlight: 1, kindness: 'off' as const }
  const pinned = sessionOptions({ ...target, config: { ...config, tuning } }, '10.0.0.1').pinned
  t.same(pinned, { repetitions: 10, inFlight: 1 })
  const fixed = { ...config, timeout: '3s', tuning: { timeout: 'fixed' as const } }
  t.same(sessionOptions({ ...target, config: fixed }, '10.0.0.1').pinned, { timeoutMs: 3000 })
})
