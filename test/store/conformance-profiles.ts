// The cases of profiles that people wrote: each save is a version, of two at once the second is told.

import type { Test } from 'tap'
import type { NewPlace } from './place.ts'
import { opened } from './samples.ts'

export function profileCases(t: Test, newPlace: NewPlace): void {
  t.test('profiles: saved, changed by one at a time, deleted, and told apart', async t => {
    const store = (await opened(t, newPlace)).store.profiles
    const by = (expected: number, at = 1) => ({ expected, by: 'Zoé', at })
    const empty = await store.stamp()
    t.same(await store.list(), [])
    t.equal(await store.save('acme', '{"title":"ü"}', by(0)), 1)
    const first = await store.stamp()
    t.not(first, empty, 'a save is seen')
    t.equal(await store.stamp(), first, 'and nothing else')
    await t.rejects(store.save('acme', '{}', by(0)), { code: 'E_PROFILE_CHANGED' }, 'it is there')
    t.equal(await store.save('acme', '{"title":"b"}', by(1, 2)), 2)
    await t.rejects(store.save('acme', '{}', by(1)), { code: 'E_PROFILE_CHANGED' }, 'an old one')
    t.equal(await store.save('other', '{}', by(0, 3)), 1)
    t.same(
      (await store.list()).map(({ id, version, text, by, at }) => [id, version, text, by, at]),
      [
        ['acme', 2, '{"title":"b"}', 'Zoé', 2],
        ['other', 1, '{}', 'Zoé', 3],
      ],
    )
    t.match(await store.version('acme', 1), { text: '{"title":"ü"}' })
    t.equal(await store.version('acme', 9), null)
    t.equal(await store.save('acme', null, by(2, 4)), 3)
    t.equal(await store.get('acme'), null, 'deleted')
    t.same(
      (await store.list()).map(({ id }) => id),
      ['other'],
    )
    t.equal(await store.version('acme', 3), null)
    t.same(
      (await store.history('acme')).map(({ version, isDeleted }) => [version, isDeleted]),
      [
        [3, true],
        [2, false],
        [1, false],
      ],
      'its history stays',
    )
    await t.rejects(store.save('acme', '{}', by(3)), { code: 'E_PROFILE_CHANGED' })
    t.equal(await store.save('acme', '{}', by(0, 5)), 4, 'made again, it goes on')
    const [one, two] = await Promise.allSettled([
      store.save('acme', '{"title":"x"}', by(4)),
      store.save('acme', '{"title":"y"}', by(4)),
    ])
    const states = [one?.status, two?.status].sort()
    t.same(states, ['fulfilled', 'rejected'], 'of two at once one is told')
  })

  t.test('of many versions the oldest go', async t => {
    const store = (await opened(t, newPlace)).store.profiles
    for (let version = 0; version < 103; version++) {
      await store.save('acme', `{"title":"${version}"}`, {
        expected: version,
        by: 'a',
        at: version,
      })
    }
    const history = await store.history('acme')
    t.equal(history.length, 100)
    t.match(history[0], { version: 103 })
    t.equal(await store.version('acme', 3), null)
    t.ok(await store.version('acme', 4))
  })
}
