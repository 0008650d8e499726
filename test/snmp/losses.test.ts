// Goal: requests lost by chance cost no table and teach nothing false, a device that died costs one
// round more, and what an admin fixed holds in all of it.
import t from 'tap'
import { initialLimits, tuningOf } from '../../server/snmp/limits.ts'
import { Losses, roundsAgainMax } from '../../server/snmp/losses.ts'
import { Pace } from '../../server/snmp/pace.ts'
import { allowAfterMs, Repetitions } from '../../server/snmp/repetitions.ts'
import type { SessionOptions } from '../../server/snmp/session.ts'
import type { Teardown } from '../parts/find.ts'
import { type QuirkyAgent, startQuirkyAgent } from '../parts/quirky-agent.ts'
import type { Value } from '../parts/quirky-objects.ts'
import { cell, cells, failure, open, upTo } from './quirks-device.ts'

// Lost datagrams are waited for, many times.
t.setTimeout(600_000)
const TABLE = '1.3.6.1.2.1.2.2.1'
const COLUMNS = upTo(11).map(n => `${TABLE}.${n}`)
const SCALARS = upTo(100).map(n => `1.3.6.1.2.1.1.${n}.0`)
const ROWS = 52
const rowsMax = 10_000
const quick: Partial<SessionOptions> = { timeoutMs: 120, retries: 1 }

function objects(rows = ROWS, isThere = (_column: number, _row: number) => true) {
  const made: Record<string, Value> = {}
  for (const [place, oid] of SCALARS.entries()) made[oid] = cell(place, 1, 0)
  for (const column of upTo(11)) {
    for (const row of upTo(rows)) {
      if (isThere(column, row)) made[`${TABLE}.${column}.${row}`] = cell(column, row, 0)
    }
  }
  return made
}

/** With holes: it is walked from the second read on. */
const holes = (column: number, row: number) => column !== 3 || row % 7 === 0

async function start(t: Teardown, values = objects(), seed = 7) {
  return await startQuirkyAgent(t, values, { seed })
}

/** Loses the requests for which `isLost` is true of their number, from 1 on. */
function lose(agent: QuirkyAgent, isLost: (n: number) => boolean): void {
  let n = 0
  agent.before = () => {
    agent.faults.drop = isLost(++n) ? 1 : 0
  }
}

const bulks = ({ requests }: QuirkyAgent) => requests.filter(({ type }) => type === 'bulk')

t.test('one loss after another without an answer is the last', async t => {
  const losses = new Losses()
  t.notOk(losses.mayAskAgain(), 'nothing was answered yet')
  for (const _ of upTo(roundsAgainMax)) {
    losses.answered()
    t.ok(losses.mayAskAgain())
    t.notOk(losses.mayAskAgain())
  }
  losses.answered()
  t.notOk(losses.mayAskAgain(), 'a bounded number in one read')
})

t.test('30 % of the requests lost: most reads have all rows', async t => {
  const agent = await start(t)
  const session = open(t, agent, quick)
  await session.get(SCALARS.slice(0, 1))
  agent.faults.drop = 0.3
  const reads = 20
  let whole = 0
  for (const _ of upTo(reads)) {
    const read = await session.readTable(COLUMNS, rowsMax).catch(() => null)
    if (read === null) continue
    t.equal(read.table.indexes.length, ROWS, 'all rows or an error')
    t.same(cells(read), bracketed(agent), 'with their values')
    whole++
  }
  t.comment(`${whole} of ${reads} reads, ${JSON.stringify(session.counters)}`)
  t.ok(whole >= 0.8 * reads, `${whole} of ${reads}`)
  t.ok((session.tuning?.messageBytes ?? 0) >= 1200, `${session.tuning?.messageBytes} octets`)
  t.equal(session.tuning?.bulk, true)
})

const bracketed = (agent: QuirkyAgent) => agent.objects.table(COLUMNS)

t.test('a request lost twice in the midst of a table is asked again', async t => {
  for (const lost of [2, 4, 6]) {
    const agent = await start(t)
    const session = open(t, agent, quick)
    await session.readTable(COLUMNS, rowsMax)
    const { messageBytes } = session.tuning ?? {}
    lose(agent, n => n === lost || n === lost + 1)
    const { table } = await session.readTable(COLUMNS, rowsMax)
    t.equal(table.indexes.length, ROWS)
    t.equal(session.tuning?.messageBytes, messageBytes, 'one loss teaches nothing')
    t.ok(
      agent.requests.every(({ type }) => type === 'bulk'),
      'GETBULK is not doubted',
    )
  }
})

t.test('large answers that are lost each time are asked for no more', async t => {
  const agent = await start(t, objects(400))
  agent.faults.messageMax = 6000
  const session = open(t, agent, quick)
  await session.readTable(COLUMNS, rowsMax)
  const rows = Math.max(...bulks(agent).map(({ repetitions }) => repetitions))
  agent.before = ({ repetitions }) => {
    agent.faults.drop = repetitions > rows / 2 ? 1 : 0
  }
  for (const _ of [1, 2]) {
    t.equal((await session.readTable(COLUMNS, rowsMax)).table.indexes.length, 400)
  }
  t.ok((session.tuning?.messageBytes ?? 9999) < 6000)
  const { timeouts } = session.counters
  await session.readTable(COLUMNS, rowsMax)
  t.equal(session.counters.timeouts, timeouts)
})

t.test('a device that dies in the midst of a table costs one round more', async t => {
  const agent = await start(t)
  const session = open(t, agent, quick)
  await session.readTable(COLUMNS, rowsMax)
  const { messageBytes } = session.tuning ?? {}
  const { timeouts } = session.counters
  lose(agent, n => n > 2)
  t.equal((await failure(session.readTable(COLUMNS, rowsMax)))?.code, 'E_SNMP_TIMEOUT')
  t.equal(session.counters.timeouts - timeouts, 3, 'the request, again, and GETNEXT')
  t.equal(session.tuning?.messageBytes, messageBytes)
  lose(agent, () => false)
  t.equal((await session.readTable(COLUMNS, rowsMax)).table.indexes.length, ROWS)
})

t.test('a table with holes, and one that is read by GETNEXT', async t => {
  for (const quirks of [{}, { bulk: false }]) {
    const agent = await start(t, objects(ROWS, holes))
    const session = open(t, agent, { ...quick, quirks })
    await session.readTable(COLUMNS, rowsMax)
    lose(agent, n => [2, 3, 6, 7].includes(n))
    const read = await session.readTable(COLUMNS, rowsMax)
    t.same(cells(read), bracketed(agent))

    const { timeouts } = session.counters
    lose(agent, n => n > 2)
    t.equal((await failure(session.readTable(COLUMNS, rowsMax)))?.code, 'E_SNMP_TIMEOUT')
    t.equal(session.counters.timeouts - timeouts, 'bulk' in quirks ? 2 : 3, 'when it dies')
  }
})

t.test('scalars in several requests', async t => {
  const agent = await start(t)
  const session = open(t, agent, quick)
  lose(agent, n => [2, 3, 5, 6].includes(n))
  const found = await session.get(SCALARS)
  t.ok(found.every(({ value }) => value.type !== 'none'))
  t.equal(session.counters.timeouts, 2)

  lose(agent, n => n > 1)
  t.equal((await failure(session.get(SCALARS)))?.code, 'E_SNMP_TIMEOUT')
  t.equal(session.counters.timeouts, 4, 'a dead one is asked again once')
  lose(agent, () => true)
  t.equal((await failure(session.get(SCALARS)))?.code, 'E_SNMP_TIMEOUT')
  t.equal(session.counters.timeouts, 5, 'one that said nothing is not')
})

t.test('the signal ends it, also while something is asked again', async t => {
  const reads: ((session: ReturnType<typeof open>, signal: AbortSignal) => Promise<unknown>)[] = [
    (session, signal) => session.readTable(COLUMNS, rowsMax, signal),
    (session, signal) => session.walk(COLUMNS, rowsMax, signal),
    (session, signal) => session.get(SCALARS, signal),
  ]
  for (const read of reads) {
    const agent = await start(t)
    const session = open(t, agent, quick)
    await session.readTable(COLUMNS, rowsMax)
    const { messageBytes } = session.tuning ?? {}
    const stop = new AbortController()
    let n = 0
    agent.before = () => {
      agent.faults.drop = ++n > 1 ? 1 : 0
      // The second request and its second try are lost: this is the first of the round after.
      if (n === 4) stop.abort()
    }
    t.equal((await failure(read(session, stop.signal)))?.code, 'E_ABORTED')
    t.equal(n, 4)
    t.equal(session.tuning?.messageBytes, messageBytes, 'a smaller try that never ended')
  }
})

t.test('rows that an admin fixed are asked for by a walk, too', async t => {
  for (const repetitions of [3, 70]) {
    const agent = await start(t, objects(200, holes))
    agent.faults.messageMax = 60_000
    const session = open(t, agent, { pinned: { repetitions } })
    await session.readTable(COLUMNS.slice(0, 3), rowsMax)
    agent.requests.length = 0
    await session.walk(COLUMNS.slice(0, 3), rowsMax)
    t.equal(bulks(agent)[0]?.repetitions, repetitions)
    t.ok(bulks(agent).every(request => request.repetitions <= repetitions))
  }
  const weak = await start(t, objects(200, holes))
  weak.faults = { messageMax: 1000, bulkTooBig: true }
  const session = open(t, weak, { pinned: { repetitions: 70 } })
  const [walked] = await session.walk(COLUMNS.slice(0, 1), rowsMax)
  t.equal(walked?.values.size, 200, 'unless they are too big')
})

t.test('a bound on rows says nothing about the size of answers', async t => {
  const bounds: Record<string, [Partial<SessionOptions>, number]> = {
    'an admin': [{ pinned: { repetitions: 2 } }, 400],
    'a profile': [{ quirks: { maxRepetitions: 2 } }, 400],
    'the known rows': [{}, 3],
  }
  for (const [what, [options, rows]] of Object.entries(bounds)) {
    const agent = await start(t, objects(rows))
    agent.faults.messageMax = 60_000
    const session = open(t, agent, options)
    for (const _ of upTo(8)) await session.readTable(COLUMNS, rowsMax)
    t.equal(session.tuning?.messageBytes, 1472, what)
  }
})

t.test('a size counts as proven where such an answer came', async t => {
  const options = (messageBytes: number): SessionOptions => ({
    address: '127.0.0.1',
    port: 161,
    credentials: { version: '2c', community: 'public' },
    timeoutMs: 1000,
    retries: 0,
    tuning: {
      srttMs: null,
      rttvarMs: null,
      timeoutMs: 1000,
      inFlight: 1,
      messageBytes,
      bulk: true,
      oidsPerGet: 40,
      columnsPerRequest: 40,
      tables: {},
    },
  })
  t.equal(initialLimits(options(1472)).messageBytesProven, 0, 'all begin with it')
  t.equal(initialLimits(options(4000)).messageBytesProven, 4000)

  const limits = initialLimits(options(4000))
  limits.messageBytes = 65_507
  const kept = () => tuningOf(limits, new Pace(1000, false, null, null), 1).messageBytes
  t.equal(kept(), 4000, 'and only what came is kept')
  limits.messageBytesProven = 0
  t.equal(kept(), 1472)
})

t.test('the rows of a walk grow again after a loss, and an hour after tooBig', async t => {
  let clock = 5_000_000
  const worked = (repetitions: Repetitions, times: number) => {
    for (let i = 0; i < times; i++) repetitions.worked()
    return repetitions.rowsOf(1)
  }
  const lossy = new Repetitions(50, () => clock)
  lossy.lost(50)
  t.equal(lossy.rowsOf(1), 12)
  t.equal(worked(lossy, 3), 12, 'not at once')
  t.equal(worked(lossy, 100), 50)
  lossy.lost(50)
  lossy.restore()
  t.equal(lossy.rowsOf(1), 50)

  const weak = new Repetitions(50, () => clock)
  weak.tooBig(50, 4)
  t.equal(weak.rowsOf(1), 50, 'of fewer columns as many values')
  worked(weak, 1000)
  t.equal(weak.rowsOf(4), 25, 'the agent said so')
  t.equal(weak.rowsOf(1000), 1)
  clock += allowAfterMs + 1
  worked(weak, 1)
  t.equal(weak.rowsOf(4), 50)
})

t.test('a walk asks for as many rows as before some time after a gap', async t => {
  const agent = await start(t, objects(300, holes))
  agent.faults.messageMax = 60_000
  const session = open(t, agent, quick)
  const columns = COLUMNS.slice(0, 3)
  const most = async () => {
    agent.requests.length = 0
    await session.walk(columns, rowsMax)
    return Math.max(...agent.requests.map(({ repetitions }) => repetitions))
  }
  await most()
  t.equal(await most(), 50)
  lose(agent, n => n === 3 || n === 4)
  await most()
  lose(agent, () => false)
  await most()
  t.equal(await most(), 50)
})

t.test('a timeout that an admin fixed is that of each try', async t => {
  const agent = await start(t)
  const session = open(t, agent, { timeoutMs: 120, retries: 1, pinned: { timeoutMs: 4000 } })
  for (const _ of upTo(20)) await session.get(SCALARS.slice(0, 1))
  agent.requests.length = 0
  // Slower than any wait that was learned or configured elsewhere.
  agent.faults.delayMs = 600
  await session.get(SCALARS.slice(0, 1))
  t.equal(agent.requests.length, 1, 'the first try was still waited for')
  t.equal(session.counters.retries, 0)
  t.equal(session.tuning?.timeoutMs, 4000)
})
