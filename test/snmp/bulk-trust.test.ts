// Goal: GETBULK is left only where it fails again and GETNEXT of the same rows works, that is
// remembered, and after an hour it is tried again; no lie about a table's end passes for its end.
import t from 'tap'
import { openSession } from '../../server/snmp/open.ts'
import type { SessionOptions, SnmpSession } from '../../server/snmp/session.ts'
import { retryAfterMs, Trust } from '../../server/snmp/trust.ts'
import type { Teardown } from '../parts/find.ts'
import {
  type AgentReply,
  type AgentRequest,
  endOfMib,
  type HostileAgent,
  honestly,
  integer,
  startHostileAgent,
} from '../parts/hostile-agent.ts'

const SYS_UPTIME = '1.3.6.1.2.1.1.3.0'
const TABLE = '1.3.6.1.2.1.2.2.1'
const COLUMNS = [`${TABLE}.2`, `${TABLE}.10`, `${TABLE}.16`]
const [DESCR = '', IN = '', OUT = ''] = COLUMNS
const ROWS = Array.from({ length: 40 }, (_, i) => i + 1)
const objects: Record<string, Buffer> = {
  [SYS_UPTIME]: integer(5, 0x43),
  ...Object.fromEntries(
    COLUMNS.flatMap(column => ROWS.map(row => [`${column}.${row}`, integer(row)])),
  ),
  '1.3.6.1.2.1.4.1.0': integer(1),
}
const honest = honestly(objects)

/** A clock that a test sets. */
let clock = 1_000_000
const genErr: AgentReply = { status: 5, index: 0 }

function open(t: Teardown, agent: HostileAgent, options: Partial<SessionOptions> = {}) {
  const session = openSession(
    {
      address: agent.address,
      port: agent.port,
      credentials: { version: '2c', community: 'public' },
      timeoutMs: 5000,
      retries: 0,
      ...options,
    },
    undefined,
    () => clock,
  )
  t.teardown(() => session.close())
  return session
}

/** A table in each of the two ways that a session has. */
const WAYS: Record<string, (session: SnmpSession) => Promise<number[]>> = {
  readTable: async session => {
    const { table, stopped } = await session.readTable(COLUMNS, 1000)
    return stopped.every(why => why === null) ? COLUMNS.map(() => table.indexes.length) : []
  },
  walk: async session => {
    const walks = await session.walk(COLUMNS, 1000)
    return walks.every(({ stopped }) => stopped === null)
      ? walks.map(({ values }) => values.size)
      : []
  },
}
const WHOLE = COLUMNS.map(() => ROWS.length)
const bulks = ({ requests }: HostileAgent) => requests.filter(({ type }) => type === 'bulk').length

t.test('trust is lost by two failures in a row, and tried again after an hour', async t => {
  const trust = new Trust()
  trust.failed(0)
  t.notOk(trust.isLost)
  trust.worked()
  trust.failed(1)
  t.ok(trust.mayTry(2), 'a success between them')
  trust.failed(10)
  t.ok(trust.isLost)
  t.notOk(trust.mayTry(10 + retryAfterMs - 1))
  t.ok(trust.mayTry(10 + retryAfterMs))
  trust.failed(10 + retryAfterMs)
  t.notOk(trust.mayTry(11 + retryAfterMs), 'one more failure and the hour begins again')
  trust.worked()
  t.notOk(trust.isLost)
  t.notOk(new Trust(5).mayTry(6), 'as it was remembered')
})

for (const [way, read] of Object.entries(WAYS)) {
  t.test(`${way}: one genErr on a GETBULK turns nothing off`, async t => {
    const agent = await startHostileAgent(t)
    let failures = 0
    agent.answer = r => (r.type === 'bulk' && failures++ < 2 ? genErr : honest(r))
    const session = open(t, agent)
    t.same(await read(session), WHOLE)
    t.equal(session.tuning?.bulk, true)
    failures = 9
    for (const _ of [1, 2]) {
      agent.requests.length = 0
      t.same(await read(session), WHOLE)
      t.ok(
        agent.requests.every(({ type }) => type === 'bulk'),
        'by GETBULK as before',
      )
    }
  })

  const refusals: Record<string, (r: AgentRequest) => AgentReply | null> = {
    'answers it with genErr': () => genErr,
    'drops it': () => null,
  }
  for (const [what, refuse] of Object.entries(refusals)) {
    t.test(`${way}: an agent that ${what}`, async t => {
      const agent = await startHostileAgent(t)
      agent.answer = r => (r.type === 'bulk' ? refuse(r) : honest(r))
      const session = open(t, agent, { timeoutMs: 300 })
      await session.get([SYS_UPTIME])
      t.same(await read(session), WHOLE, 'the first read has all rows')
      t.equal(session.tuning?.bulk, true, 'once is chance')
      t.same(await read(session), WHOLE)
      t.equal(session.tuning?.bulk, false, 'twice is not')
      agent.requests.length = 0
      t.same(await read(session), WHOLE)
      t.equal(bulks(agent), 0, 'GETBULK is left')

      const { tuning } = session
      const next = open(t, agent, { timeoutMs: 300, ...(tuning && { tuning }) })
      t.same(await read(next), WHOLE)
      t.equal(bulks(agent), 0, 'the next session knows')

      clock += retryAfterMs
      agent.requests.length = 0
      await session.get([SYS_UPTIME])
      t.same(await read(session), WHOLE, 'an hour later')
      t.ok(bulks(agent) >= 1 && bulks(agent) <= 2, `${bulks(agent)} GETBULK, in vain`)
      agent.requests.length = 0
      t.same(await read(session), WHOLE)
      t.equal(bulks(agent), 0, 'and it is left again')

      clock += retryAfterMs
      agent.answer = honest
      t.same(await read(session), WHOLE)
      t.equal(session.tuning?.bulk, true, 'a new firmware is noticed')
    })
  }

  t.test(`${way}: a device that goes away in a read is no agent without GETBULK`, async t => {
    const agent = await startHostileAgent(t)
    const session = open(t, agent, { timeoutMs: 200 })
    for (const _ of [1, 2, 3]) {
      agent.answer = honest
      await session.get([SYS_UPTIME])
      agent.answer = () => null
      await t.rejects(read(session), { code: 'E_SNMP_TIMEOUT' })
      t.equal(session.tuning?.bulk, true)
    }
    agent.requests.length = 0
    await t.rejects(read(session), { code: 'E_SNMP_TIMEOUT' })
    t.ok(
      agent.requests.every(({ type }) => type === 'bulk'),
      'one that had not answered just now is not asked by GETNEXT',
    )
    agent.answer = honest
    t.same(await read(session), WHOLE)
  })
}

t.test(
  'an object that fails in whatever way it is asked for is not the fault of GETBULK',
  async t => {
    const agent = await startHostileAgent(t)
    const bad = `${IN}.20`
    agent.answer = r => {
      const reply = honest(r)
      const index = (reply.varbinds ?? []).findIndex(([oid]) => oid === bad)
      return index < 0 ? reply : { status: 5, index: r.type === 'bulk' ? 0 : index + 1 }
    }
    const session = open(t, agent)
    for (const time of [1, 2, 3, 4]) {
      const { table, stopped } = await session.readTable(COLUMNS, 1000)
      t.equal(table.indexes.length, ROWS.length, `read ${time}`)
      t.same(stopped, [null, 'error', null])
      t.equal(session.tuning?.bulk, true)
    }
  },
)

t.test('one table that fails does not cost the others', async t => {
  const agent = await startHostileAgent(t)
  agent.answer = r => (r.type === 'bulk' && r.oids[0]?.startsWith(DESCR) ? genErr : honest(r))
  const session = open(t, agent)
  for (const _ of [1, 2, 3]) {
    t.equal((await session.readTable([DESCR], 1000)).table.indexes.length, ROWS.length)
    t.equal((await session.readTable([IN, OUT], 1000)).table.indexes.length, ROWS.length)
  }
  agent.requests.length = 0
  await session.readTable([DESCR], 1000)
  t.equal(bulks(agent), 0, 'the one is walked by GETNEXT')
  await session.readTable([IN, OUT], 1000)
  t.ok(bulks(agent) > 0, 'the other is not')
  t.equal(session.tuning?.bulk, true)
})

t.test('names that come before what was asked for are no end of a table', async t => {
  const agent = await startHostileAgent(t)
  const SMALLER = '1.3.6.1.2.1.1.5.0'
  const lies: Record<string, (r: AgentRequest) => [string, Buffer][]> = {
    'from the first answer on': r => r.oids.map(() => [SMALLER, integer(1)]),
    'the column itself': r => r.oids.map((_, i) => [COLUMNS[i] ?? DESCR, integer(1)]),
    'of a sub-identifier with fewer octets': r =>
      r.oids.map(() => ['1.3.6.1.2.1.2.2.0.500', integer(1)]),
  }
  for (const [what, varbinds] of Object.entries(lies)) {
    agent.answer = r => ({ varbinds: varbinds(r) })
    const session = open(t, agent)
    for (const _ of [1, 2]) {
      const { table, stopped } = await session.readTable(COLUMNS, 1000)
      t.same(table.indexes, [], what)
      t.same(stopped, Array(3).fill('not-increasing'), what)
      const walks = await session.walk(COLUMNS, 1000)
      t.same(
        walks.map(walk => walk.stopped),
        Array(3).fill('not-increasing'),
        `walk: ${what}`,
      )
    }
    t.ok(session.counters.dropped >= 4, 'counted')
  }

  // An agent that begins again at its first object where its MIB ends.
  const last = honestly(Object.fromEntries(Object.entries(objects).slice(0, -1)))
  agent.answer = r => ({
    varbinds: (last(r).varbinds ?? []).map(([oid, value]) =>
      value === endOfMib ? [SYS_UPTIME, integer(5, 0x43)] : [oid, value],
    ),
  })
  const round = await open(t, agent).readTable(COLUMNS, 1000)
  t.equal(round.table.indexes.length, ROWS.length, 'what came before stays')
  t.ok(round.stopped.includes('not-increasing'))
  const lenient = open(t, agent, { quirks: { allowNonIncreasing: true } })
  t.same(
    (await lenient.readTable(COLUMNS, 1000)).stopped,
    [null, null, null],
    'a profile may allow it',
  )
})
