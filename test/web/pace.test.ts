// Goal: how reading a device does is one sentence.

import t from 'tap'
import { paceOf } from '../../server/web/reads.ts'

t.test('what is known of it, and nothing else', async t => {
  const cost = { requests: null, retries: null }
  const nothing = { lateMs: null, readMs: null, silence: null, thread: 1, nextAt: null, ...cost }
  t.equal(paceOf(null), '')
  t.equal(paceOf(nothing), '')
  t.equal(
    paceOf({ ...nothing, lateMs: 12, readMs: 412 }),
    'Last read on time; a read takes 412 ms.',
  )
  t.equal(paceOf({ ...nothing, lateMs: 3210 }), 'Last read 3.21 s late.')
  const silence = { reason: 'timeout' as const, error: 'no answer' }
  t.match(paceOf({ ...nothing, silence }), /^Now it is only asked whether it answers\.$/)
})
