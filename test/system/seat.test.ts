// Goal: of two processes that want one role the second is refused while the first lives, has it once the
// first has let go, and the first is told when it was taken from it.

import path from 'node:path'
import t from 'tap'
import { createLifecycle } from '../../server/compose/lifecycle.ts'
import { takeSeats } from '../../server/compose/seat.ts'
import type { AppError } from '../../server/model/errors.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'

async function leasesOf(t: Teardown) {
  const url = `sqlite:${path.join(await tempDir(t), 'pollux.db')}`
  const store = await openStore({ url, log: silentLog })
  t.teardown(() => store.close())
  return store.leases
}

function processOf(t: Teardown, leases: Awaited<ReturnType<typeof leasesOf>>, holder: string) {
  const life = createLifecycle(silentLog)
  t.teardown(() => life.stop())
  const lost: AppError[] = []
  const onLost = (error: AppError) => void lost.push(error)
  return { ...{ leases, holder, life, log: silentLog, onLost }, lost }
}

t.test('one at a time', async t => {
  const leases = await leasesOf(t)
  const [first, second] = [processOf(t, leases, 'a'), processOf(t, leases, 'b')]
  await takeSeats(['poll', 'ingest', 'web'], first)
  t.equal((await leases.look('role.poll'))?.holder, 'a')
  t.equal(await leases.look('role.ingest'), null, 'as many as one likes')
  await takeSeats(['judge', 'web'], second)
  await t.rejects(takeSeats(['poll'], second), { code: 'E_ROLE_TAKEN', hint: /stop the other/ })
  await first.life.stop()
  await takeSeats(['poll'], second)
  t.equal((await leases.look('role.poll'))?.holder, 'b')
  t.same([first.lost, second.lost], [[], []])
})

t.test('started again it goes on at once; what still ran by its name is told', async t => {
  const leases = await leasesOf(t)
  const [before, again] = [processOf(t, leases, 'a'), processOf(t, leases, 'a')]
  await takeSeats(['judge'], before)
  await takeSeats(['judge'], again)
  await until(() => before.lost.length > 0, 'the first to be told')
  t.match(before.lost, [{ code: 'E_ROLE_TAKEN' }])
  t.equal(again.lost.length, 0)
})

t.test('who does not move any more is gone', async t => {
  const leases = await leasesOf(t)
  await leases.take('role.poll', 'dead', null)
  await takeSeats(['poll'], processOf(t, leases, 'b'))
  t.equal((await leases.look('role.poll'))?.holder, 'b')
})
