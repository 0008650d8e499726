// Groups whose rows are heard one by one: a row that a collection does not name is as it was, with its
// own time; in memory, in Redis' words, and filled from the store.

import t from 'tap'
import {
  blobOf,
  collectionOf,
  createStamps,
  decodeBlob,
  encodeBlob,
} from '../../server/live/blob.ts'
import { applyCollection, emptyGroup, mergeGroup, samplesOf } from '../../server/live/columns.ts'
import { collectionsOf } from '../../server/live/fill.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'

const heard = (at: number, row: string, value: number): AcceptedCollection => ({
  deviceUid: 1,
  group: 'room',
  at,
  rows: [row],
  metrics: new Map([['temperature', [value]]]),
  gaps: new Map(),
  failed: null,
  some: true,
})

const shown = (group: ReturnType<typeof emptyGroup>) =>
  samplesOf('room', group).map(({ row, value, gap, at }) => [row, value ?? gap, at])

t.test('rows stay beside those that are heard later', async t => {
  const group = emptyGroup()
  for (const one of [heard(1, 'a', 10), heard(2, 'b', 20), heard(3, 'a', 11)]) {
    t.ok(applyCollection(group, one))
  }
  t.same(shown(group), [
    ['b', 20, 2],
    ['a', 11, 3],
  ])
  const failed = { ...heard(4, 'a', 0), metrics: new Map(), failed: 'timeout' as const }
  applyCollection(group, failed)
  applyCollection(group, heard(5, 'b', 21))
  t.same(shown(group), [
    ['a', 'timeout', 4],
    ['b', 21, 5],
  ])
  const { some: _, ...whole } = heard(6, 'c', 30)
  applyCollection(group, whole)
  t.same(shown(group), [['c', 30, 6]], 'without the word, rows that are not named are gone')
})

t.test('through Redis it is the same collection', async t => {
  const text = encodeBlob(blobOf(heard(1, 'a', 10)), createStamps('writer')())
  t.ok(text)
  const blob = text && decodeBlob(text)
  t.same(blob && collectionOf(blob), heard(1, 'a', 10))
})

t.test('two copies that heard different rows are one', async t => {
  const [a, b] = [emptyGroup(), emptyGroup()]
  for (const one of [heard(1, 'x', 10), heard(4, 'y', 40)]) applyCollection(a, one)
  for (const one of [heard(2, 'z', 20), heard(3, 'x', 30)]) applyCollection(b, one)
  const merged = emptyGroup()
  mergeGroup(merged, a)
  mergeGroup(merged, b)
  mergeGroup(merged, a)
  t.same(shown(merged).sort(), [
    ['x', 30, 3],
    ['y', 40, 4],
    ['z', 20, 2],
  ])
})

t.test('filled from the store: every row at its own time', async t => {
  const point = (row: string, at: number) => ({
    deviceUid: 1,
    group: 'room',
    metric: 'temperature',
    row,
    firstAt: 0,
    at,
    value: at,
    gap: null,
  })
  const latest = [point('a', 5), point('b', 9)]
  const group = emptyGroup()
  for (const one of collectionsOf(1, latest, true)) applyCollection(group, one)
  t.same(shown(group), [
    ['a', 5, 5],
    ['b', 9, 9],
  ])
  t.equal(collectionsOf(1, latest).length, 1, 'of others, the row that was not read last is gone')
})
