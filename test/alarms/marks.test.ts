// Goal: where a group's collections stopped and began again is marked once each, in the charts'
// truth: never in the way of a late collection, never where something was only read seldom.

import t from 'tap'
import { type DeviceGroups, heard, isNews, lateMarks } from '../../server/alarms/marks.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { DeviceStatus } from '../../server/model/collection.ts'
import type { GapReason } from '../../server/model/gap.ts'

const device = { uid: 7, everyMs: 60_000 }
const status = (state: DeviceStatus['state'], reason: GapReason | null = null): DeviceStatus => ({
  ...{ state, since: 0, reason },
})
const collection = (
  at: number,
  failed: GapReason | null = null,
  group = 'system',
): AcceptedCollection => ({
  ...{ deviceUid: 7, group, at, rows: null, metrics: new Map(), gaps: new Map(), failed },
})
const say = (marks: readonly AcceptedCollection[]) =>
  marks.map(({ group, at, failed }) => `${group} ${failed} @${at}`)

t.test('one mark when it is late, one before the next', async t => {
  const groups: DeviceGroups = new Map()
  t.equal(heard(groups, device, collection(1000), 1000), null)
  t.equal(heard(groups, device, collection(61_000), 61_000), null)
  t.same(lateMarks(groups, device, status('up'), 185_999), [])
  const late = lateMarks(groups, device, status('unknown', 'poller-down'), 186_000)
  t.same(say(late), ['system poller-down @61001'])
  t.same(lateMarks(groups, device, status('unknown', 'poller-down'), 999_000), [])
  const end = heard(groups, device, collection(1_000_000), 1_000_000)
  t.same(say(end ? [end] : []), ['system poller-down @999999'])
  t.equal(heard(groups, device, collection(1_060_000), 1_060_000), null)
})

t.test('the reason is what is known of the device', async t => {
  const wanted: [DeviceStatus, GapReason][] = [
    [status('paused', 'paused'), 'paused'],
    [status('down', 'timeout'), 'unreachable'],
    [status('down', 'auth'), 'auth'],
    [status('unknown', 'device-clock'), 'device-clock'],
    [status('up'), 'poller-down'],
  ]
  for (const [known, reason] of wanted) {
    const groups: DeviceGroups = new Map()
    heard(groups, device, collection(1000), 1000)
    t.equal(lateMarks(groups, device, known, 999_000)[0]?.failed, reason)
  }
})

t.test('a failed collection of a device that is down is a gap already', async t => {
  const groups: DeviceGroups = new Map()
  heard(groups, device, collection(1000, 'timeout'), 1000)
  t.same(lateMarks(groups, device, status('down', 'timeout'), 400_000), [])
  const late = lateMarks(groups, device, status('unknown', 'poller-down'), 700_000)
  t.same(say(late), ['system poller-down @1001'])
})

t.test('a group that is read seldom is late by its own interval', async t => {
  const groups: DeviceGroups = new Map()
  for (const at of [0, 3_600_000]) heard(groups, device, collection(at, null, 'slow'), at)
  t.same(lateMarks(groups, device, status('up'), 3_600_000 + 7_200_000), [])
  t.equal(lateMarks(groups, device, status('up'), 3_600_000 + 7_205_000).length, 1)
})

t.test('a group heard once is not late while the others go on', async t => {
  const groups: DeviceGroups = new Map()
  heard(groups, device, collection(0, null, 'hourly'), 0)
  for (const at of [0, 60_000, 120_000, 180_000]) heard(groups, device, collection(at), at)
  t.same(lateMarks(groups, device, status('up'), 200_000), [])
  const silent = lateMarks(groups, device, status('up'), 305_000)
  t.same(say(silent), ['system poller-down @180001'], 'the device stopped')
  t.same(say(lateMarks(groups, device, status('up'), 7_205_000)), ['hourly poller-down @1'])
})

t.test('a spool that is emptied after the mark: times are news, one by one', async t => {
  const groups: DeviceGroups = new Map()
  heard(groups, device, collection(1000), 1000)
  lateMarks(groups, device, status('unknown', 'poller-down'), 999_000)
  t.equal(isNews(groups, collection(1000)), false)
  t.equal(isNews(groups, collection(900)), false)
  t.equal(isNews(groups, collection(61_000)), true)
  t.equal(heard(groups, device, collection(61_000), 999_000), null, 'nothing was missing')
  t.equal(heard(groups, device, collection(121_000), 999_001), null)
})
