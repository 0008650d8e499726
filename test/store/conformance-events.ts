// The cases of events: once each, in pages by time, searched, and deleted when they are old.

import type { Test } from 'tap'
import type { EventQuery, NewEvent, Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { log, type NewPlace } from './place.ts'
import { config, opened } from './samples.ts'
import { count, DAY, T0 } from './tending.ts'

const event = (deviceUid: number, at: number, more: Partial<NewEvent> = {}): NewEvent => ({
  ...{ deviceUid, at, kind: 'docker', severity: 'info', name: 'start', text: `event ${at}` },
  ...more,
})

const texts = async (store: Store, query: EventQuery) =>
  (await store.events.list(query)).map(({ text }) => text)

export function eventCases(t: Test, newPlace: NewPlace): void {
  t.test('an event is one row, however often and beside whatever it comes', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const fields = JSON.parse('{"exitCode":"137","__proto__":"not a prototype"}')
    const whole = event(uid, T0, { group: 'container', row: 'a|b', text: 'Übung "9" 🐳', fields })
    const other = event(uid, T0, { name: 'die' })
    t.same(await store.events.write([]), [])
    t.same(await store.events.write([whole, other, whole]), ['stored', 'stored', 'duplicate'])
    t.same(await store.events.write([other, event(uid, T0 + 1)]), ['duplicate', 'stored'])
    const both = [event(uid, T0 + 2), event(uid, T0 + 3)]
    const raced = await Promise.all([store.events.write(both), store.events.write(both)])
    t.same(raced.flat().sort(), ['duplicate', 'duplicate', 'stored', 'stored'])
    t.equal(await count(place, 'event'), 5)
    const [found] = await store.events.list({
      deviceUid: uid,
      row: { group: 'container', row: 'a|b' },
    })
    t.match(found, { ...whole, device: 'sw', isDeleted: false })
    t.same((await store.events.list({ deviceUid: uid })).at(0), {
      ...event(uid, T0 + 3),
      ...{ id: (await store.events.list({ limit: 1 }))[0]?.id, device: 'sw', isDeleted: false },
    })
  })

  t.test('pages follow one another, also within one millisecond', async t => {
    const { store, uid } = await opened(t, newPlace)
    const all = Array.from({ length: 70 }, (_, i) =>
      event(uid, T0 + Math.floor(i / 10), { text: `${i}` }),
    )
    await store.events.write(all)
    const seen: string[] = []
    let before: string | undefined
    for (let pages = 0; pages < 20; pages++) {
      const page = await store.events.list({ limit: 7, ...(before && { before }) })
      if (page.length === 0) break
      for (const { text } of page) seen.push(text)
      before = page.at(-1)?.id
      // What comes meanwhile is newer, and moves no page.
      await store.events.write([event(uid, T0 + 1000 + pages, { text: 'later' })])
    }
    t.equal(seen.length, 70)
    t.equal(new Set(seen).size, 70)
    t.same(
      [...seen].map(text => Math.floor(Number(text) / 10)),
      Array.from({ length: 70 }, (_, i) => 6 - Math.floor(i / 10)),
    )
    t.equal((await store.events.list({ before: 'nonsense', limit: 3 })).length, 3)
  })

  t.test('filters by device, row, kind, severity, time and words', async t => {
    const { store, uid } = await opened(t, newPlace)
    const two = await store.devices.create(config('sw-2'), 'api', 1)
    await store.events.write([
      event(uid, T0, {
        text: 'Container DB died',
        severity: 'critical',
        group: 'container',
        row: 'db',
      }),
      event(uid, T0 + 1, { text: '100% of_a disk!', kind: 'syslog', severity: 'warning' }),
      event(uid, T0 + 2, { text: 'comment', kind: 'comment', group: 'container', row: 'web' }),
      event(two.uid, T0 + 3, { text: 'other device', kind: 'row', group: 'interface', row: 'db' }),
    ])
    t.same(await texts(store, { deviceUid: two.uid }), ['other device'])
    t.same(await texts(store, { deviceUid: uid, row: { group: 'container', row: 'db' } }), [
      'Container DB died',
    ])
    t.same(await texts(store, { deviceUid: uid, row: { group: 'interface', row: 'db' } }), [])
    t.same(await texts(store, { kinds: ['syslog', 'comment'] }), ['comment', '100% of_a disk!'])
    t.same(await texts(store, { severities: ['critical'] }), ['Container DB died'])
    t.same(await texts(store, { from: T0 + 1, to: T0 + 2 }), ['comment', '100% of_a disk!'])
    t.same(await texts(store, { text: 'container db' }), ['Container DB died'])
    t.same(await texts(store, { text: '0% OF_A' }), ['100% of_a disk!'])
    t.same(await texts(store, { text: '%' }), ['100% of_a disk!'], 'no wildcard')
    t.same(await texts(store, { text: 'o_a' }), [], 'no wildcard')
    t.same(await texts(store, { text: '!' }), ['100% of_a disk!'])
    t.same(await texts(store, { text: 'web' }), ['comment'], 'by its row')
    t.same(await texts(store, { text: "' or 1=1 --" }), [])
    t.same(await texts(store, { deviceUid: uid, about: { group: 'container', row: 'web' } }), [
      'comment',
      '100% of_a disk!',
    ])
    t.same(await texts(store, { deviceUid: uid, about: { group: 'interface', row: null } }), [
      '100% of_a disk!',
    ])
    t.equal(
      (await texts(store, { deviceUid: uid, about: { group: 'container', row: null } })).length,
      3,
    )
    t.equal(await store.events.count({ deviceUid: uid }), 3)
    t.equal(await store.events.count({ text: 'nothing' }), 0)
  })

  t.test('events of a deleted device: refused, kept or gone', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const many = Array.from({ length: 4100 }, (_, i) => event(uid, T0 + i))
    await store.events.write(many)
    await store.devices.remove('sw', { history: false, at: 1 })
    t.same(await store.events.write([event(uid, T0 - 1)]), [{ refused: 'unknown-device' }])
    t.match(await store.events.list({ limit: 1 }), [{ device: 'sw', isDeleted: true }])
    const next = await store.devices.create(config('sw'), 'api', 2)
    t.same(await store.events.list({ deviceUid: next.uid }), [], 'nobody inherits them')
    await store.events.write(many.map(one => ({ ...one, deviceUid: next.uid })))
    await store.devices.remove('sw', { history: true, at: 3 })
    t.equal(await count(place, 'event'), 4100)
    t.same(await store.events.list({ deviceUid: next.uid }), [])
  })

  t.test('what is older than it is kept goes in small steps', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    t.equal(await store.events.days(), 365)
    const old = Array.from({ length: 2500 }, (_, i) => event(uid, T0 + i))
    await store.events.write([...old, event(uid, T0 + DAY)])
    await store.events.setDays(2)
    t.equal(await store.events.days(), 2)
    const now = T0 + 2 * DAY
    t.equal(await store.events.trim(now), 0)
    const steps: number[] = []
    while (steps.length < 9 && steps.at(-1) !== 0)
      steps.push(await store.events.trim(now + DAY / 2))
    t.same(steps, [1000, 1000, 500, 0])
    t.equal(await count(place, 'event'), 1)
    await store.settings.put('events.days', 'for ever')
    t.equal(await store.events.days(), 365, 'a setting that is none')
  })

  t.test('events are there after a restart, and a hurt one hides no other', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.events.write([event(uid, T0, { fields: { a: 'b' } }), event(uid, T0 + 1)])
    await place.raw(`update event set fields = '{"a": [', kind = 'newer' where at = ${T0}`)
    const again = await openStore({ url: place.url, log })
    t.teardown(() => again.close())
    t.same(await texts(again, {}), [`event ${T0 + 1}`, `event ${T0}`])
  })
}
