// Goal: events leave the poll threads with a read and between reads; a device that is gone tells nothing.

import t from 'tap'
import { bench, eventually, target } from './bench.ts'

t.test('with a read, and between two of them', async t => {
  const b = bench(t)
  b.targets.push(target('dev', { tells: true }, { every: '1h' }))
  await b.poller.start()
  const told = () => b.given.filter(one => one.channel === 'events').map(one => one.body.name)
  await eventually(() => told().length === 2, 'both events')
  t.same(told(), ['read', 'between'])
  t.ok(b.given.every(one => one.device === 'dev'))
})

t.test('of two devices in one thread each has its own; what was dropped says no more', async t => {
  const b = bench(t)
  b.targets.push(target('one', { tells: true }, { every: '1h' }))
  b.targets.push(target('two', { tells: true }, { every: '1h' }))
  await b.poller.start()
  const names = (device: string) =>
    b.given.filter(one => one.channel === 'events' && one.device === device).length
  await eventually(() => b.good('one').length > 0, 'a read of the first')
  b.replace(target('two', { tells: true }, { every: '1h' }))
  await b.poller.reload()
  const before = names('one')
  await eventually(() => names('two') === 2, 'the other one goes on')
  t.equal(names('one'), before)
})
