// Goal: the size of answers grows to what the agent gives, stays where it could not, and is tried
// again after an hour.
import t from 'tap'
import { enlarge, enlargeAfterMs, initialLimits, restrict } from '../../server/snmp/limits.ts'
import type { SessionOptions } from '../../server/snmp/session.ts'

const options: SessionOptions = {
  address: '127.0.0.1',
  port: 161,
  credentials: { version: '2c', community: 'public' },
  timeoutMs: 1000,
  retries: 0,
}

t.test('a size that failed is asked for again after an hour', async t => {
  let clock = 5_000_000
  const limits = initialLimits(options, () => clock)
  t.equal(limits.messageBytes, 1472)
  for (let i = 0; i < 10; i++) enlarge(limits)
  const largest = limits.messageBytes
  t.ok(largest > 60_000 && largest <= 65_507, `${largest} octets`)

  restrict(limits, 4000)
  for (let i = 0; i < 10; i++) enlarge(limits)
  t.equal(limits.messageBytes, 4000, 'it stays')
  clock += enlargeAfterMs
  enlarge(limits)
  t.equal(limits.messageBytes, 4000, 'to the end of the hour')
  clock += 1
  enlarge(limits)
  t.equal(limits.messageBytes, 8000)

  restrict(limits, 1)
  t.equal(limits.messageBytes, 484, 'every agent must send so much (RFC 3417, section 3.2)')
  restrict(limits, 4000)
  t.equal(limits.messageBytes, 484, 'a limit never enlarges')
})
