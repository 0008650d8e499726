// Goal: changed targets are in force at once with receipts, whatever else happens meanwhile.

import t from 'tap'
import type { Target } from '../../server/collectors/collector.ts'
import { AppError } from '../../server/model/errors.ts'
import { bench, eventually, target } from './bench.ts'

t.jobs = 3

t.test(
  'reload: added, changed interval, described, paused and removed are in force at once',
  async t => {
    const b = bench(t)
    await b.poller.start()
    b.replace(target('one', {}, { every: '1h' }), target('two', {}, { every: '1h' }))
    await b.poller.reload()
    await eventually(() => b.good('one').length > 0 && b.good('two').length > 0, 'first reads')

    const known = b.good('two').length
    b.replace(target('one', {}, { every: '1s', version: 2 }), target('two', {}, { every: '1h' }))
    await b.poller.reload()
    await eventually(
      () => b.receipts.some(r => r.receipt.version === 2 && r.receipt.stage === 'first-good'),
      'v2',
    )
    await eventually(() => b.good('one').length > 4, 'the new interval')
    t.same(
      b.stages('two'),
      ['loaded', 'identified', 'first-good'],
      'an unchanged device hears nothing',
    )

    const readsBefore = Number(b.good('one').at(-1)?.body.metrics?.reads)
    b.replace(
      target('one', {}, { every: '1s', version: 3, name: 'One!' }),
      target('two', {}, { every: '1h' }),
    )
    await b.poller.reload()
    await eventually(
      () => b.receipts.some(r => r.receipt.version === 3 && r.receipt.stage === 'first-good'),
      'v3',
    )
    t.ok(
      Number(b.good('one').at(-1)?.body.metrics?.reads) > readsBefore,
      'a new name keeps the reader',
    )

    b.replace(target('one', {}, { enabled: false, version: 4 }))
    await b.poller.reload()
    t.equal(b.samples('one').at(-1)?.body.reason, 'paused')
    t.equal(b.stages('one').at(-1), 'removed')
    t.equal(b.stages('two').at(-1), 'removed')
    t.equal(b.poller.stats().devices, 0)
    const count = b.given.length
    b.replace(target('three'))
    await b.poller.reload()
    await eventually(() => b.good('three').length >= 3, 'reads of another device')
    t.equal(b.given.slice(count).filter(one => one.device !== 'three').length, 0)
    t.ok(b.good('two').length >= known)
  },
)

t.test('reloads that come together: one runs, one more after it sees the newest', async t => {
  let calls = 0
  let open = 0
  let most = 0
  const b = bench(t, {
    targets: async () => {
      calls++
      most = Math.max(most, ++open)
      await new Promise(resolve => setTimeout(resolve, 30))
      open--
      return []
    },
  })
  await b.poller.start()
  calls = 0
  await Promise.all(Array.from({ length: 20 }, () => b.poller.reload()))
  t.equal(calls, 2)
  t.equal(most, 1)
})

t.test(
  'targets that cannot be read: start goes on, reload says so, a later one mends it',
  async t => {
    let down = true
    const b = bench(t, {
      targets: async () => {
        if (down) throw new AppError('E_STORE_UNAVAILABLE', 'no database')
        return [target('dev')]
      },
    })
    await b.poller.start()
    await t.rejects(b.poller.reload(), { code: 'E_STORE_UNAVAILABLE' })
    down = false
    await b.poller.reload()
    await eventually(() => b.good('dev').length > 0, 'a read')
  },
)

const OLD = { at: 1, profiles: ['fake'], chosenBecause: ['it was'], facts: {} }

/** As the store gives it: with the identity that was found before the change. */
const known = (version: number, profiles: string[]): Target => ({
  ...target('dev', {}, { version, profiles, every: '1h' }),
  identity: OLD,
})

t.test('other profiles: whatever the change, the device is identified again', async t => {
  const b = bench(t)
  b.replace(known(1, ['auto']))
  await b.poller.start()
  await eventually(() => b.stages('dev').includes('first-good'), 'a read')
  t.notOk(b.stages('dev').includes('identified'), 'what was known holds')
  const identified = () => b.stages('dev').filter(stage => stage === 'identified').length
  const changes = [
    ['auto', 'ups'],
    ['ups', 'auto'],
    ['auto'],
    ['auto', '-ups'],
    ['-ups', 'auto', 'x'],
    ['ups'],
    ['auto'],
  ]
  for (const [i, profiles] of changes.entries()) {
    b.replace(known(i + 2, profiles))
    await b.poller.reload()
    await eventually(() => identified() === i + 1, `identified with ${profiles}`)
  }
  b.replace({ ...known(20, ['auto']), config: { ...known(20, ['auto']).config, name: 'New' } })
  await b.poller.reload()
  b.replace({ ...known(21, ['auto']), config: { ...known(21, ['auto']).config, every: '2h' } })
  await b.poller.reload()
  const good = b.good('dev').length
  await eventually(() => b.good('dev').length > good, 'a read after a change of the interval')
  t.equal(identified(), changes.length, 'other changes ask for nothing')
})

t.test('other profiles while the device was paused: identified again; the same: not', async t => {
  const b = bench(t)
  const identified = () => b.stages('dev').filter(stage => stage === 'identified').length
  const resume = async (version: number, profiles: string[]) => {
    b.replace()
    await b.poller.reload()
    const good = b.good('dev').length
    b.replace(known(version, profiles))
    await b.poller.reload()
    await eventually(() => b.good('dev').length > good, `a read of version ${version}`)
  }
  b.replace(known(1, ['auto', 'ups']))
  await b.poller.start()
  await eventually(() => b.good('dev').length > 0, 'a read')
  await resume(2, ['auto', 'ups'])
  t.equal(identified(), 0)
  await resume(3, ['auto'])
  t.equal(identified(), 1)
})
