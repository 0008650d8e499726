// The cases of states of devices: what judge saw and when it watched; and windows that were removed.

import type { Test } from 'tap'
import { stateRenewMs } from '../../server/store/states.ts'
import type { NewPlace } from './place.ts'
import { opened } from './samples.ts'
import { DAY } from './tending.ts'

const NOW = 1_800_000_000_000
const WATCH = { id: 'w', from: NOW, until: NOW + 1000 }

export function stateCases(t: Test, newPlace: NewPlace): void {
  t.test('states by time, of one device or of all; what came late takes its place', async t => {
    const { store, uid } = await opened(t, newPlace)
    const { states } = store
    const found = async (from: number, to: number, deviceUid?: number) => {
      const rows: [number, number, string][] = []
      const query = { from, to, ...(deviceUid !== undefined && { deviceUid }) }
      await states.each(query, (of, at, state) => rows.push([of, at - NOW, state]))
      return rows
    }
    const change = (deviceUid: number, at: number, state: 'up' | 'down', until?: number) => ({
      ...{ deviceUid, at: NOW + at, state, until: until === undefined ? null : NOW + until },
    })
    await states.write([change(uid, 0, 'up'), change(uid + 1, 0, 'down')], WATCH)
    await states.write([change(uid, 500, 'down'), change(uid, 0, 'up')], {
      ...WATCH,
      until: NOW + 9,
    })
    t.same(await found(NOW, NOW + 1000), [
      [uid, 0, 'up'],
      [uid + 1, 0, 'down'],
      [uid, 500, 'down'],
    ])
    t.same(await found(NOW, NOW + 1000, uid + 1), [[uid + 1, 0, 'down']])
    t.same(await found(NOW, NOW + 500, uid), [[uid, 0, 'up']], 'the end is not included')
    await states.write([change(uid, 200, 'down', 500)], WATCH)
    t.same(await found(NOW, NOW + 1000, uid), [
      [uid, 0, 'up'],
      [uid, 200, 'down'],
    ])
    await states.write([change(uid, 400, 'up'), change(uid, 300, 'up', 400)], WATCH)
    t.same((await found(NOW, NOW + 1000, uid)).at(-1), [uid, 300, 'up'], 'also of the same batch')
    await states.write([change(uid, 300, 'down', 300)], WATCH)
    t.equal((await found(NOW + stateRenewMs, NOW + 9 * DAY)).length, 4, 'it looks back for so long')
    t.same(await found(NOW + stateRenewMs + 2 * DAY, NOW + 9 * DAY), [], 'and no longer')
    t.same(await states.watches(NOW - 5, NOW + 5), [{ from: NOW, until: NOW + 1000 }])
    t.same(await states.watches(NOW - 9, NOW), [])
    await store.devices.remove('sw', { history: true, at: NOW })
    t.same(await found(NOW, NOW + 1000), [[uid + 1, 0, 'down']], 'they go with the history')
  })

  t.test('more than are read at once', async t => {
    const { store } = await opened(t, newPlace)
    const all = Array.from({ length: 30_500 }, (_, i) => ({
      ...{
        deviceUid: i % 25_000,
        at: NOW + Math.floor(i / 25_000),
        state: 'up' as const,
        until: null,
      },
    }))
    await store.states.write(all, WATCH)
    const seen = new Set<string>()
    let count = 0
    await store.states.each({ from: NOW, to: NOW + 10 }, (uid, at) => {
      seen.add(`${uid} ${at}`)
      count++
    })
    t.same([seen.size, count], [30_500, 30_500], 'each once')
    while ((await store.states.trim(NOW + 2000 * DAY)) > 0);
    await store.states.each({ from: NOW, to: NOW + 10 }, () => t.fail('a row was left'))
    t.same(await store.states.watches(NOW - 5, NOW + 5), [])
  })

  t.test('deleted devices whose history is kept', async t => {
    const { store, uid } = await opened(t, newPlace)
    const { createdAt } = (await store.devices.get('sw')) ?? { createdAt: 0 }
    await store.devices.remove('sw', { history: false, at: createdAt + 5000 })
    t.match(await store.states.gone(createdAt, createdAt + 1), [
      { uid, config: { id: 'sw' }, createdAt, deletedAt: createdAt + 5000 },
    ])
    t.same(await store.states.gone(createdAt + 5000, createdAt + 9000), [])
    t.same(await store.states.gone(createdAt - 10, createdAt), [])
  })

  t.test('windows that were removed stay for the time before', async t => {
    const { store } = await opened(t, newPlace)
    const { rules } = store
    const once = (from: number, to: number) => ({ once: { from: NOW + from, to: NOW + to } })
    await rules.putWindow('weekly', { weekly: {} }, null, 'a', NOW)
    await rules.putWindow('over', once(0, 10), NOW + 10, 'a', NOW)
    await rules.putWindow('running', once(0, 90), NOW + 90, 'a', NOW)
    await rules.putWindow('later', once(70, 90), NOW + 90, 'a', NOW)
    for (const id of ['weekly', 'over', 'running', 'later']) {
      t.equal(await rules.removeWindow(id, NOW + 50), true)
      t.equal(await rules.removeWindow(id, NOW + 60), false, 'only once')
    }
    t.same(await rules.windows(), [])
    const past = await rules.pastWindows(NOW)
    t.same(
      past.map(({ madeAt, removedAt }) => [madeAt - NOW, (removedAt ?? 0) - NOW]),
      [
        [0, 50],
        [0, 50],
      ],
    )
    t.same(await rules.pastWindows(NOW + 50), [])
  })
}
