// Goal: a slow device is asked for several tables side by side, as many as were learned or fixed, and
// a device that loses answers for fewer.
import t from 'tap'
import { nextInFlight } from '../../server/collectors/parallel.ts'
import { readGroups } from '../../server/collectors/snmp-read.ts'
import { startQuirkyAgent } from '../parts/quirky-agent.ts'
import { device, open, TABLES } from '../snmp/quirks-device.ts'

t.test('more where a read takes long, fewer where answers are lost', async t => {
  const pace = { tookMs: 100, allowedMs: 1000, requests: 40, retries: 0 }
  t.equal(nextInFlight(1, pace), 1, 'quick')
  t.equal(nextInFlight(1, { ...pace, tookMs: 600 }), 2)
  t.equal(nextInFlight(4, { ...pace, tookMs: 990 }), 4, 'no more than four')
  t.equal(nextInFlight(3, { ...pace, tookMs: 300 }), 3, 'neither slow nor quick')
  t.equal(nextInFlight(3, { ...pace, tookMs: 50 }), 2, 'there is time again')
  t.equal(nextInFlight(4, { ...pace, tookMs: 990, retries: 3 }), 3, 'losses')
  t.equal(nextInFlight(1, { ...pace, retries: 40 }), 1)
})

t.test(
  'on the wire: tables side by side, those that share columns one after the other',
  async t => {
    const agent = await startQuirkyAgent(t, device())
    agent.faults.delayMs = 20
    const table = (group: string, sources: string[] = []) => ({
      group,
      table: true,
      sources,
      rowsMax: 500,
    })
    const dense = TABLES.dense ?? []
    const requests = [
      table('a', dense.slice(0, 4)),
      table('b', TABLES.sparse),
      table('c', TABLES['odd indexes']),
      table('d', dense.slice(2, 6)),
    ]
    const readings = []
    for (const [inFlight, least, most] of [
      [1, 1, 1],
      [3, 2, 3],
    ] as const) {
      const session = open(t, agent, { pinned: { inFlight } })
      t.equal(session.inFlight, inFlight)
      session.allow(9)
      t.equal(session.inFlight, inFlight, "an admin's number stands")
      let onTheWay = 0
      const before = { came: agent.requests.length, sent: agent.sent }
      agent.before = () => {
        const open = agent.requests.length - before.came - (agent.sent - before.sent)
        onTheWay = Math.max(onTheWay, open)
      }
      const { groups, failures } = await readGroups(session, requests, new AbortController().signal)
      t.same([...failures.keys()], [])
      t.ok(onTheWay >= least && onTheWay <= most, `${onTheWay} on the way, ${inFlight} allowed`)
      const shown = requests.map(({ group }) => {
        const read = groups.get(group)
        return [
          group,
          read?.table.indexes,
          [...(read?.table.lo ?? [])],
          [...(read?.table.types ?? [])],
        ]
      })
      readings.push(shown)
    }
    t.same(readings[0], readings[1], 'the same values, whatever the order')
  },
)
