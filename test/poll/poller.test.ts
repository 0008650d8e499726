// Goal: devices are read on their grid in real threads, and what a collector does wrong ends as a
// reason, never as silence.

import t from 'tap'
import { hashId } from '../../server/poll/grid.ts'
import { deadlineMsOf } from '../../server/poll/targets.ts'
import { bench, catalogueOf, eventually, target } from './bench.ts'

t.jobs = 3

t.test('a device: read at once, on its grid, with every receipt', async t => {
  const b = bench(t)
  b.targets.push(target('dev', { tookMs: 5, groups: ['cpu', 'if'] }))
  await b.poller.start()
  await eventually(() => b.good('dev').length >= 8, 'four reads of two groups')
  t.same(b.stages('dev'), ['loaded', 'identified', 'first-good'])
  const [loaded, identified] = b.receipts
  t.equal(loaded?.receipt.node, 'node-1')
  t.equal(loaded?.receipt.version, 1)
  t.equal(loaded?.receipt.thread, b.poller.stats().threads[0]?.id)
  t.type(loaded?.receipt.nextPollAt, 'number')
  t.match(identified?.receipt.identity, { profiles: ['fake'] })
  const scheduled = b.good('dev').filter(one => one.group === 'cpu')
  for (const one of scheduled.slice(2)) {
    const at = Number(one.body.metrics?.scheduled)
    t.equal(at % 1000, hashId('dev') % 1000, 'on the grid')
  }
  t.notOk('v' in (b.given[0]?.body ?? {}) && b.given[0]?.channel === 'samples')
  t.equal(b.given.filter(one => one.channel === 'rows').length, 1)
  t.ok(b.poller.stats().lateness.samples > 0)
})

t.test('a slow read is aborted at its deadline; one that will not end costs overruns', async t => {
  const b = bench(t)
  b.targets.push(target('slow', { groups: ['cpu', 'if'], slowFrom: 4, slowMs: 60_000 }))
  await b.poller.start()
  const timedOut = () => b.samples('slow').filter(one => one.body.reason === 'timeout')
  await eventually(() => timedOut().length >= 2, 'aborted reads')
  t.same(new Set(timedOut().map(one => one.group)), new Set(['cpu', 'if']))
  t.ok(deadlineMsOf(1000, true) < 1000, 'the deadline lies before the next slot')

  b.replace(target('stuck', { groups: ['cpu', 'if'], slowFrom: 4, ignoresAbort: true }))
  await b.poller.reload()
  const stuck = () => b.samples('stuck').filter(one => one.body.reason === 'overrun')
  await eventually(() => stuck().length >= 4, 'overruns of two groups')
  t.same(new Set(stuck().map(one => one.group)), new Set(['cpu', 'if']))
  for (const one of stuck()) t.equal(one.body.at % 1000, hashId('stuck') % 1000, 'at its slot')
  t.ok(b.poller.stats().schedule.overruns >= 2)
})

t.test('a hanging read is a timeout, its slots are overruns, and it is read again', async t => {
  const b = bench(t)
  const known = { at: 1, profiles: ['fake'], chosenBecause: [], facts: {} }
  b.targets.push({ ...target('hang', { ignoresAbort: true }), identity: known })
  await b.poller.start()
  await eventually(
    () => b.samples('hang').filter(one => one.body.reason === 'timeout').length >= 2,
    'two',
  )
  t.same(b.stages('hang'), ['loaded', 'failed'], 'the same error is told once')
  t.match(b.receipts.at(-1)?.receipt.error, /did not end within 900 ms/)
  t.equal(b.samples('hang')[0]?.group, 'device')
  await eventually(
    () => (b.poller.stats().threads[0]?.abandoned ?? 0) >= 2,
    'the heartbeat tells it',
  )
})

t.test(
  'bugs of a collector are failed collections without the secret, and end no thread',
  async t => {
    const b = bench(t)
    const secrets = { 'x.community': 'hunter2-secret' }
    b.targets.push(
      target('throws', { bug: 'throw' }),
      target('rejects', { bug: 'reject' }, { secrets }),
      target('not-json', { bug: 'not-json' }),
      target('closed', { cannotOpen: true }, { secrets }),
      { ...target('kindless'), config: { ...target('kindless').config, kind: 'docker' } },
      target('fine'),
    )
    await b.poller.start()
    for (const id of ['throws', 'rejects', 'not-json', 'closed', 'kindless']) {
      const one = await eventually(() => b.samples(id)[0], `a failed collection of ${id}`)
      t.match(one.body, { ok: false, reason: 'decode' }, id)
      await eventually(() => b.stages(id).includes('failed'), `a receipt of ${id}`)
    }
    await eventually(() => b.good('fine').length >= 2, 'reads of the good one')
    t.equal(b.poller.stats().pool.died, 0)
    const said = JSON.stringify([b.given, b.receipts, b.logged])
    t.notMatch(said, /hunter2/)
    t.match(b.samples('rejects')[0]?.body.error, /a bug with \(hidden\)/)
  },
)

t.test('a failing device is read ever less often; poll now and a change end that', async t => {
  const b = bench(t)
  b.targets.push(target('down', { fails: 'timeout' }), target('up'))
  await b.poller.start()
  await eventually(() => b.poller.stats().schedule.backedOff >= 4, 'back-off')
  const behind = () => b.good('up').length - b.samples('down').length
  const before = behind()
  await eventually(() => behind() >= before + 3, 'slots of the failing one to be left out')
  const failed = b.samples('down').length
  t.ok(b.poller.pollNow('down'))
  await eventually(() => b.samples('down').length > failed, 'a read by poll now')
  t.same(b.stages('down'), ['loaded', 'identified', 'failed'])
  b.replace(target('down', {}, { version: 2 }), target('up'))
  await b.poller.reload()
  await eventually(() => b.stages('down').at(-1) === 'first-good', 'good at last')
})

t.test('poll now goes before all that wait; an unknown device is false', async t => {
  const b = bench(t, { limits: { readsMax: 1 } })
  for (let i = 0; i < 30; i++) b.targets.push(target(`w${i}`, { tookMs: 100 }, { every: '1h' }))
  b.targets.push(target('urgent', { tookMs: 1 }, { every: '1h' }))
  await b.poller.start()
  await eventually(() => (b.poller.stats().threads[0]?.queue ?? 0) > 20, 'a queue')
  const before = new Set(b.given.map(one => one.device)).size
  t.ok(b.poller.pollNow('urgent'))
  await eventually(() => b.good('urgent').length > 0, 'the urgent read')
  const order = [...new Set(b.given.map(one => one.device))]
  t.ok(order.indexOf('urgent') <= before + 1, `came as number ${order.indexOf('urgent')}`)
  t.equal(b.poller.pollNow('nobody'), false)
})

t.test('a large collection comes in parts, each within the bound', async t => {
  const b = bench(t)
  b.targets.push(target('big', { rows: 30_000 }, { every: '1h' }))
  await b.poller.start()
  const parts = await eventually(() => {
    const all = b.samples('big')
    const count = all[0]?.body.part?.[1] ?? 0
    return count > 1 && all.length >= count && all.slice(0, count)
  }, 'all parts')
  t.ok(parts.every(one => one.bytes <= 128 * 1024))
  t.equal(
    parts.reduce((sum, one) => sum + (one.body.rows?.length ?? 0), 0),
    30_000,
  )
})

t.test('a new catalogue reaches every reader', async t => {
  const b = bench(t, { threadsMin: 2, threadsMax: 2 })
  b.targets.push(target('one'), target('two'))
  await b.poller.start()
  await eventually(() => b.good('one').length > 0 && b.good('two').length > 0, 'first reads')
  b.poller.setCatalogue(catalogueOf('a', 'b'))
  for (const id of ['one', 'two']) {
    await eventually(
      () => b.good(id).at(-1)?.body.metrics?.catalogue === 'a b',
      `the new one in ${id}`,
    )
  }
})

t.test('close: reads under way end or are aborted; twice, and without a start', async t => {
  const b = bench(t)
  b.targets.push(target('quick', { tookMs: 100 }), target('never', { tookMs: 60_000 }))
  await b.poller.start()
  // Reads are handed to a thread that still starts, too: that one may take longer than close waits.
  await eventually(() => b.good('quick').length > 0, 'a thread that runs')
  await eventually(() => b.poller.stats().threads[0]?.reading === 2, 'both under way')
  const before = b.good('quick').length
  await Promise.all([b.poller.close(), b.poller.close()])
  t.ok(b.good('quick').length > before, 'what was under way is still given on')
  t.equal(b.samples('never').length, 0)
  const count = b.given.length
  t.equal(b.poller.stats().threads.length, 0)
  await b.poller.close()
  t.equal(b.given.length, count)
  const never = bench(t)
  await never.poller.close()
  await never.poller.start()
  t.equal(never.poller.stats().threads.length, 0)
})
