// Goal: a device that goes silent costs no full reads and leaves a gap with its reason at each slot;
// when it answers, the full read follows at once in the same thread.

import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { hashId } from '../../server/poll/grid.ts'
import { tempDir } from '../parts/find.ts'
import { bench, eventually, target } from './bench.ts'

t.jobs = 3

t.test('good, silent, good again', async t => {
  const flag = path.join(await tempDir(t), 'silent')
  const b = bench(t)
  b.targets.push(target('dev', { groups: ['cpu', 'if'], silentWhile: flag, slowMs: 1 }))
  await b.poller.start()
  await eventually(() => b.good('dev').length >= 8, 'four reads of two groups')

  await writeFile(flag, '')
  const gaps = () => b.samples('dev').filter(one => one.body.error === 'still silent')
  await eventually(() => gaps().length >= 8, 'gaps of two groups at four slots')
  const before = b.poller.stats()
  t.ok(before.reads.probed >= 3)
  t.ok(before.reads.failed <= 2, 'one read went silent, poll threads may have had one more')
  for (const { group, body } of gaps()) {
    t.match(body, { ok: false, reason: 'timeout' })
    t.equal(body.at % 1000, hashId('dev') % 1000, `${group}: at its slot`)
  }
  t.same(new Set(gaps().map(one => one.group)), new Set(['cpu', 'if']))
  const failed = b.receipts.filter(one => one.receipt.stage === 'failed')
  t.ok(failed.length <= 2, 'the silence is told once, not at each probe')

  const known = b.good('dev').length
  const thread = b.good('dev').at(-1)?.body.metrics?.thread
  const reads = Number(b.good('dev').at(-1)?.body.metrics?.reads)
  await rm(flag)
  await eventually(() => b.good('dev').length > known + 4, 'good again')
  const back = b.good('dev')[known]?.body
  t.equal(back?.metrics?.thread, thread, 'in the same thread')
  t.equal(back?.metrics?.reads, reads + 1, 'by the reader that it had, at once')
})

t.test('probes slower than the interval do not pile up; reads do not wait for them', async t => {
  const flag = path.join(await tempDir(t), 'silent')
  await writeFile(flag, '')
  const b = bench(t, { limits: { readsMax: 1, probesMax: 2 } })
  const dead = Array.from({ length: 6 }, (_, i) => `dead${i}`)
  b.targets.push(
    ...dead.map(id => target(id, { silentWhile: flag, silentMs: 700 })),
    target('alive', { tookMs: 5 }),
  )
  await b.poller.start()
  await eventually(() => b.poller.stats().reads.probed >= 10, 'probes')
  const good = b.good('alive').length
  await eventually(() => b.good('alive').length >= good + 5, 'the other one is read')
  t.ok((b.poller.stats().threads[0]?.reading ?? 0) <= 3)
  for (const id of dead) {
    const timeouts = () => b.samples(id).filter(one => one.body.reason === 'timeout')
    await eventually(() => timeouts().length >= 4, `gaps of ${id}`)
    // A machine that is late adds reads that were not made at their time.
    const reasons = b.samples(id).map(one => one.body.reason)
    t.same(new Set(reasons.filter(reason => reason !== 'overrun')), new Set(['timeout']))
  }
})

t.test('a device that never answered leaves gaps too, and poll now reads it in full', async t => {
  const flag = path.join(await tempDir(t), 'silent')
  await writeFile(flag, '')
  const b = bench(t)
  b.targets.push(target('dev', { groups: ['device'], silentWhile: flag }))
  await b.poller.start()
  await eventually(() => b.samples('dev').length >= 3, 'gaps')
  const gaps = b.samples('dev').filter(one => one.body.reason !== 'overrun')
  t.ok(gaps.length > 0)
  t.ok(gaps.every(one => one.group === 'device' && one.body.reason === 'timeout'))
  const { failed } = b.poller.stats().reads
  t.ok(b.poller.pollNow('dev'))
  await eventually(() => b.poller.stats().reads.failed > failed, 'a full read')
})

t.test('a changed config is read in full at once', async t => {
  const flag = path.join(await tempDir(t), 'silent')
  await writeFile(flag, '')
  const b = bench(t)
  b.targets.push(target('dev', { silentWhile: flag }, { every: '1h' }))
  await b.poller.start()
  await eventually(() => b.poller.stats().reads.failed === 1, 'silent')
  b.replace(target('dev', {}, { every: '1h', version: 2 }))
  await b.poller.reload()
  await eventually(() => b.good('dev').length > 0, 'good')
  t.equal(b.poller.stats().reads.probed, 0)
})
