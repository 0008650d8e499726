// Goal: a table read row by row holds what the device has, to the last bit, whatever its rows and its
// agent are like; what changed since the last read is seen, and what did not makes nothing new.
import t from 'tap'
import { type RawTable, rawValue } from '../../server/model/rawtable.ts'
import { compareOids } from '../../server/snmp/oid.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SessionOptions, SnmpSession, TableRead } from '../../server/snmp/session.ts'
import type { Teardown } from '../parts/find.ts'
import {
  type AgentReply,
  type AgentRequest,
  counter64,
  endOfMib,
  honestly,
  integer,
  octets,
  startHostileAgent,
  tlv,
} from '../parts/hostile-agent.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const TABLE = '1.3.6.1.2.1.2.2.1'
const COLUMNS = [`${TABLE}.2`, `${TABLE}.10`, `${TABLE}.16`]
const [DESCR = '', IN = '', OUT = ''] = COLUMNS
const agent = await startHostileAgent(t)

function open(t: Teardown, options: Partial<SessionOptions> = {}): SnmpSession {
  agent.requests.length = 0
  const session = openSession({
    address: agent.address,
    port: agent.port,
    credentials: { version: '2c', community: 'public' },
    timeoutMs: 5000,
    retries: 0,
    ...options,
  })
  t.teardown(() => session.close())
  return session
}

type Objects = Record<string, Buffer>

const filled = (rows: readonly (number | string)[], columns = COLUMNS, of = integer): Objects =>
  Object.fromEntries(
    columns.flatMap((column, place) => rows.map((row, i) => [`${column}.${row}`, of(i + place)])),
  )

/** An agent that answers GETBULK with no more than this many octets, also inside of a row. */
function within(bytes: number, objects: Objects) {
  const sorted = Object.keys(objects).sort(compareOids)
  const after = (oid: string): number => {
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareOids(sorted[middle] ?? '', oid) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
  return (request: AgentRequest): AgentReply => {
    const varbinds: [string, Buffer][] = []
    let room = bytes - 60
    const places = request.oids.map(after)
    const add = (oid: string, value: Buffer): boolean => {
      room -= oid.split('.').length + 6 + value.length
      if (room >= 0) varbinds.push([oid, value])
      return room >= 0
    }
    // Row 0 of a non-repeater, all rows of the others.
    for (let row = 0; row < Math.max(request.repetitions, 1); row++) {
      for (const [i, asked] of request.oids.entries()) {
        if (row > 0 && i < request.nonRepeaters) continue
        const oid = sorted[(places[i] ?? 0) + row]
        if (!add(oid ?? asked, objects[oid ?? ''] ?? endOfMib)) return { varbinds }
      }
    }
    return { varbinds }
  }
}

/** Cells as `value` or null, by column. */
function cells({ table }: { table: RawTable }): unknown[][] {
  return table.sources.map((_, column) =>
    table.indexes.map((_, row) => {
      const raw = rawValue(table, column, row)
      return raw.type === 'none' ? null : raw.value
    }),
  )
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => i + from)

t.test('rows of all lengths, in answers of all sizes', async t => {
  for (const bytes of [200, 484, 1472, 9000]) {
    for (const count of [0, 1, 5, 6, 7, 52, 300]) {
      agent.answer = within(bytes, { ...filled(upTo(count)), '1.3.6.1.2.1.4.1.0': integer(1) })
      const session = open(t)
      for (const round of ['first', 'again', 'third']) {
        const read = await session.readTable(COLUMNS, 1000)
        const what = `${count} rows in ${bytes} octets, ${round}`
        t.same(read.table.indexes, upTo(count).map(String), what)
        t.same(
          cells(read),
          [0, 1, 2].map(place => upTo(count, place)),
          what,
        )
        t.same(read.stopped, [null, null, null])
      }
      t.ok(agent.requests.every(({ type }) => type === 'bulk'))
    }
  }
})

t.test('unchanged rows are the same array; changed ones are seen', async t => {
  const session = open(t)
  const read = () => session.readTable(COLUMNS, 1000)
  const cases: Record<string, (number | string)[]> = {
    'the same': upTo(60),
    'one more at the end': upTo(61),
    'one less at the end': upTo(59),
    'one removed at the start': upTo(58, 2),
    'one inserted': [1, 2, 3, '3.1', ...upTo(40, 4)],
    'two octets each': upTo(60, 1000),
    'of several sub-identifiers': upTo(60).map(n => `4.192.0.2.${n * 4}`),
    'up to 32 bits': [1, 127, 128, 16383, 16384, 2097152, 268435456, 4294967295],
    none: [],
    'back again': upTo(60),
  }
  for (const [what, rows] of Object.entries(cases)) {
    agent.answer = within(484, filled(rows))
    const first = await read()
    t.same(first.table.indexes, rows.map(String), what)
    const second = await read()
    t.equal(second.table.indexes, first.table.indexes, `${what}: the same array`)
    t.same(
      cells(second),
      [0, 1, 2].map(place => upTo(rows.length, place)),
    )
    t.not(second.table.lo, first.table.lo, 'each read has cells of its own')
  }
})

t.test('two devices alike share the list of rows', async t => {
  agent.answer = within(1472, filled(upTo(20)))
  const one = await open(t).readTable(COLUMNS, 100)
  const other = await open(t).readTable(COLUMNS, 100)
  t.equal(one.table.indexes, other.table.indexes)
})

t.test('values of every type', async t => {
  const values: [Buffer, unknown][] = [
    [integer(5), 5],
    [tlv(0x02, [0xff]), -1],
    [tlv(0x02, [0x80, 0, 0, 0]), -2_147_483_648],
    [tlv(0x02, [0, 0, 0, 0, 9]), 9],
    [tlv(0x02, []), null],
    [tlv(0x41, [0xff, 0xff, 0xff, 0xff]), 4_294_967_295],
    [tlv(0x41, [0, 0xff, 0xff, 0xff, 0xfe]), 4_294_967_294],
    [tlv(0x42, [1, 0, 0, 0, 0]), null],
    [tlv(0x43, [1, 2]), 258],
    [tlv(0x47, [7]), 7],
    [counter64(0, 255, 255, 255, 255, 255, 255, 255, 255), 2n ** 64n - 1n],
    [counter64(1, 2, 3, 4, 5), 0x01_0203_0405n],
    [counter64(200), 200n],
    [counter64(), null],
    [counter64(1, 0, 0, 0, 0, 0, 0, 0, 0), null],
    [octets('a'), Uint8Array.of(97)],
    [octets('x'.repeat(200)), new Uint8Array(200).fill(120)],
    [tlv(0x40, [192, 0, 2, 1]), '192.0.2.1'],
    [tlv(0x06, [0x2b, 6, 1]), '1.3.6.1'],
    [tlv(0x44, [0x9f, 0x78, 4, 0x41, 0xbe, 0, 0]), 23.75],
    [tlv(0x44, [1, 2]), Uint8Array.of(1, 2)],
    [tlv(0x5f, [1]), null],
    [tlv(0x05, []), null],
  ]
  const unreadable = [4, 7, 13, 14, 21].length
  const objects = Object.fromEntries(values.map(([wire], i) => [`${IN}.${i + 1}`, wire]))
  agent.answer = within(1472, { ...objects, ...filled(upTo(values.length), [OUT]) })
  const session = open(t)
  for (const round of [1, 2]) {
    const read = await session.readTable([IN, OUT], 100)
    t.same(
      cells(read)[0],
      values.map(([, value]) => value),
    )
    t.same(cells(read)[1], upTo(values.length, 0))
    t.equal(session.counters.dropped, unreadable * round)
  }
  // The same places, other types: nothing of the values before is left.
  agent.answer = within(
    1472,
    filled(upTo(values.length), [IN, OUT], n => integer(n, 0x41)),
  )
  t.same(cells(await session.readTable([IN, OUT], 100))[0], upTo(values.length, 0))
})

t.test('columns that the device has not', async t => {
  const [before, behind] = [`${TABLE}.1`, `${TABLE}.21`]
  const columns = [before, DESCR, `${TABLE}.9`, IN, OUT, behind]
  agent.answer = within(1472, filled(upTo(30)))
  const session = open(t)
  for (const _ of [1, 2, 3]) {
    const read = await session.readTable(columns, 100)
    t.same(read.table.sources, columns)
    const none = Array(30).fill(null)
    t.same(cells(read), [none, upTo(30, 0), none, upTo(30, 1), upTo(30, 2), none])
    t.same(read.stopped, Array(6).fill(null))
  }
  agent.requests.length = 0
  await session.readTable(columns, 100)
  t.ok(
    agent.requests.slice(1).every(({ oids }) => oids.length === 3),
    'asked for once',
  )
  agent.answer = within(1472, filled(upTo(30), [...COLUMNS, behind]))
  const come = await session.readTable(columns, 100)
  t.same(cells(come)[5], upTo(30, 3), 'one has come')
  agent.answer = within(1472, filled(upTo(30), [DESCR]))
  t.same(cells(await session.readTable(columns, 100))[1], upTo(30, 0), 'others have gone')
  agent.answer = within(1472, {})
  t.same((await session.readTable(columns, 100)).table.indexes, [], 'all have gone')
  agent.answer = within(1472, filled(upTo(30)))
  t.same(cells(await session.readTable(columns, 100))[3], upTo(30, 1), 'and are back')
})

t.test('columns with holes, and of differing lengths', async t => {
  const rows = upTo(130)
  const sparse = {
    ...filled(rows, [DESCR]),
    ...filled(
      rows.filter(row => row % 7 === 0),
      [IN],
    ),
    ...filled(rows.slice(0, 3), [OUT]),
  }
  for (const version of ['2c', '1'] as const) {
    agent.answer = version === '1' ? honestly(sparse) : within(1472, sparse)
    const session = open(t, { credentials: { version, community: 'public' } })
    for (const _ of [1, 2, 3]) {
      const read = await session.readTable(COLUMNS, 1000)
      t.same(read.table.indexes, rows.map(String))
      const [descr, ins, outs] = cells(read)
      t.same(descr, upTo(130, 0))
      t.same(
        ins,
        rows.map(row => (row % 7 === 0 ? row / 7 - 1 : null)),
      )
      t.same(
        outs,
        rows.map(row => (row <= 3 ? row - 1 : null)),
      )
    }
    agent.answer = version === '1' ? honestly(filled(rows)) : within(1472, filled(rows))
    for (const _ of [1, 2]) {
      t.same(cells(await session.readTable(COLUMNS, 1000))[2], upTo(130, 2), 'filled up again')
    }
  }
})

t.test('a row that goes while the table is read', async t => {
  const honest = [within(484, filled(upTo(60))), within(484, filled(upTo(58, 3)))] as const
  const session = open(t)
  agent.answer = honest[0]
  await session.readTable(COLUMNS, 1000)
  let torn = 0
  agent.answer = request => {
    if (torn++ > 0) return honest[1](request)
    // One answer in which the first column has lost its rows already, the others not.
    const { varbinds: before = [] } = honest[0](request)
    const { varbinds: after = [] } = honest[1](request)
    return { varbinds: before.map((varbind, i) => (i % 3 === 0 ? after[i] : undefined) ?? varbind) }
  }
  const read = await session.readTable(COLUMNS, 1000)
  t.same(read.table.indexes, upTo(58, 3).map(String))
  t.same(
    cells(read),
    [0, 1, 2].map(place => upTo(58, place)),
  )
})

t.test('rowsMax, endless and circling tables', async t => {
  const session = open(t)
  agent.answer = within(1472, filled(upTo(100)))
  for (const _ of [1, 2]) {
    const read = await session.readTable(COLUMNS, 40)
    t.same(read.table.indexes, upTo(40).map(String))
    t.same(read.stopped, Array(3).fill('rows-max'))
  }
  const exact = await session.readTable(COLUMNS, 100)
  t.same(exact.stopped, [null, null, null], 'as many as there are')

  let row = 0
  const rowsOf = (next: () => number) => (request: AgentRequest) => ({
    varbinds: Array.from({ length: Math.min(request.repetitions, 40) }, () => {
      const index = next()
      return COLUMNS.map((column): [string, Buffer] => [`${column}.${index}`, integer(index)])
    }).flat(),
  })
  agent.answer = rowsOf(() => ++row)
  const endless = await open(t).readTable(COLUMNS, 500)
  t.equal(endless.table.indexes.length, 500)
  t.same(endless.stopped, Array(3).fill('rows-max'))
  t.ok(agent.requests.length < 60)

  const orders: Record<string, () => number> = {
    equal: () => 5,
    circle: () => (row++ % 3) + 1,
    back: () => 1000 - row++,
  }
  for (const [what, order] of Object.entries(orders)) {
    row = 0
    agent.answer = rowsOf(order)
    for (const allowNonIncreasing of [false, true]) {
      const read = await open(t, { quirks: { allowNonIncreasing } }).readTable(COLUMNS, 500)
      t.ok(agent.requests.length < 60, `${what}: ${agent.requests.length} requests`)
      t.ok(read.table.indexes.length <= 500)
      if (!allowNonIncreasing) t.same(read.stopped, Array(3).fill('not-increasing'), what)
    }
  }
})

t.test('agents that fail at GETBULK in some way', async t => {
  const rows = upTo(60)
  const honest = honestly(filled(rows))
  const answers: Record<string, (r: AgentRequest) => AgentReply> = {
    'tooBig beyond 8 values': r =>
      r.oids.length * Math.max(1, r.repetitions) > 8 ? { status: 1, varbinds: [] } : honest(r),
    'genErr on GETBULK': r => (r.type === 'bulk' ? { status: 5, index: 0 } : honest(r)),
    'part of a row': r => ({ varbinds: (honest(r).varbinds ?? []).slice(0, 2) }),
    'one value more': r => {
      const { varbinds = [] } = honest(r)
      return { varbinds: [...varbinds, [`${DESCR}.99`, integer(1)]] }
    },
    'rows never asked for': r => honest({ ...r, repetitions: r.repetitions + 7 }),
  }
  for (const [what, answer] of Object.entries(answers)) {
    agent.answer = answer
    const session = open(t)
    for (const round of [1, 2]) {
      const read = await session.readTable(COLUMNS, 1000)
      t.same(read.table.indexes, rows.map(String), `${what}, ${round}`)
      t.same(
        cells(read),
        [0, 1, 2].map(place => upTo(60, place)),
        what,
      )
    }
    const before = agent.requests.length
    agent.requests.length = 0
    await session.readTable(COLUMNS, 1000)
    t.ok(agent.requests.length < before, `${what}: what was learned is kept`)
    if (what.startsWith('tooBig')) {
      agent.requests.length = 0
      await session.readTable(COLUMNS, 1000)
      t.ok(agent.requests.every(r => r.repetitions * 3 <= 8))
    }
  }
  agent.answer = () => ({ varbinds: [] })
  await t.rejects(open(t).readTable(COLUMNS, 10), { code: 'E_SNMP_DECODE' })
  agent.answer = () => ({ status: 5, index: 0 })
  await t.rejects(open(t).readTable(COLUMNS, 10), { code: 'E_SNMP_ERROR' })
})

t.test('large answers that are lost on their way', async t => {
  const honest = within(60_000, filled(upTo(400)))
  let largest = 0
  agent.answer = r => {
    largest = Math.max(largest, r.repetitions)
    return r.repetitions > 100 ? null : honest(r)
  }
  const session = open(t, { timeoutMs: 300 })
  for (const _ of [1, 2]) {
    t.equal((await session.readTable(COLUMNS, 1000)).table.indexes.length, 400)
  }
  t.ok(largest > 100, 'larger ones were tried')
  const { timeouts } = session.counters
  for (const _ of [1, 2]) await session.readTable(COLUMNS, 1000)
  t.equal(session.counters.timeouts, timeouts, 'and are not tried again')
})

t.test('what was learned serves the next session, what is pinned is not learned', async t => {
  agent.answer = within(60_000, filled(upTo(400)))
  const session = open(t)
  for (const _ of [1, 2, 3, 4]) await session.readTable(COLUMNS, 1000)
  const { tuning } = session
  t.ok((tuning?.messageBytes ?? 0) > 1472)
  t.equal(tuning?.tables[DESCR]?.rows, 400)
  const next = open(t, tuning ? { tuning } : {})
  await next.readTable(COLUMNS, 1000)
  t.ok(agent.requests.length <= 4, `${agent.requests.length} requests`)
  await open(t, { pinned: { repetitions: 7 } }).readTable(COLUMNS, 1000)
  t.ok(agent.requests.every(({ repetitions }) => repetitions <= 7))
  await open(t, { quirks: { maxRepetitions: 3 } }).readTable(COLUMNS, 1000)
  t.ok(agent.requests.every(({ repetitions }) => repetitions <= 3))
})

t.test('a signal, and close', async t => {
  agent.answer = () => null
  const session = open(t, { timeoutMs: 60_000 })
  const stop = new AbortController()
  const reads = [1, 2].map(() => session.readTable(COLUMNS, 10, stop.signal))
  stop.abort()
  for (const read of reads) await t.rejects(read, { code: 'E_ABORTED' })
  agent.answer = within(1472, filled(upTo(3)))
  t.equal((await session.readTable(COLUMNS, 10)).table.indexes.length, 3, 'the session lives on')
  agent.answer = () => null
  const last = session.readTable(COLUMNS, 10)
  session.close()
  await t.rejects(last, { code: 'E_ABORTED' })
})

t.test('a real agent: read as walked, in every version', async t => {
  const users = [
    { name: 'ops', auth: 'SHA-256', authKey: 'authpass123', priv: 'AES', privKey: 'privpass123' },
  ] as const
  const real = await startSnmpd(t, { community: 'campus', users })
  const tables = [
    [2, 5, 7, 8, 3, 6, 9, 22].map(n => `1.3.6.1.2.1.2.2.1.${n}`),
    [1, 2, 3, 4].map(n => `1.3.6.1.2.1.25.6.3.1.${n}`),
    [1, 2, 3, 7].map(n => `1.3.6.1.2.1.4.24.4.1.${n}`),
    [1, 2, 3].map(n => `1.3.6.1.6.3.10.2.1.${n}`),
  ]
  const cleaned = (read: TableRead) => ({ ...cells(read), indexes: read.table.indexes })
  for (const credentials of [
    { version: '1', community: 'campus' },
    { version: '2c', community: 'campus' },
    {
      version: '3',
      user: 'ops',
      level: 'authPriv',
      auth: { protocol: 'sha256', key: 'authpass123' },
      priv: { protocol: 'aes', key: 'privpass123' },
    },
  ] as const) {
    const { address, port } = real
    const session = openSession({ address, port, credentials, timeoutMs: 5000, retries: 1 })
    t.teardown(() => session.close())
    for (const columns of tables) {
      const first = await session.readTable(columns, 10_000)
      const walked = await session.walk(columns, 10_000)
      t.same(
        first.table.indexes,
        [...(walked.find(({ values }) => values.size > 0)?.values.keys() ?? [])],
        `v${credentials.version} ${columns[0]}`,
      )
      t.same(
        cells(first),
        walked.map(({ values }) =>
          first.table.indexes.map(index => {
            const raw = values.get(index)
            return raw && raw.type !== 'none' ? raw.value : null
          }),
        ),
      )
      t.same(cleaned(await session.readTable(columns, 10_000)), cleaned(first))
    }
    t.equal(session.counters.dropped, 0)
  }
})
