// The cases of the outbox: what came together is one message, nothing is told twice or forgotten, by two
// nodes, by one that died, with a database that lost a transaction.

import type { Test } from 'tap'
import type { NoticeItem } from '../../server/model/notice.ts'
import type { Lease, Store } from '../../server/store/contract.ts'
import type { Addition, NoticePlan } from '../../server/store/notice-contract.ts'
import type { NewPlace } from './place.ts'
import { opened } from './samples.ts'
import { T0 } from './tending.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const item = (alarm: string, more: Partial<NoticeItem> = {}): NoticeItem => ({
  ...{ kind: 'raised', alarm, transition: 1, severity: 'critical', device: 'sw' },
  ...{ deviceName: 'Switch', row: null, rule: 'Link', text: 'link down', value: '', limit: '' },
  ...{ since: T0, at: T0, runbook: null, ...more },
})

const addition = (alarm: string, more: Partial<Addition> = {}): Addition => ({
  ...{ dedup: `t|${alarm}|${more.kind ?? 'raised'}`, route: 'r', channel: 'c', kind: 'raised' },
  ...{ groupKey: 'sw', dueAt: T0 + 30_000, item: item(alarm, { kind: more.kind ?? 'raised' }) },
  ...more,
})

const plan = (...additions: Addition[]): NoticePlan => ({
  ...{ cursor: null, additions, decisions: [] },
})

async function judge(store: Store): Promise<Lease> {
  const lease = await store.leases.take('judge', 'one', await store.leases.look('judge'))
  if (!lease) throw new Error('the lease is taken')
  return lease
}

export function noticeCases(t: Test, newPlace: NewPlace): void {
  t.test('48 ports of a switch are one message; a second plan adds nothing', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    const ports = Array.from({ length: 48 }, (_, i) => addition(`p${i}`))
    await store.notices.add(lease, plan(...ports.slice(0, 20)), T0)
    await store.notices.add(lease, plan(...ports), T0 + 10_000)
    await store.notices.add(lease, plan(...ports), T0 + 20_000)
    t.same(await store.notices.claim('a', T0 + 29_999, T0 + HOUR, 10), [], 'it gathers')
    const [one, ...rest] = await store.notices.claim('a', T0 + 30_000, T0 + HOUR, 10)
    t.equal(rest.length, 0)
    t.equal(one?.body.items.length, 48)
    // What comes now is another message.
    await store.notices.add(lease, plan(addition('late', { dueAt: T0 + 60_000 })), T0 + 31_000)
    t.equal((await store.notices.list({})).length, 2)
    await store.notices.settle(one?.id ?? '', 'a', { state: 'sent', said: 'ok' }, T0 + 32_000)
    t.match(await store.notices.list({ states: ['sent'] }), [{ said: 'ok', tries: 1 }])
    t.equal((await store.notices.list({ alarm: 'p7' }))[0]?.id, one?.id)
  })

  t.test('a flood is one bounded message that counts the rest', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    const many = Array.from({ length: 250 }, (_, i) => addition(`p${i}`))
    await store.notices.add(lease, plan(...many), T0)
    const [one] = await store.notices.claim('a', T0 + HOUR, T0 + 2 * HOUR, 10)
    t.equal(one?.body.items.length, 100)
    t.equal(one?.body.more, 150)
  })

  t.test('over before anybody was told: nobody is; told before: they hear of the end', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    await store.notices.add(lease, plan(addition('x'), addition('y')), T0)
    const over = (alarm: string) => addition(alarm, { kind: 'recovered', dueAt: T0 + 35_000 })
    await store.notices.add(lease, plan(over('x')), T0 + 5000)
    const [told] = await store.notices.claim('a', T0 + 30_000, T0 + HOUR, 10)
    t.same(
      told?.body.items.map(({ alarm }) => alarm),
      ['y'],
    )
    await store.notices.add(lease, plan(over('y')), T0 + 31_000)
    await store.notices.settle(told?.id ?? '', 'a', { state: 'sent', said: '' }, T0 + 31_500)
    const [end, ...rest] = await store.notices.claim('a', T0 + 40_000, T0 + HOUR, 10)
    t.match(end, { kind: 'recovered', body: { items: [{ alarm: 'y' }] } })
    t.equal(rest.length, 0)
    await store.notices.add(lease, plan(addition('z')), T0 + HOUR)
    await store.notices.add(lease, plan(over('z')), T0 + HOUR)
    t.match(await store.notices.list({ states: ['dropped'] }), [{ said: /before anybody/ }])
    await store.notices.add(lease, plan(over('never')), T0 + HOUR)
    t.equal((await store.notices.list({ alarm: 'never' })).length, 0)
  })

  t.test('two nodes at once send each once; the claim of a dead one is taken over', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    const all = Array.from({ length: 60 }, (_, i) =>
      addition(`p${i}`, { groupKey: `sw-${i}`, dueAt: T0 }),
    )
    await store.notices.add(lease, plan(...all), T0)
    const claims = await Promise.all(
      Array.from({ length: 6 }, (_, i) => store.notices.claim(`n${i % 2}`, T0, T0 + MINUTE, 60)),
    )
    const ids = claims.flat().map(({ id }) => id)
    t.equal(ids.length, 60)
    t.equal(new Set(ids).size, 60)
    const dead = claims.flat()[0]?.id ?? ''
    t.same(await store.notices.claim('n2', T0 + MINUTE, T0 + HOUR, 1), [], 'not yet')
    const taken = await store.notices.claim('n2', T0 + MINUTE + 1, T0 + HOUR, 60)
    t.equal(taken.length, 60)
    // It was slow, not dead: what it says now counts no more.
    await store.notices.settle(dead, 'n0', { state: 'failed', said: 'late' }, T0 + HOUR)
    await store.notices.settle(dead, 'n1', { state: 'failed', said: 'late' }, T0 + HOUR)
    t.same(await store.notices.list({ states: ['failed'] }), [])
  })

  t.test('lanes: a channel with much that is due leaves room for the others', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    const of = (channel: string, dueAt: number, count: number) =>
      Array.from({ length: count }, (_, i) =>
        addition(`${channel}${i}`, { channel, dueAt, groupKey: `${channel}${i}` }),
      )
    await store.notices.add(lease, plan(...of('a', T0, 30), ...of('b', T0 + 1, 3)), T0)
    const claim = (busy: [string, number][]) =>
      store.notices.claim('h', T0 + MINUTE, T0 + HOUR, 10, { max: 2, busy: new Map(busy) })
    const channels = (found: readonly { channel: string }[]) =>
      found.map(({ channel }) => channel).toSorted()
    t.same(channels(await claim([['b', 1]])), ['a', 'a', 'b'])
    t.same(channels(await claim([['a', 2]])), ['b', 'b'])
    const kept = (await store.notices.list({ states: ['sending'] }))[0]?.id ?? ''
    await store.notices.unclaim('h', [kept])
    await store.notices.unclaim('other', [])
    t.match(await store.notices.list({ states: ['sending'] }), [{ id: kept }])
    t.equal((await store.notices.list({ states: ['waiting'], limit: 100 })).length, 32)
    await store.notices.unclaim('h', [])
    t.equal((await claim([])).length, 4)
  })

  t.test('the number that was planned up to moves with the plan, under the lease', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    t.equal(await store.notices.cursor(), null)
    await store.notices.startAt(lease, 7)
    const decisions = [
      { transition: 8, route: 'r', alarm: 'x', at: T0, told: false, said: 'outside the hours' },
    ]
    const step = { cursor: { from: 7, to: 9 }, additions: [addition('x')], decisions }
    const both = await Promise.allSettled([
      store.notices.add(lease, step, T0),
      store.notices.add(lease, step, T0),
    ])
    t.equal(both.filter(({ status }) => status === 'fulfilled').length, 1)
    await t.rejects(store.notices.add(lease, step, T0), { code: 'E_NOTIFY_PLANNED' })
    t.equal(await store.notices.cursor(), 9)
    t.same(await store.notices.decisions('x'), decisions)
    const other = await store.leases.take('judge', 'two', await store.leases.look('judge'))
    t.ok(other)
    await t.rejects(store.notices.add(lease, plan(addition('q')), T0), { code: 'E_LEASE_LOST' })
    t.equal((await store.notices.list({ alarm: 'q' })).length, 0)
  })

  t.test('a passing fault is tried again later; over the limit comes one summary', async t => {
    const { store } = await opened(t, newPlace)
    const lease = await judge(store)
    const all = ['a', 'b', 'c', 'd'].map(id => addition(id, { groupKey: id, dueAt: T0 }))
    await store.notices.add(lease, plan(...all), T0)
    const [first, second, third, fourth] = await store.notices.claim('n', T0, T0 + HOUR, 10)
    const again = { said: '500', dueAt: T0 + 10_000, left: ['bob'] }
    await store.notices.settle(first?.id ?? '', 'n', { state: 'waiting', ...again }, T0)
    t.equal(await store.notices.nextDue(), T0 + 10_000)
    await store.notices.settle(second?.id ?? '', 'n', { state: 'sent', said: '' }, T0)
    t.equal(await store.notices.sentLately('r', 'c', T0 + 1000), 1)
    for (const one of [third, fourth]) await store.notices.hold(one?.id ?? '', 'n')
    t.same(await store.notices.heldPairs(), [{ route: 'r', channel: 'c' }])
    t.same(await store.notices.counts(), { waiting: 3, failed: 0 })
    await store.notices.sum(lease, 'r', 'c', T0 + HOUR)
    t.same(await store.notices.heldPairs(), [])
    const due = await store.notices.claim('n', T0 + HOUR, T0 + 2 * HOUR, 10)
    t.same(
      due.map(({ kind, tries, left }) => ({ kind, tries, left })),
      [
        { kind: 'raised', tries: 1, left: ['bob'] },
        { kind: 'summary', tries: 0, left: null },
      ],
    )
    t.equal(due[1]?.body.items.length, 2)
    t.equal(await store.notices.sentLately('r', 'c', T0 + 2 * HOUR), 0)
    t.equal(await store.notices.trim(T0 + 2 * HOUR), 3, 'sent and summed ones, not those under way')
  })

  t.test('documents: a second writer is told', async t => {
    const { store } = await opened(t, newPlace)
    const put = (version: number, name: string) =>
      store.notices.putDocument('route', 'r', { name }, version, 'ann', T0)
    await put(0, 'one')
    await t.rejects(put(0, 'two'), { code: 'E_NOTIFY_CHANGED' })
    await put(1, 'two')
    t.match(await store.notices.documents('route'), [{ id: 'r', version: 2, by: 'ann' }])
    t.same(await store.notices.documents('channel'), [])
    t.ok(await store.notices.removeDocument('route', 'r'))
    t.notOk(await store.notices.removeDocument('route', 'r'))
  })
}
