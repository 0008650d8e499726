// Goal: what is heard of a device, and what is not, gives the right state, since and reason.

import t from 'tap'
import { type Judged, nextStatus, type StatusEvent, unjudged } from '../../server/alarms/machine.ts'
import type { GapReason } from '../../server/model/gap.ts'

const every = 60_000
const on = { enabled: true, everyMs: every }
const off = { enabled: false, everyMs: every }

type Step = [StatusEvent, wanted: string, device?: typeof on]

const good = (at: number, now = at): StatusEvent => ({ type: 'good', at, now })
const bad = (
  at: number,
  reason: GapReason,
  now = at,
  error: string | null = null,
): StatusEvent => ({
  ...{ type: 'failed', at, now, reason, error },
})
const tick = (now: number): StatusEvent => ({ type: 'tick', now })

/** `state since reason error`, and a `…` while a failed read may still turn out good. */
function text({ status, pending }: Judged): string {
  const { state, since, reason, error } = status
  return [state, since, reason, error, pending ? '…' : null]
    .filter(x => x !== null && x !== undefined)
    .join(' ')
}

const CASES: Record<string, Step[]> = {
  'nothing is known at first': [[tick(1000), 'unknown 0']],
  'good is up, since the first one': [
    [good(1000), 'up 1000'],
    [good(61_000), 'up 1000'],
    [tick(61_250), 'up 1000'],
  ],
  'a timeout is down at once, since the first failure': [
    [good(1000), 'up 1000'],
    [bad(61_000, 'timeout', 61_000, 'no answer'), 'up 1000 …'],
    [tick(61_100), 'up 1000 …'],
    [tick(61_250), 'down 61000 timeout no answer'],
    [bad(121_000, 'timeout', 121_000, 'no answer'), 'down 61000 timeout no answer'],
    [good(181_000), 'up 181000'],
  ],
  'unreachable and auth too; another reason keeps since': [
    [bad(1000, 'unreachable', 1000, 'ENETUNREACH'), 'unknown 0 …'],
    [tick(1250), 'down 1000 unreachable ENETUNREACH'],
    [bad(61_000, 'auth', 61_000, 'wrong digest'), 'down 1000 auth wrong digest'],
    [bad(121_000, 'auth', 121_000), 'down 1000 auth'],
  ],
  'a failed group beside a good one of the same read': [
    [good(1000), 'up 1000'],
    [bad(1000, 'timeout'), 'up 1000'],
    [bad(61_000, 'timeout'), 'up 1000 …'],
    [bad(61_000, 'timeout'), 'up 1000 …'],
    [good(61_001), 'up 1000'],
    [tick(62_000), 'up 1000'],
  ],
  'a late good one of an older read does not save it': [
    [good(1000), 'up 1000'],
    [bad(61_000, 'timeout'), 'up 1000 …'],
    [good(31_000, 61_100), 'up 1000 …'],
    [tick(61_300), 'down 61000 timeout'],
  ],
  'what answered is up, whatever it said': [
    [bad(1000, 'decode'), 'up 1000'],
    [bad(61_000, 'partial'), 'up 1000'],
    [bad(121_000, 'no-such-object'), 'up 1000'],
  ],
  'what says nothing of the device changes nothing, but is no silence': [
    [good(1000), 'up 1000'],
    [bad(61_000, 'overrun'), 'up 1000'],
    [bad(121_000, 'shed'), 'up 1000'],
    [tick(245_000), 'up 1000'],
  ],
  'silence for two intervals and 5 s is unknown, since the last word': [
    [good(1000), 'up 1000'],
    [tick(125_999), 'up 1000'],
    [tick(126_000), 'unknown 1000 poller-down'],
    [tick(999_000), 'unknown 1000 poller-down'],
    [good(1_000_000), 'up 1000000'],
  ],
  'never a word is unknown too': [
    [tick(124_999), 'unknown 0'],
    [tick(125_000), 'unknown 0 poller-down'],
  ],
  'silence is counted by our clock, not by the times of a spool': [
    [good(1000, 900_000), 'up 1000'],
    [tick(1_000_000), 'up 1000'],
    [tick(1_025_000), 'unknown 900000 poller-down'],
  ],
  'down is read less often: known for ten intervals': [
    [bad(1000, 'timeout'), 'unknown 0 …'],
    [tick(1250), 'down 1000 timeout'],
    [tick(500_000), 'down 1000 timeout'],
    [tick(606_000), 'unknown 1000 poller-down'],
  ],
  'a wrong clock is unknown, until it is right': [
    [good(1000), 'up 1000'],
    [bad(61_000, 'device-clock'), 'unknown 61000 device-clock'],
    [bad(121_000, 'device-clock'), 'unknown 61000 device-clock'],
    [good(181_000), 'up 181000'],
  ],
  'paused, and again': [
    [good(1000), 'up 1000'],
    [tick(2000), 'paused 2000 paused', off],
    [good(3000), 'paused 2000 paused', off],
    [bad(3500, 'timeout'), 'paused 2000 paused', off],
    [tick(900_000), 'paused 2000 paused', off],
    [tick(901_000), 'unknown 901000', on],
    [tick(902_000), 'unknown 901000', on],
    [good(903_000), 'up 903000', on],
  ],
  'paused while a failure waits': [
    [bad(1000, 'timeout'), 'unknown 0 …'],
    [tick(1100), 'paused 1100 paused', off],
    [tick(2000), 'paused 1100 paused', off],
  ],
}

for (const [name, steps] of Object.entries(CASES)) {
  t.test(name, async t => {
    let judged = unjudged(0)
    for (const [event, wanted, device = on] of steps) {
      const before = judged
      judged = nextStatus(judged, event, device)
      t.equal(text(judged), wanted, JSON.stringify(event))
      if (text(before) === text(judged))
        t.equal(judged.status, before.status, 'not published again')
    }
  })
}
