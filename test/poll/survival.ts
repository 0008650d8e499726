// What a thread's death must look like from outside, however it came: shared by the tests of the ways.

import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { tempDir } from '../parts/find.ts'
import { bench, eventually, target } from './bench.ts'

/** Two threads, one device that ends its own: the others go on, it is quarantined, and heals. */
export async function survives(t: Test, how: 'throw' | 'exit' | 'oom' | 'loop'): Promise<void> {
  const flag = path.join(await tempDir(t), 'deadly')
  const b = bench(t, {
    threadsMin: 2,
    threadsMax: 2,
    limits: { tickMs: 200, ...(how === 'oom' ? { heapMbMax: 64 } : {}) },
  })
  const steady = Array.from({ length: 6 }, (_, i) => `s${i}`)
  b.targets.push(
    ...steady.map(id => target(id, { groups: ['main'] })),
    target('bad', { deadly: how, flag, slowFrom: 2, slowMs: 20 }),
  )
  await b.poller.start()
  for (const id of [...steady, 'bad']) {
    await eventually(() => b.good(id).length >= 3, `reads of ${id}`)
  }
  const threadOf = (id: string) => b.good(id).at(-1)?.body.metrics?.thread
  const elsewhere = steady.filter(id => threadOf(id) !== threadOf('bad'))
  const beside = steady.filter(id => threadOf(id) === threadOf('bad'))
  t.ok(elsewhere.length > 0 && beside.length > 0, 'both threads have devices')

  await writeFile(flag, '')
  await eventually(() => b.poller.stats().pool.quarantined === 1, 'the guilty one')
  t.equal(b.poller.stats().pool.died, 2)
  // Out of memory is found by the guard, by V8, or as a stall in garbage collection.
  const { hung, full } = b.poller.stats().pool
  if (how !== 'oom') t.match({ hung, full }, { hung: how === 'loop' ? 2 : 0, full: 0 })
  const told = b.receipts.filter(one => one.device === 'bad').at(-1)?.receipt
  t.match(told, { stage: 'failed', error: /left alone for 10 minutes/ })
  t.match(b.samples('bad').at(-1)?.body, { ok: false, reason: 'decode' })

  const counts = new Map(steady.map(id => [id, b.good(id).length]))
  for (const id of steady) {
    await eventually(() => b.good(id).length >= (counts.get(id) ?? 0) + 2, `${id} goes on`)
  }
  for (const id of elsewhere) {
    const reads = b.good(id).map(one => one.body.metrics?.reads)
    t.same(
      reads,
      reads.map((_, i) => i + 1),
      `${id} in the other thread kept its state`,
    )
  }
  t.equal(b.poller.stats().pool.quarantined, 1, 'nobody else')
  t.equal(b.poller.stats().pool.died, 2, 'and no other thread')
  t.equal(b.poller.stats().devices, steady.length + 1)

  await rm(flag)
  const good = b.good('bad').length
  t.ok(b.poller.pollNow('bad'), 'poll now tries it again')
  await eventually(() => b.good('bad').length > good, 'it heals')
  await eventually(() => b.good('bad').length > good + 2, 'and is polled as before')
  t.equal(b.poller.stats().pool.died, 2)
}
