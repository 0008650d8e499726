// The cases of alarms: each step is one row however often it is written, in order, by one judge at a time.

import type { Test } from 'tap'
import type { Alarm, NewTransition } from '../../server/model/alarm.ts'
import { isNews } from '../../server/model/alarm.ts'
import type { Lease, Store } from '../../server/store/contract.ts'
import type { NewPlace } from './place.ts'
import { opened } from './samples.ts'
import { T0 } from './tending.ts'

export const alarm = (deviceUid: number, id: string, more: Partial<Alarm> = {}): Alarm => ({
  ...{ id, rule: 'r1', ruleVersion: 3, ruleName: 'CPU', device: 'sw', deviceUid },
  ...{ deviceName: 'Switch "7" <b>', group: 'cpu', metric: 'usage', row: null },
  ...{ state: 'active', severity: 'warning', text: 'CPU is busy', value: '93 %', limit: '> 90' },
  ...{ since: T0, raisedAt: T0, clearedAt: null, ack: null, flapping: false, steps: 0 },
  ...more,
})

const raised = (of: Alarm, at = T0): NewTransition => ({
  ...{ alarm: of, from: 'clear', to: of.state, severityBefore: of.severity, at, reason: 'raised' },
})

const cleared = (of: Alarm, at: number): NewTransition => ({
  ...{ alarm: { ...of, state: 'clear', clearedAt: at }, from: 'active', to: 'clear' },
  ...{ severityBefore: of.severity, at, reason: 'cleared' },
})

async function judge(store: Store): Promise<Lease> {
  const lease = await store.leases.take('judge', 'one', null)
  if (!lease) throw new Error('the lease is taken')
  return lease
}

export function alarmCases(t: Test, newPlace: NewPlace): void {
  t.test('a step is one row, however often it is written; the numbers grow', async t => {
    const { store, uid } = await opened(t, newPlace)
    const lease = await judge(store)
    const [a, b] = [alarm(uid, 'a'), alarm(uid, 'b', { severity: 'critical', raisedAt: T0 + 5 })]
    t.same(await store.alarms.write(lease, []), [])
    const first = await store.alarms.write(lease, [raised(a), raised(b, T0 + 5), raised(a)])
    t.match(first, [
      { step: 1, alarm: { id: 'a' } },
      { step: 1, alarm: { id: 'b' } },
    ])
    t.equal(first.length, 2)
    t.same(await store.alarms.write(lease, [raised(a)]), [], 'a retry adds nothing')
    t.same(await store.alarms.counts(), {
      ...{ critical: 1, warning: 1, info: 0, acknowledged: 0, suppressed: 0 },
    })
    const last = await store.alarms.write(lease, [cleared(a, T0 + 9)])
    t.same(await store.alarms.write(lease, [cleared(a, T0 + 20)]), [], 'clear is the end')
    const all = await store.alarms.after(0, 100)
    t.same(
      all.map(one => `${one.alarm.id} ${one.step} ${one.from}>${one.to} ${one.reason}`),
      ['a 1 clear>active raised', 'b 1 clear>active raised', 'a 2 active>clear cleared'],
    )
    t.ok(all.every((one, i) => i === 0 || one.id > (all[i - 1]?.id ?? 0)))
    t.same(await store.alarms.after(all[1]?.id ?? 0, 100), last)
    t.equal(await store.alarms.newest(), all[2]?.id)
    t.same(
      (await store.alarms.open()).map(one => one.id),
      ['b'],
    )
    t.match(await store.alarms.get('a'), { ...a, state: 'clear', clearedAt: T0 + 9, steps: 2 })
  })

  t.test('an acknowledgement stays until it is clear, whatever judge writes', async t => {
    const { store, uid } = await opened(t, newPlace)
    const lease = await judge(store)
    const a = alarm(uid, 'a')
    await store.alarms.write(lease, [raised(a)])
    const ack = { by: 'ann', note: 'on my way', at: T0 + 1 }
    t.match(await store.alarms.acknowledge(['a', 'nobody'], ack), [{ to: 'acknowledged', step: 2 }])
    t.same(await store.alarms.acknowledge(['a'], { ...ack, by: 'bob' }), [], 'only once')
    const worse: NewTransition = {
      ...{ alarm: { ...a, severity: 'critical' }, from: 'active', to: 'active' },
      ...{ severityBefore: 'warning', at: T0 + 2, reason: 'severity' },
    }
    const [step] = await store.alarms.write(lease, [worse])
    t.match(step, {
      from: 'acknowledged',
      to: 'acknowledged',
      alarm: { ack, severity: 'critical' },
    })
    t.ok(step && isNews(step))
    t.match(await store.alarms.write(lease, [cleared(a, T0 + 3)]), [{ from: 'acknowledged' }])
  })

  t.test('who is not judge any more writes nothing', async t => {
    const { store, uid } = await opened(t, newPlace)
    const lease = await judge(store)
    t.equal(await store.leases.take('judge', 'two', null), null, 'it is taken')
    t.ok(await store.leases.beat(lease))
    const seen = await store.leases.look('judge')
    t.same(seen, { holder: 'one', epoch: 1, beat: 1 })
    await store.leases.beat(lease)
    t.equal(await store.leases.take('judge', 'two', seen), null, 'its holder lives')
    const now = await store.leases.look('judge')
    const both = await Promise.all([
      store.leases.take('judge', 'two', now),
      store.leases.take('judge', 'three', now),
    ])
    t.equal(both.filter(one => one !== null).length, 1, 'of two at once one gets it')
    t.notOk(await store.leases.beat(lease))
    await t.rejects(store.alarms.write(lease, [raised(alarm(uid, 'a'))]), { code: 'E_LEASE_LOST' })
    t.same(await store.alarms.after(0, 10), [])
    const winner = both.find(one => one !== null)
    if (!winner) return
    t.equal((await store.alarms.write(winner, [raised(alarm(uid, 'a'))])).length, 1)
    await store.leases.release(winner)
    t.match(await store.leases.look('judge'), { holder: '' })
  })

  t.test('lists are filtered, in pages; old ones go, open ones stay', async t => {
    const { store, uid } = await opened(t, newPlace)
    const lease = await judge(store)
    const all = Array.from({ length: 25 }, (_, i) =>
      alarm(uid, `a${i}`, { raisedAt: T0 + Math.floor(i / 5), text: `number ${i} 100%_` }),
    )
    await store.alarms.write(
      lease,
      all.map(one => raised(one, one.raisedAt)),
    )
    const seen: string[] = []
    for (let before: string | undefined; ; ) {
      const page = await store.alarms.list({ limit: 7, ...(before && { before }) })
      seen.push(...page.map(({ id }) => id))
      const last = page.at(-1)
      if (!last) break
      before = `${last.raisedAt}-${last.id}`
    }
    t.equal(new Set(seen).size, 25)
    t.equal(seen.length, 25)
    t.match(await store.alarms.list({ text: 'NUMBER 7 100%_' }), [{ id: 'a7' }])
    t.same(await store.alarms.list({ text: "' or 1=1 --" }), [])
    t.equal((await store.alarms.list({ severities: ['critical'] })).length, 0)
    await store.alarms.write(
      lease,
      all.slice(0, 5).map(one => cleared(one, T0 + 50)),
    )
    t.equal((await store.alarms.list({ states: ['clear'], deviceUid: uid })).length, 5)
    t.equal((await store.alarms.list({ from: T0 + 60 })).length, 20, 'open at that time')
    t.equal(await store.alarms.trim(T0 + 1000), 5)
    t.equal(await store.alarms.trim(T0 + 1000), 0)
    t.equal((await store.alarms.transitions({ deviceUid: uid })).length, 20)
  })

  t.test('rules and windows; of two who save at once one is told', async t => {
    const { store } = await opened(t, newPlace)
    await store.rules.put('r', { name: 'one' }, 0, 'ann', 1)
    await t.rejects(store.rules.put('r', {}, 0, 'bob', 2), { code: 'E_RULE_CHANGED' })
    await store.rules.put('r', { name: 'two' }, 1, 'bob', 2)
    t.same(await store.rules.list(), [
      { id: 'r', version: 2, document: { name: 'two' }, by: 'bob', at: 2 },
    ])
    t.ok(await store.rules.remove('r'))
    t.notOk(await store.rules.remove('r'))
    await store.rules.putWindow('w', { a: 1 }, 50, 'ann', 1)
    await store.rules.putWindow('v', { a: 2 }, null, 'ann', 1)
    await store.rules.trimWindows(51)
    t.match(await store.rules.windows(), [{ id: 'v', document: { a: 2 } }])
  })
}
