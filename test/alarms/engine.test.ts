// Goal: the engine raises and clears exactly when a rule says so, whatever comes late, twice, not at
// all, in the wrong order or by a clock that jumps; and never because nothing can be told.

import t from 'tap'
import { openPerRuleMax } from '../../server/alarms/engine.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import { bench, device, failure, MINUTE, metric, OPER, rule, START, sample, table } from './kit.ts'

const SW = device('sw', 1)
const minutes = (n: number) => START + n * MINUTE

t.test('a limit, a time, a clear level of its own', t => {
  const made = bench(
    [metric()],
    [rule({ warning: '> 80', critical: '> 95', clear: '< 70', for: '2m' })],
  )
  const values = [50, 85, 85, 85, 97, 75, 98, 98, 98, 75, 71, 69, 50]
  for (const [i, usage] of values.entries())
    made.engine.collection(SW, sample(1, minutes(i), { usage }))
  t.same(made.told, [
    'sw - active warning @3 raised',
    'sw - active critical @8 severity',
    'sw - clear critical @11 cleared',
  ])
  t.match(made.steps[0]?.alarm, { value: '85 %', limit: '> 80 for 2 min', since: minutes(1) })
  t.equal(new Set(made.steps.map(({ alarm }) => alarm.id)).size, 1)
  t.end()
})

t.test('what is missing, or cannot be computed, neither raises nor clears', t => {
  const made = bench([metric()], [rule({ warning: 'value / limit > 2' })])
  const send = (at: number, usage: number | null, limit: number | null) =>
    made.engine.collection(SW, sample(1, minutes(at), { usage, limit }))
  send(0, 50, 0)
  send(1, null, 10)
  send(2, 50, null)
  t.same(made.told, [], 'a division by zero, a gap, a missing limit')
  send(3, 50, 10)
  send(4, 50, 0)
  send(5, 1, null)
  made.engine.collection(SW, failure(1, minutes(6), 'timeout'))
  t.same(made.told, ['sw - active warning @3 raised'])
  send(7, 1, 10)
  t.equal(made.told.length, 2)
  t.end()
})

t.test('late and re-sent data is never judged', t => {
  const made = bench([metric()], [rule({ warning: '> 80' })])
  const send = (at: number, usage: number) =>
    made.engine.collection(SW, sample(1, minutes(at), { usage }))
  send(5, 50)
  send(4, 99)
  send(5, 99)
  t.same(made.told, [])
  send(6, 99)
  send(5.5, 10)
  send(6, 10)
  t.same(made.told, ['sw - active warning @6 raised'])
  t.equal(made.engine.stats().late, 4)
  t.end()
})

t.test('a row that is gone ends its alarm; a read that failed is no proof', t => {
  const made = bench([OPER], [])
  let at = 0
  const read = (rows: string[], more: Partial<AcceptedCollection> = {}) => {
    made.pass(MINUTE)
    const oper = rows.map(() => 2)
    made.engine.collection(SW, { ...table(1, minutes(++at), rows, { oper }), ...more })
  }
  read(['a', 'b'])
  t.equal(made.told.length, 2)
  read(['a'])
  read(['a'])
  made.pass(MINUTE)
  made.engine.collection(SW, failure(1, minutes(++at), 'timeout', 'interface'))
  read(['a'], { part: 1 })
  read(['a'], { some: true })
  t.equal(made.told.length, 2, 'not yet')
  read(['a', 'b'])
  read(['a'])
  read(['a'])
  t.equal(made.told.length, 2, 'it came back in between')
  read(['a'])
  t.match(made.told.slice(2), [/^sw b clear critical @\d+ row-gone$/])
  read(['a', 'b'])
  t.match(made.told.slice(3), [/^sw b active critical @\d+ raised$/], 'back, and still down')
  t.end()
})

t.test('a row that is gone: a rule about silence says so for a day', t => {
  const silent = rule({ condition: 'missing', metric: 'interface.oper', for: '10m' })
  const made = bench([OPER], [silent])
  let at = 0
  const read = (rows: string[]) => {
    made.pass(5 * MINUTE)
    at += 5
    made.engine.collection(SW, table(1, minutes(at), rows, { oper: rows.map(() => 1) }))
  }
  read(['a', 'b'])
  for (let i = 0; i < 12; i++) read(['a'])
  t.match(made.told, [/^sw b active warning/])
  for (let i = 0; i < 275; i++) read(['a'])
  t.equal(made.told.length, 1, 'for 23 hours and 55 minutes')
  for (let i = 0; i < 20; i++) read(['a'])
  t.match(made.told.slice(1), [/^sw b clear .* row-gone$/], 'once')
  t.end()
})

t.test('a clock that jumps: no hour is believed that nobody measured', t => {
  const made = bench([metric()], [rule({ warning: '> 80', for: '10m' })])
  const send = (at: number, usage: number) => made.engine.collection(SW, sample(1, at, { usage }))
  send(minutes(0), 90)
  send(minutes(60), 90)
  t.same(made.told, [], 'two samples an hour apart are not an hour over the limit')
  made.pass(MINUTE)
  send(minutes(61), 50)
  made.clock.now -= 3_600_000
  made.engine.tick(true)
  for (let i = 1; i <= 11; i++) {
    made.clock.now += MINUTE
    made.clock.mono += MINUTE
    send(made.clock.now, 99)
  }
  t.equal(made.told.length, 1, 'our clock went back an hour, and judging goes on')
  t.end()
})

t.test('a clock that jumps ahead is no silence', t => {
  const made = bench([metric()], [rule({ condition: 'missing', for: '10m', severity: 'critical' })])
  made.engine.collection(SW, sample(1, minutes(0), { usage: 1 }))
  made.clock.now += 3_600_000
  made.engine.tick(true)
  t.same(made.told, [])
  made.pass(9 * MINUTE)
  made.engine.collection(SW, failure(1, made.clock.now, 'timeout'))
  t.same(made.told, [])
  made.pass(MINUTE)
  t.match(made.told, ['sw - active critical'])
  t.equal(made.steps[0]?.alarm.text, 'no data of Usage: The device did not answer in time')
  made.pass(MINUTE)
  t.equal(made.told.length, 1, 'once')
  made.engine.collection(SW, sample(1, made.clock.now + 1, { usage: 1 }))
  t.equal(made.told.length, 2)
  t.end()
})

t.test('while nothing can be heard, nothing is silent', t => {
  const made = bench([metric()], [rule({ condition: 'missing', for: '10m' })])
  made.engine.collection(SW, sample(1, minutes(0), { usage: 1 }))
  made.clock.mono += 60 * MINUTE
  made.clock.now += 60 * MINUTE
  made.engine.tick(false)
  made.pass(1000)
  t.same(made.told, [])
  made.pass(11 * MINUTE)
  t.equal(made.told.length, 1)
  t.end()
})

t.test('states, and a port that was never up', t => {
  const oper = { ...OPER, alarm: { when: 'admin == 1', changed: true } }
  const made = bench([oper], [])
  const rows = ['a', 'b', 'c']
  const send = (at: number, values: number[], admin = [1, 1, 1]) =>
    made.engine.collection(SW, table(1, minutes(at), rows, { oper: values, admin }))
  send(0, [1, 2, 1])
  send(1, [2, 2, 2], [1, 1, 2])
  t.same(made.told, ['sw a active critical @1 raised'])
  send(2, [2, 2, 2], [2, 1, 2])
  t.same(made.told.slice(1), ['sw a clear critical @2 cleared'], 'switched off by an admin')
  t.end()
})

t.test('a port that flaps 60 times is told of a few times', t => {
  const made = bench([OPER], [])
  for (let i = 0; i < 120; i++) {
    made.engine.collection(SW, table(1, START + i * 10_000, ['a'], { oper: [i % 2 ? 2 : 1] }))
  }
  t.equal(made.told.length, 11)
  t.match(made.told[10], /active critical @.* flapping/)
  t.equal(made.steps.at(-1)?.alarm.flapping, true)
  for (let i = 0; i < 9; i++) {
    made.engine.collection(SW, table(1, minutes(20 + i), ['a'], { oper: [1] }))
  }
  t.equal(made.told.length, 11, 'not calm for long enough')
  made.engine.collection(SW, table(1, minutes(31), ['a'], { oper: [1] }))
  t.match(made.told[11], /clear/)
  t.end()
})

const status = (state: 'up' | 'down', since: number) =>
  ({ state, since, reason: state === 'up' ? null : 'timeout' }) as const

t.test('200 devices behind a dead switch: one alarm, whatever comes first', t => {
  for (const parentFirst of [true, false]) {
    const made = bench([metric()], [rule({ condition: 'missing', for: '2m' })])
    const uplink = device('uplink', 1)
    const children = Array.from({ length: 200 }, (_, i) => device(`host-${i}`, i + 2))
    for (const { id } of children) made.parents.set(id, ['uplink'])
    for (const one of [uplink, ...children]) {
      made.engine.status(one, status('up', START))
      made.engine.collection(one, sample(one.uid, START, { usage: 1 }))
    }
    const fall = (one: typeof uplink) => made.engine.status(one, status('down', made.clock.now))
    made.pass(MINUTE)
    if (parentFirst) fall(uplink)
    for (const one of children) fall(one)
    made.pass(30_000)
    if (!parentFirst) fall(uplink)
    for (let i = 0; i < 20; i++) made.pass(30_000)
    const news = made.told.filter(line => line.includes(' active '))
    t.match(news, [/^uplink - active critical .* raised$/, /^uplink - active warning .* raised$/])
    t.equal(news.length, 2, 'the uplink is down, and silent')
    t.equal(made.told.filter(line => line.endsWith('parent')).length, 400, 'kept back, and visible')
    for (const one of [uplink, ...children]) {
      made.engine.status(one, status('up', made.clock.now))
      made.engine.collection(one, sample(one.uid, made.clock.now, { usage: 1 }))
    }
    made.pass(30_000)
    t.equal(made.engine.stats().open, 0)
    t.equal(made.told.filter(line => line.includes(' active ')).length, 2)
  }
  t.end()
})

t.test('a device that stays down when its parent is back is told of', t => {
  const made = bench([], [])
  made.parents.set('host', ['uplink'])
  const [uplink, host] = [device('uplink', 1), device('host', 2)]
  made.engine.status(uplink, status('down', START))
  made.engine.status(host, status('down', START + 1))
  t.same(made.told.slice(1), ['host - suppressed critical @0 parent'])
  made.pass(MINUTE)
  made.engine.status(uplink, status('up', made.clock.now))
  for (let i = 0; i < 4; i++) made.pass(MINUTE)
  t.match(made.told.at(-1), /^host - active critical .* released$/)
  t.end()
})

t.test('maintenance keeps new alarms back, and lets them go at its end', t => {
  const made = bench([metric()], [rule({ warning: '> 80' })])
  const send = (usage: number) => made.engine.collection(SW, sample(1, made.clock.now, { usage }))
  made.maintained.add('sw')
  send(90)
  made.pass(MINUTE)
  send(10)
  made.pass(MINUTE)
  send(90)
  made.pass(MINUTE)
  t.match(made.told, [/suppressed .* maintenance/, /clear/, /suppressed .* maintenance/])
  made.maintained.clear()
  made.pass(1000)
  t.match(made.told[3], /active .* released/)
  t.end()
})

t.test('a rule that would match everything stops at its bound', t => {
  const made = bench([OPER], [rule({ metric: 'interface.oper', warning: '>= 0' }, 'wide')])
  const rows = Array.from({ length: 3000 }, (_, i) => `p${i}`)
  made.engine.collection(SW, table(1, START, rows, { oper: rows.map(() => 1) }))
  t.equal(made.told.length, openPerRuleMax)
  t.equal(made.engine.stats().overflowed, 3000 - openPerRuleMax)
  t.end()
})

t.test('a rate of change, and a text', t => {
  const text = metric({ metric: 'version', kind: 'text', role: null })
  const people = [
    rule({ condition: 'rate', over: '5m', warning: '> 0.1' }),
    rule({ condition: 'text', metric: 'cpu.version', for: '10m' }, 'r2'),
  ]
  const made = bench([metric(), text], people)
  for (let i = 0; i < 30; i++) {
    const usage = i < 10 ? 10 : 10 + (i - 10) * 12
    const version = i < 20 ? 'one' : 'two'
    made.engine.collection(SW, sample(1, minutes(i), { usage, version }))
  }
  t.same(made.told, ['sw - active warning @13 raised', 'sw - active info @20 raised'])
  made.engine.collection(SW, sample(1, minutes(31), { usage: 262, version: 'two' }))
  t.match(made.told[2], 'sw - clear info @31')
  t.end()
})

t.test('last week, and what models say', t => {
  const made = bench(
    [metric()],
    [
      rule({ condition: 'week', warning: 'abs(value) > 50' }),
      rule({ condition: 'days-to-full', critical: '< 3' }, 'r2'),
    ],
    { lastWeek: (_, { metric }) => (metric === 'usage' ? 40 : null) },
  )
  made.engine.collection(SW, sample(1, minutes(0), { usage: 50 }))
  made.engine.collection(SW, sample(1, minutes(1), { usage: 90 }))
  t.same(made.told, ['sw - active warning @1 raised'])
  t.match(made.steps[0]?.alarm.value, '+125 %')
  const series = { group: 'cpu', metric: 'usage', row: null }
  made.engine.derived(SW, 'days-to-full', { ...series, at: minutes(2), value: 2 })
  t.match(made.told[1], 'sw - active critical @2 raised')
  t.end()
})

t.test('a restart goes on with what was open; what has no rule any more ends', t => {
  const before = bench([metric()], [rule({ warning: '> 80' })])
  before.engine.collection(SW, sample(1, minutes(0), { usage: 90 }))
  const open = before.steps.map(({ alarm }) => alarm)
  const after = bench([metric()], [rule({ warning: '> 80' })])
  const gone = { ...open[0], id: 'x', rule: 'gone' }
  const foreign = { ...open[0], id: 'y', deviceUid: 9 }
  const all = [open[0], gone, foreign].filter(one => one !== undefined) as typeof open
  after.engine.load(all, [], () => SW)
  t.same(after.told, ['sw - clear warning @0 rule-gone', 'sw - clear warning @0 device-gone'])
  after.engine.collection(SW, sample(1, minutes(1), { usage: 91 }))
  t.equal(after.told.length, 2, 'no second raise')
  after.engine.collection(SW, sample(1, minutes(2), { usage: 9 }))
  t.equal(after.steps.at(-1)?.alarm.id, open[0]?.id)
  t.match(after.told[2], 'clear warning @2 cleared')
  t.end()
})

t.test('rules that change keep what they share; paused and deleted devices have no alarms', t => {
  const made = bench([metric(), OPER], [rule({ warning: '> 80' })])
  made.engine.collection(SW, sample(1, minutes(0), { usage: 90 }))
  made.engine.collection(SW, table(1, minutes(0), ['a'], { oper: [2] }))
  t.equal(made.told.length, 2)
  made.rules.set(
    'sw',
    (made.rules.get('sw') ?? []).filter(one => one.rule.id !== 'r1'),
  )
  made.engine.renew()
  made.pass(1000)
  t.match(made.told.slice(2), [/^sw - clear .* rule-gone$/])
  made.engine.status(SW, { state: 'paused', since: START, reason: 'paused' })
  t.match(made.told.slice(3), [/^sw a clear .* paused$/])
  t.end()
})

t.test('rows that were bad once and went do not shut out the next one', t => {
  const { engine, told, clock } = bench([OPER], [])
  const sw = device('sw', 1)
  const at = (minute: number) => {
    clock.mono += START + minute * MINUTE - clock.now
    clock.now = START + minute * MINUTE
    return clock.now
  }
  for (let i = 0; i < 1000; i++) {
    engine.collection(sw, table(1, at(2 * i), [`c${i}`], { oper: [2] }))
    engine.collection(sw, table(1, at(2 * i + 1), [`c${i}`], { oper: [1] }))
  }
  engine.collection(sw, table(1, at(3000), ['new'], { oper: [2] }))
  t.equal(told.at(-1), 'sw new active critical @3000 raised')
  t.equal(engine.stats().overflowed, 0)
  t.end()
})

t.test('a new rule about the state of a device that is down already', t => {
  const { engine, told, rules, pass } = bench([], [])
  const sw = device('sw', 1)
  engine.status(sw, { state: 'down', since: START, reason: 'timeout' })
  const known = rules.get('sw') ?? []
  rules.set('sw', [])
  engine.renew()
  pass(MINUTE)
  rules.set('sw', known)
  engine.renew()
  for (let i = 0; i < 3; i++) pass(MINUTE)
  t.same(told, [
    'sw - active critical @0 raised',
    'sw - clear critical @1 rule-gone',
    'sw - active critical @2 raised',
  ])
  t.end()
})
