// Goal: whatever ends a poll thread, its devices go on in another, the others notice
// nothing, and the device that did it is found and left alone.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { createRestarts } from '../../server/poll/restarts.ts'
import { tempDir } from '../parts/find.ts'
import { bench, eventually, target } from './bench.ts'
import { survives } from './survival.ts'

t.jobs = 3

for (const how of ['throw', 'exit'] as const) {
  t.test(`a thread ended by ${how}: devices go on, the guilty one is quarantined, then heals`, t =>
    survives(t, how),
  )
}

t.test('of many that were being read, only the guilty one is quarantined', async t => {
  const flag = path.join(await tempDir(t), 'deadly')
  const b = bench(t, { limits: { tickMs: 250 } })
  const others = Array.from({ length: 20 }, (_, i) => `o${i}`)
  b.targets.push(
    ...others.map(id => target(id, { tookMs: 700 })),
    target('bad', { deadly: 'throw', flag, tookMs: 100 }),
  )
  await writeFile(flag, '')
  await b.poller.start()
  await eventually(() => b.poller.stats().pool.quarantined === 1, 'the guilty one')
  t.equal(b.receipts.filter(one => /left alone/.test(one.receipt.error ?? '')).length, 1)
  t.match(
    b.receipts.find(one => /left alone/.test(one.receipt.error ?? '')),
    { device: 'bad' },
  )
  for (const id of others) await eventually(() => b.good(id).length > 0, `a read of ${id}`)
  const count = b.good('o1').length
  await eventually(() => b.good('o1').length >= count + 2, 'they go on')
  await eventually(
    () => b.poller.stats().threads.every(one => one.state === 'working'),
    'one pool again',
  )
  t.equal(b.poller.stats().threads.length, 1)
})

t.test('threads that cannot start are told, and started again', async t => {
  const dir = await tempDir(t)
  const broken = path.join(dir, 'broken.mjs')
  await writeFile(broken, 'throw new Error("no start")')
  const b = bench(t, { workerUrl: new URL(`file://${broken}`), limits: { tickMs: 50 } })
  b.targets.push(target('dev'))
  await b.poller.start()
  await eventually(() => b.poller.stats().pool.died >= 7, 'deaths')
  t.ok(b.logged.some(line => line.includes('no start')))
  t.equal(b.stages('dev').includes('loaded'), false)
})

t.test('after many deaths new threads are started ever more slowly', async t => {
  const restarts = createRestarts()
  const waits = Array.from({ length: 30 }, (_, i) => {
    const now = 1000 + i
    restarts.died(now)
    let wait = 0
    while (!restarts.mayStart(now + wait)) wait += 250
    return wait
  })
  t.same(waits.slice(0, 9), [0, 0, 0, 0, 0, 500, 1000, 2000, 4000])
  t.equal(Math.max(...waits), 30_000, 'and never later than that')
  restarts.died(200_000)
  t.ok(restarts.mayStart(200_000), 'a minute without a death, and all is forgotten')
})
