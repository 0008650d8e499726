// Goal: an agent that breaks the protocol, changes under the read or falls silent ends in the right
// error or in a table that says which columns end early; what is given is right, and the number of
// requests is bounded.
import t from 'tap'
import type { SnmpSession } from '../../server/snmp/session.ts'
import { type Faults, type QuirkyAgent, startQuirkyAgent } from '../parts/quirky-agent.ts'
import { type Value, value } from '../parts/quirky-objects.ts'
import {
  cell,
  cells,
  DENSE,
  device,
  failure,
  open,
  ownExchange,
  refused,
  SYSTEM,
  TABLES,
  upTo,
} from './quirks-device.ts'

const rowsMax = 10_000
const COLUMNS = TABLES.dense ?? []
const SCALARS = upTo(6).map(n => `${SYSTEM}.${n}.0`)
/** A read of the dense table by GETNEXT takes 61 requests; with all that may be tried, not twice that. */
const requestsMax = 130

const readDense = (session: SnmpSession) => session.readTable(COLUMNS, rowsMax)

t.test('no answer that counts', async t => {
  const cases: Record<
    string,
    { faults: Faults; code: string; message?: RegExp; drops: boolean; retries?: number }
  > = {
    silence: { faults: { drop: 1 }, code: 'E_SNMP_TIMEOUT', drops: false },
    'an agent that knows v1 alone': {
      faults: { v1Only: true },
      code: 'E_SNMP_TIMEOUT',
      drops: false,
    },
    'another port': {
      faults: { from: 'port' },
      code: 'E_SNMP_TIMEOUT',
      message: /the answer came from 127\.0\.0\.1:\d+$/,
      drops: true,
    },
    'another address': {
      faults: { from: 'address' },
      code: 'E_SNMP_TIMEOUT',
      message: /the answer came from 127\.77\.66\.55:\d+$/,
      drops: true,
    },
    'another community': { faults: { community: 'private' }, code: 'E_SNMP_AUTH', drops: true },
    'another request-id': { faults: { idOffset: 1 }, code: 'E_SNMP_TIMEOUT', drops: true },
    'the answer to the request before': {
      faults: { late: 'only' },
      code: 'E_SNMP_TIMEOUT',
      drops: true,
      // A second try would bring the answer to the first, which is right.
      retries: 0,
    },
  }
  await Promise.all(
    Object.entries(cases).map(async ([what, { faults, code, message, drops, retries = 1 }]) => {
      const agent = await startQuirkyAgent(t, device())
      const exchange = ownExchange(t)
      const session = open(t, agent, { timeoutMs: 400, retries }, exchange)
      // A device that is known, and whose table was read before.
      const before = cells(await readDense(session))
      t.same(before, agent.objects.table(COLUMNS), `${what}: at first all is well`)
      agent.faults = faults
      const sent = agent.requests.length
      for (const read of [() => session.get(SCALARS), () => readDense(session)]) {
        const error = await failure(read())
        t.equal(error?.code, code, `${what}: ${error?.message}`)
        if (message) t.match(error?.message, message)
        t.equal(error?.passing ?? false, code === 'E_SNMP_TIMEOUT')
      }
      t.ok(agent.requests.length - sent <= 8, `${what}: ${agent.requests.length - sent} requests`)
      t.equal(refused(exchange) > 0, drops, `${what}: ${JSON.stringify(exchange.counters)}`)
      agent.faults = {}
      t.same(cells(await readDense(session)), before, `${what}: and the session lives on`)
    }),
  )
})

t.test('silence in the midst of a table is no short table', async t => {
  for (const after of [0, 1, 2, 3]) {
    const agent = await startQuirkyAgent(t, device())
    agent.faults = { messageMax: 600 }
    const session = open(t, agent, { timeoutMs: 250, retries: 0 })
    let answered = 0
    agent.before = () => {
      if (answered++ >= after) agent.faults = { drop: 1 }
    }
    t.equal((await failure(readDense(session)))?.code, 'E_SNMP_TIMEOUT', `after ${after} answers`)
    t.ok(agent.requests.length <= after + 3, `${agent.requests.length} requests`)
  }
})

t.test('GETNEXT that goes back to where it was', async t => {
  const cases = {
    'to the first row': { after: `${DENSE}.11.60`, to: `${DENSE}.11.1` },
    'to itself': { after: `${DENSE}.11.60`, to: `${DENSE}.11.60` },
    'to the row before': { after: `${DENSE}.11.60`, to: `${DENSE}.11.59` },
    'in the midst': { after: `${DENSE}.11.30`, to: `${DENSE}.11.20` },
  }
  for (const [what, loop] of Object.entries(cases)) {
    for (const allowNonIncreasing of [false, true]) {
      const agent = await startQuirkyAgent(t, device())
      agent.faults = { loop }
      const session = open(t, agent, { quirks: { allowNonIncreasing } })
      for (const time of ['first', 'again']) {
        agent.requests.length = 0
        const found = await readDense(session)
        const rows = what === 'in the midst' ? 30 : 60
        const expected = agent.objects.table(COLUMNS)
        const last = Object.entries(expected[`${DENSE}.11`] ?? {}).slice(0, rows)
        const name = `${what}, ${time}, allowed ${allowNonIncreasing}`
        t.same(
          cells(found),
          { ...expected, [`${DENSE}.11`]: Object.fromEntries(last) },
          `${name}: what came before the loop`,
        )
        t.same(found.stopped, [...Array(10).fill(null), 'not-increasing'], name)
        t.ok(agent.requests.length <= requestsMax, `${agent.requests.length} requests`)
      }
      t.ok(session.counters.dropped > 0 || allowNonIncreasing, 'counted')
    }
  }
})

/** A table in the order of a file: rows 3, 1, 2, 20, 10 and so on. */
function unsorted(): Record<string, Value> {
  const order = [3, 1, 2, ...upTo(40).map(n => ((n * 7) % 41) + 100)]
  const objects: Record<string, Value> = {}
  for (const column of [1, 2, 3]) {
    for (const row of order) objects[`${DENSE}.${column}.${row}`] = cell(column, row, 0)
  }
  objects[`${SYSTEM.slice(0, -1)}999.1.0`] = value.integer(1)
  return objects
}

t.test('rows that do not increase', async t => {
  const agent = await startQuirkyAgent(t, unsorted())
  agent.faults = { fileOrder: true }
  const columns = [1, 2, 3].map(n => `${DENSE}.${n}`)
  const strict = open(t, agent)
  const broken = await strict.readTable(columns, rowsMax)
  t.same(broken.stopped, Array(3).fill('not-increasing'), 'strictly, each column ends')
  t.same(broken.table.indexes, ['3'])
  t.ok(strict.counters.dropped > 0, 'counted')

  const lenient = open(t, agent, { quirks: { allowNonIncreasing: true } })
  for (const time of ['first', 'again']) {
    const whole = await lenient.readTable(columns, rowsMax)
    t.same(cells(whole), agent.objects.table(columns), `allowed, ${time}`)
    t.same(whole.stopped, [null, null, null])
  }
})

t.test('genErr at one object', async t => {
  const agent = await startQuirkyAgent(t, device())
  agent.faults = { genErrAt: SCALARS[3] ?? '' }
  const scalars = await open(t, agent).get(SCALARS)
  t.same(
    scalars.map(({ value }) => value.type === 'none'),
    SCALARS.map((_, i) => i === 3),
    'costs that scalar alone',
  )
  for (const row of [1, 30, 60]) {
    agent.faults = { genErrAt: `${DENSE}.3.${row}` }
    const session = open(t, agent)
    for (const time of ['first', 'again']) {
      agent.requests.length = 0
      const found = await readDense(session)
      const expected = agent.objects.table(COLUMNS)
      const third = Object.entries(expected[`${DENSE}.3`] ?? {}).slice(0, row - 1)
      t.same(
        cells(found),
        { ...expected, [`${DENSE}.3`]: Object.fromEntries(third) },
        `row ${row}, ${time}: costs the rest of its column`,
      )
      t.same(
        found.stopped,
        // What stands before the first row of a column is the end of the column before it.
        COLUMNS.map((_, i) => (i === 2 || (i === 1 && row === 1) ? 'error' : null)),
      )
      t.ok(agent.requests.length <= requestsMax, `${agent.requests.length} requests`)
    }
  }
})

t.test('tooBig whatever is asked', async t => {
  const agent = await startQuirkyAgent(t, device())
  agent.faults = { alwaysTooBig: true }
  const session = open(t, agent)
  t.equal((await failure(session.get(SCALARS)))?.code, 'E_SNMP_ERROR')
  t.equal((await failure(readDense(session)))?.code, 'E_SNMP_ERROR')
  t.ok(agent.requests.length <= requestsMax, `${agent.requests.length} requests`)
  agent.faults = {}
  t.same(cells(await readDense(session)), agent.objects.table(COLUMNS), 'and it heals')
})

t.test('one value that is too big costs what it must', async t => {
  const agent = await startQuirkyAgent(t, device())
  agent.objects.set(SCALARS[2] ?? '', value.octets('x'.repeat(3000)))
  const scalars = await open(t, agent).get(SCALARS)
  t.same(
    scalars.map(({ value }) => value.type === 'none'),
    SCALARS.map((_, i) => i === 2),
  )
})

t.test('a column that is endless ends at rowsMax', async t => {
  const agent = await startQuirkyAgent(t, device())
  const session = open(t, agent)
  for (const rows of [1, 5, 59, 60, 61]) {
    const found = await session.readTable(COLUMNS, rows)
    t.equal(found.table.indexes.length, Math.min(rows, 60), `${rows} rows at most`)
    const isCut = rows < 60
    t.same(found.stopped, Array(11).fill(isCut ? 'rows-max' : null), `${rows} rows at most`)
    const whole = agent.objects.table(COLUMNS)
    for (const [column, values] of Object.entries(cells(found))) {
      t.match(whole[column], values, 'and what came is right')
    }
  }
})

/** Rows that no change below touches. */
const STEADY = upTo(60).filter(row => row % 10 !== 5)

const CHANGES: Record<string, (agent: QuirkyAgent, request: number) => void> = {
  'rows that vanish': ({ objects }, n) => {
    for (const column of upTo(11)) objects.delete(`${DENSE}.${column}.${10 * (n % 6) + 5}`)
  },
  'rows that appear': ({ objects }, n) => {
    const row = 100 + n
    for (const column of upTo(11)) objects.set(`${DENSE}.${column}.${row}`, cell(column, row, 0))
  },
  'rows that come and go': ({ objects }, n) => {
    const row = 10 * (n % 6) + 5
    for (const column of upTo(11)) {
      const oid = `${DENSE}.${column}.${row}`
      if (objects.get(oid)) objects.delete(oid)
      else objects.set(oid, cell(column, row, 0))
    }
  },
}

for (const [what, act] of Object.entries(CHANGES)) {
  t.test(`a table that changes while it is read: ${what}`, async t => {
    const agent = await startQuirkyAgent(t, device())
    agent.faults = { messageMax: 600 }
    const session = open(t, agent)
    for (const time of ['first', 'again', 'and again']) {
      agent.requests.length = 0
      agent.before = () => {
        if (agent.requests.length < 40) act(agent, agent.requests.length)
      }
      const found = await readDense(session)
      agent.before = null
      const values = cells(found)
      for (const [c, column] of COLUMNS.entries()) {
        const misplaced = Object.entries(values[column] ?? {}).filter(
          ([index, text]) => text !== cell(c + 1, Number(index.slice(1, -1)), 0).text,
        )
        t.same(misplaced, [], `${time}: each value in its row and column`)
        const lost = STEADY.filter(row => !(`[${row}]` in (values[column] ?? {})))
        t.same(lost, [], `${time}: no row is lost that was there all the while`)
      }
      t.ok(agent.requests.length <= requestsMax, `${agent.requests.length} requests`)
    }
    t.same(
      cells(await readDense(session)),
      agent.objects.table(COLUMNS),
      'when it holds still again, it is exact',
    )
  })
}

t.test('getNext says what comes after, or nothing', async t => {
  const agent = await startQuirkyAgent(t, device())
  const asked = ['1.3.6.1.2.1.2', `${SYSTEM}.3.0`, '1.3.6.1.4.1.99999.9.1.2.70000', '2.1']
  const session = open(t, agent)
  const found = await session.getNext(asked)
  t.same(
    found.map(({ oid, value }) => [oid, value.type === 'none']),
    [
      [`${DENSE}.1.1`, false],
      [`${SYSTEM}.4.0`, false],
      ['1.3.6.1.4.1.99999.9.1.2.70000', true],
      ['2.1', true],
    ],
  )
  agent.faults = { loop: { after: `${SYSTEM}.3.0`, to: `${SYSTEM}.1.0` } }
  const [back] = await session.getNext([`${SYSTEM}.3.0`])
  t.equal(back?.value.type, 'none', 'a successor that comes before is none')
  t.equal(session.counters.dropped, 1, 'and is counted')
})
