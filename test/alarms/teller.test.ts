// Goal: what judge hears becomes events: states, restarts, rows that change, come and go; the first
// sight of anything says nothing, and no storm leaves a stack of switches.

import t from 'tap'
import { restartEvent, statusEvent } from '../../server/alarms/happened.ts'
import type { WatchedGroup } from '../../server/alarms/rowwatch.ts'
import { createEventTeller } from '../../server/alarms/teller.ts'
import type { AcceptedCollection, KnownDevice } from '../../server/model/accepted.ts'
import type { DeviceStatus, Value } from '../../server/model/collection.ts'
import { DeviceEvent, type EventBody } from '../../server/model/event.ts'
import { checker } from '../../server/validate.ts'

const T0 = 1_795_320_000_000
const check = checker(DeviceEvent)

const INTERFACES: WatchedGroup = {
  rows: true,
  states: [
    {
      metric: 'oper',
      title: 'Status',
      of: value => ({ name: value === 1 ? 'up' : 'down', isBad: value !== 1 }),
    },
  ],
  speeds: [{ metric: 'speed', title: 'Speed', unit: 'bit/s' }],
}

const DEVICE: KnownDevice = { id: 'sw-1', uid: 7, everyMs: 60_000, enabled: true, kind: 'snmp' }

function bench(group = INTERFACES) {
  const told: EventBody[] = []
  const teller = createEventTeller({
    watch: (_, name) =>
      name === 'unwatched' ? null : { table: group, uptime: name === 'system' ? 'uptime' : null },
    tell: (_, event) => {
      told.push(event)
    },
  })
  let at = T0
  const give = (
    rows: readonly string[] | null,
    metrics: Record<string, Value[]>,
    more: Partial<AcceptedCollection> = {},
    device = DEVICE,
  ): EventBody[] => {
    at += 60_000
    told.length = 0
    teller.collection(device, {
      ...{ deviceUid: device.uid, group: 'interface', at, rows: rows && [...rows] },
      ...{ metrics: new Map(Object.entries(metrics)), gaps: new Map(), failed: null },
      ...more,
    })
    for (const event of told) {
      const checked = check({ v: 1, ...event })
      t.ok(checked.ok, `an event that is one: ${JSON.stringify(event)}`)
    }
    return [...told]
  }
  return { give, teller, told }
}

const texts = (events: EventBody[]) => events.map(({ text }) => text)

t.test('a state and a speed that change', async t => {
  const { give } = bench()
  t.same(give(['a', 'b'], { oper: [1, 1], speed: [1e9, 1e9] }), [], 'the first sight')
  t.same(give(['a', 'b'], { oper: [1, 1], speed: [1e9, 1e9] }), [])
  const [down, ...more] = give(['a', 'b'], { oper: [1, 2], speed: [1e9, 1e9] })
  t.match(down, {
    kind: 'row',
    severity: 'warning',
    name: 'oper.down',
    group: 'interface',
    row: 'b',
  })
  t.equal(down?.text, 'b: Status down, was up')
  t.same(more, [])
  t.same(texts(give(['a', 'b'], { oper: [1, 1], speed: [1e8, 1e9] })), [
    'b: Status up, was down',
    'a: Speed 100 Mbit/s, was 1 Gbit/s',
  ])
})

t.test('gaps, groups that are not due, failures and late ones change nothing', async t => {
  const { give } = bench()
  give(['a', 'b'], { oper: [1, 1], speed: [10, 10] })
  t.same(give(['a', 'b'], { oper: [null, 1], speed: [null, null] }), [])
  t.same(give(['a', 'b'], { other: [1, 1] }), [])
  t.same(give(null, {}, { failed: 'timeout' }), [])
  t.same(give(['a'], { oper: [2] }, { at: T0 }), [], 'older than what was heard')
  t.same(give(['x'], { oper: [2] }, { group: 'unwatched' }), [])
  t.same(texts(give(['a', 'b'], { oper: [2, 1] })), ['a: Status down, was up'], 'all was kept')
})

t.test('rows that come, go, move and come back', async t => {
  const { give } = bench()
  give(['a', 'b'], { oper: [1, 1] })
  t.same(texts(give(['a', 'b', 'c'], { oper: [1, 1, 1] })), ['c is new'])
  t.same(give(['c', 'b', 'a'], { oper: [1, 1, 1] }), [], 'another order')
  t.same(give(['c', 'a'], { oper: [1, 1] }), [], 'missed once')
  t.same(texts(give(['b', 'c', 'a'], { oper: [2, 1, 1] })), ['b: Status down, was up'], 'and back')
  give(['c', 'a'], { oper: [1, 1] })
  t.same(give(['c', 'a'], { oper: [1, 1] }), [])
  t.same(texts(give(['c', 'a'], { oper: [1, 1] })), ['b is gone'], 'missed three times')
  t.same(give(['c', 'a'], { oper: [1, 1] }), [])
  t.same(texts(give(['b', 'c', 'a'], { oper: [1, 1, 1] })), ['b is new'])
  t.same(texts(give(['x%7Cy%25', 'b', 'c', 'a'], { oper: [1, 1, 1, 1] })), ['x|y% is new'])
})

t.test('no storm: a switch with 500 rows, and a stack that is switched off', async t => {
  const { give } = bench()
  const rows = Array.from({ length: 500 }, (_, i) => `Gi1/0/${i}`)
  t.same(give(rows, { oper: rows.map(() => 1) }), [])
  const events = give(rows, { oper: rows.map(() => 2) })
  t.equal(events.length, 21)
  t.match(events[20], { name: 'more', severity: 'warning', fields: { left: '480' } })
  t.equal(events[20]?.row, undefined)
  t.equal(give(rows.slice(0, 1), { oper: [2] }).length, 0)
  give(rows.slice(0, 1), { oper: [2] })
  const gone = give(rows.slice(0, 1), { oper: [2] })
  t.match(gone.at(-1), { name: 'more', severity: 'info', fields: { left: '479' } })
})

t.test(
  'the parts of a split collection are told from one another; no row is missed in them',
  async t => {
    const { give } = bench()
    for (const part of [1, 2]) t.same(give([`r${part}`], { oper: [1] }, { part }), [])
    t.same(texts(give(['r1'], { oper: [2] }, { part: 1 })), ['r1: Status down, was up'])
    t.same(give(['r1', 'r2'], { oper: [2, 1] }, { part: 2 }), [], 'a row that moved between parts')
  },
)

t.test('hostile row keys stay within an event', async t => {
  const { give } = bench()
  const row = `\u202e<img src=x onerror=alert(1)>${'x'.repeat(400)}`
  give(['a'], { oper: [1] })
  const [event] = give(['a', row], { oper: [1, 1] })
  t.equal(event?.row, row)
  t.ok((event?.text.length ?? 0) < 200)
})

t.test('a device that was deleted, or is another one of the same id, begins anew', async t => {
  const { give, teller } = bench()
  give(['a'], { oper: [1] })
  t.same(give(['b'], { oper: [2] }, {}, { ...DEVICE, uid: 8 }), [])
  teller.forget('sw-1')
  t.same(give(['c'], { oper: [2] }, {}, { ...DEVICE, uid: 8 }), [])
})

t.test('a restart is told once, with the time at which it was', async t => {
  const { give } = bench()
  const uptime = (value: number | null) =>
    give(null, { uptime: [value] }, { group: 'system' }).map(({ at, kind, text }) => [
      at,
      kind,
      text,
    ])
  t.same(uptime(86_400 * 3), [])
  t.same(uptime(86_400 * 3 + 60), [])
  t.same(uptime(null), [])
  t.same(uptime(10), [[T0 + 4 * 60_000 - 10_000, 'reboot', 'Restarted after 3 d']])
  t.same(uptime(70), [])
  const at = T0
  const ticks = 2 ** 32 / 100
  t.equal(restartEvent({ at, value: ticks - 30 }, { at: at + 60_000, value: 30 }), null, 'a wrap')
  t.ok(restartEvent({ at, value: ticks - 30 }, { at: at + 7_200_000, value: 30 }))
  t.equal(restartEvent({ at, value: 50 }, { at, value: 3 }), null, 'not later')
})

t.test('states of a device', async t => {
  const status = (
    state: DeviceStatus['state'],
    more: Partial<DeviceStatus> = {},
  ): DeviceStatus => ({
    ...{ state, since: T0, reason: null, ...more },
  })
  const down = status('down', { reason: 'timeout', error: 'no answer from 192.0.2.1' })
  t.equal(statusEvent(status('unknown'), status('up')), null, 'the first word')
  t.match(statusEvent(status('up'), down), {
    ...{ severity: 'critical', name: 'down', at: T0 },
    text: 'Down: The device did not answer in time: no answer from 192.0.2.1',
  })
  t.match(statusEvent(down, status('up', { since: T0 + 90_000 })), {
    ...{ severity: 'info', name: 'up', text: 'Up again after 1 min 30 s down' },
  })
  const lost = status('unknown', { reason: 'poller-down' })
  t.match(statusEvent(status('up'), lost), { severity: 'warning', name: 'unknown' })
  t.match(statusEvent(lost, status('up')), { text: /^Up again after/ })
  t.equal(statusEvent(status('up'), status('paused', { reason: 'paused' })), null)
  t.equal(statusEvent(status('paused'), status('up')), null)
  t.equal(statusEvent(down, { ...down, reason: 'unreachable' }), null, 'the same state')
  const long = statusEvent(status('up'), status('down', { error: 'x'.repeat(2000) }))
  t.ok(check({ v: 1, ...long }).ok)
})
