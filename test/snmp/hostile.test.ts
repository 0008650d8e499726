// Goal: an agent that lies, babbles or breaks the protocol costs a bounded number of requests and
// ends in the right value or the right error; nothing it sends can end the process.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { AppError } from '../../server/model/errors.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SessionOptions } from '../../server/snmp/session.ts'
import { freeUdpPort, type Teardown } from '../parts/find.ts'
import {
  type AgentReply,
  type AgentRequest,
  counter64,
  honestly,
  integer,
  nothing,
  octets,
  oidValue,
  startHostileAgent,
  tlv,
} from '../parts/hostile-agent.ts'

const SYS_NAME = '1.3.6.1.2.1.1.5.0'
const SYS_UPTIME = '1.3.6.1.2.1.1.3.0'
const TABLE = '1.3.6.1.2.1.2.2.1'
const [DESCR, IN, OUT] = [`${TABLE}.2`, `${TABLE}.10`, `${TABLE}.16`]

const agent = await startHostileAgent(t)

function open(t: Teardown, options: Partial<SessionOptions> = {}, of = agent) {
  of.requests.length = 0
  const session = openSession({
    address: of.address,
    port: of.port,
    credentials: { version: '2c', community: 'public' },
    // Long, so that a busy machine answers in time; where silence is expected, less will do.
    timeoutMs: 5000,
    retries: 0,
    ...options,
  })
  t.teardown(() => session.close())
  return session
}

const name = (request: AgentRequest): AgentReply => ({
  varbinds: request.oids.map(oid => [oid, octets('sw1')]),
})
const text = (value: unknown) => {
  const raw = value as { type: string; value?: Uint8Array }
  return raw.type === 'octets' ? Buffer.from(raw.value ?? []).toString() : raw
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    error => (error instanceof AppError ? error.code : `not ours: ${error}`),
  )

/** ifTable with these rows in each of its columns. */
function table(rows: readonly number[], columns = [DESCR, IN, OUT]): Record<string, Buffer> {
  return Object.fromEntries(
    columns.flatMap(column => rows.map(row => [`${column}.${row}`, integer(row)])),
  )
}

t.test('datagrams that are no answer to the question', async t => {
  const cases: Record<string, { reply: (r: AgentRequest) => AgentReply; code: string }> = {
    garbage: {
      reply: () => ({ mangle: () => Buffer.from('hello, I am not SNMP') }),
      code: 'E_SNMP_DECODE',
    },
    'empty datagram': { reply: () => ({ mangle: () => Buffer.alloc(0) }), code: 'E_SNMP_DECODE' },
    'random bytes': {
      reply: () => ({ mangle: b => Buffer.from(b.map((x, i) => (x * 31 + i * 17) & 255)) }),
      code: 'E_SNMP_DECODE',
    },
    'cut in half': {
      reply: r => ({ ...name(r), mangle: b => b.subarray(0, b.length >> 1) }),
      code: 'E_SNMP_DECODE',
    },
    'cut by one octet': {
      reply: r => ({ ...name(r), mangle: b => b.subarray(0, -1) }),
      code: 'E_SNMP_DECODE',
    },
    'another port': { reply: r => ({ ...name(r), fromElsewhere: true }), code: 'E_SNMP_TIMEOUT' },
    'another request id': { reply: r => ({ ...name(r), id: r.id + 1 }), code: 'E_SNMP_TIMEOUT' },
    'another community': {
      reply: r => ({ ...name(r), community: 'private' }),
      code: 'E_SNMP_AUTH',
    },
    'our own request': { reply: r => ({ mangle: () => r.bytes }), code: 'E_SNMP_AUTH' },
    'too late': { reply: r => ({ ...name(r), delayMs: 1600 }), code: 'E_SNMP_TIMEOUT' },
  }
  // The end of its patience is what a session judges at: all wait for theirs at the same time.
  const runCase = async (what: string, expected: (typeof cases)[string]) => {
    const liar = await startHostileAgent(t, expected.reply)
    const session = open(t, { timeoutMs: 1500 }, liar)
    t.equal(await code(session.get([SYS_NAME])), expected.code, what)
    if (what !== 'too late') t.equal(session.counters.dropped, 1, `${what}: counted`)
    liar.answer = name
    const [after] = await session.get([SYS_NAME])
    t.equal(text(after?.value), 'sw1', `${what}: the session lives on`)
  }
  await Promise.all(Object.entries(cases).map(([what, expected]) => runCase(what, expected)))
})

t.test('where the answer came from is in the error', async t => {
  agent.answer = r => ({ ...name(r), fromElsewhere: true })
  const error = await open(t, { retries: 1, timeoutMs: 700 })
    .get([SYS_NAME])
    .then(
      () => null,
      cause => cause,
    )
  t.match(error?.message, /the answer came from 127\.0\.0\.1:\d+$/)
  t.ok(error?.passing)
})

t.test('a port where nothing listens is unreachable, not silent', async t => {
  const session = open(t, { port: await freeUdpPort(), retries: 1, timeoutMs: 1000 })
  for (const _ of [1, 2]) t.equal(await code(session.get([SYS_NAME])), 'E_SNMP_UNREACHABLE')
  t.equal(session.counters.requests, 2)
})

t.test('every way to cut a datagram short is refused whole', async t => {
  let length = 1
  agent.answer = r => [
    { ...name(r), mangle: b => b.subarray(0, length) },
    {
      ...name(r),
      mangle: b =>
        Buffer.concat([b, tlv(0x30, Buffer.concat([oidValue(SYS_NAME), octets('more')]))]),
    },
  ]
  const session = open(t)
  for (length = 1; length < 40; length++) {
    const found = await session.get([SYS_NAME])
    t.equal(text(found[0]?.value), 'sw1')
  }
  t.equal(session.counters.dropped, 39, 'the short ones were counted, the longer one served')
})

t.test('every flipped octet ends in a value or an error of ours', async t => {
  let at = 0
  agent.answer = r => ({
    ...name(r),
    mangle: b => {
      const bent = Buffer.from(b)
      bent[at % b.length] = (bent[at % b.length] ?? 0) ^ 0xff
      return bent
    },
  })
  const session = open(t, { timeoutMs: 20 })
  for (at = 0; at < 45; at++) {
    const outcome = await code(session.get([SYS_NAME]))
    t.match(outcome, /^(no error|E_SNMP_(TIMEOUT|DECODE|AUTH|ERROR))$/)
  }
})

t.test('duplicates and a late first answer', async t => {
  agent.answer = r => [name(r), name(r), name(r)]
  const session = open(t)
  for (let i = 0; i < 5; i++) t.equal(text((await session.get([SYS_NAME]))[0]?.value), 'sw1')
  t.equal(agent.requests.length, 5)

  const slow = open(t, { timeoutMs: 300, retries: 5 })
  agent.answer = r => ({ ...name(r), delayMs: 450 })
  t.equal(
    text((await slow.get([SYS_NAME]))[0]?.value),
    'sw1',
    'the first answer counts after a retry',
  )
  t.ok(slow.counters.retries >= 1)
})

t.test('answers about other objects', async t => {
  const session = open(t)
  agent.answer = () => ({ varbinds: [['1.3.6.1.2.1.1.6.0', octets('elsewhere')]] })
  t.equal(await code(session.get([SYS_NAME])), 'E_SNMP_DECODE', 'another object')
  agent.answer = r => ({ varbinds: [...(name(r).varbinds ?? []), [SYS_UPTIME, integer(1, 0x43)]] })
  t.equal(await code(session.get([SYS_NAME])), 'E_SNMP_DECODE', 'one more')
  agent.answer = r => ({ varbinds: (name(r).varbinds ?? []).slice(1) })
  t.equal(await code(session.get([SYS_NAME, SYS_UPTIME])), 'E_SNMP_DECODE', 'one less')
  agent.answer = () => ({ varbinds: [] })
  t.equal(await code(session.get([SYS_NAME])), 'E_SNMP_DECODE', 'none')
  agent.answer = () => ({
    varbinds: [
      [SYS_UPTIME, integer(7, 0x43)],
      [SYS_NAME, octets('sw1')],
    ],
  })
  const swapped = await session.get([SYS_NAME, SYS_UPTIME])
  t.same(swapped[1], { oid: SYS_UPTIME, value: { type: 'ticks', value: 7 } }, 'other order')
})

t.test('values', async t => {
  const values: Record<string, [Buffer, unknown]> = {
    'Counter64 of 12 octets': [counter64(...Array(12).fill(1)), { type: 'none' }],
    'Counter64 of none': [counter64(), { type: 'none' }],
    'Counter64 of one': [counter64(200), { type: 'counter64', value: 200n }],
    'Counter64 at its end': [
      counter64(0, ...Array(8).fill(255)),
      { type: 'counter64', value: 2n ** 64n - 1n },
    ],
    'Counter64 beyond': [counter64(1, ...Array(8).fill(0)), { type: 'none' }],
    'INTEGER of none': [tlv(0x02, []), { type: 'none' }],
    'INTEGER of 12': [tlv(0x02, Array(12).fill(0x7f)), { type: 'none' }],
    'INTEGER beyond 32 bits': [tlv(0x02, [0x7f, 0, 0, 0, 0]), { type: 'none' }],
    'INTEGER below zero': [tlv(0x02, [0xff]), { type: 'integer', value: -1 }],
    'Counter32 at its end': [
      integer(4_294_967_295, 0x41),
      { type: 'counter32', value: 4_294_967_295 },
    ],
    UInteger32: [integer(77, 0x47), { type: 'gauge32', value: 77 }],
    'IpAddress of 16': [tlv(0x40, Array(16).fill(1)), { type: 'none' }],
    IpAddress: [tlv(0x40, [192, 0, 2, 1]), { type: 'ip', value: '192.0.2.1' }],
    'OID of none': [tlv(0x06, []), { type: 'none' }],
    'OID that does not end': [tlv(0x06, [0x2b, 0x86]), { type: 'none' }],
    'unknown type': [tlv(0x5f, [1, 2]), { type: 'none' }],
    float: [tlv(0x44, [0x9f, 0x78, 4, 0x41, 0xbe, 0, 0]), { type: 'number', value: 23.75 }],
    double: [
      tlv(0x44, [0x9f, 0x79, 8, 0x40, 0x37, 0xc0, 0, 0, 0, 0, 0]),
      { type: 'number', value: 23.75 },
    ],
    NULL: [nothing, { type: 'none' }],
  }
  const session = open(t)
  for (const [what, [wire, expected]] of Object.entries(values)) {
    const before = session.counters.dropped
    agent.answer = () => ({
      varbinds: [
        [SYS_UPTIME, wire],
        [SYS_NAME, octets('sw1')],
      ],
    })
    const [bent, good] = await session.get([SYS_UPTIME, SYS_NAME])
    t.same(bent?.value, expected, what)
    t.equal(text(good?.value), 'sw1', `${what}: its neighbour is unharmed`)
    const isBad = (expected as { type: string }).type === 'none' && what !== 'NULL'
    t.equal(session.counters.dropped - before, isBad ? 1 : 0, `${what}: counted`)
  }
})

t.test('octets are copied out of the datagram', async t => {
  agent.answer = name
  const [found] = await open(t).get([SYS_NAME])
  if (found?.value.type !== 'octets') return t.fail('octets expected')
  t.equal(found.value.value.buffer.byteLength, 3)
})

t.test('an endless walk ends at rowsMax', async t => {
  let row = 0
  agent.answer = r => ({
    varbinds: Array.from({ length: r.repetitions }, () => {
      row++
      return r.oids.map((_, i): [string, Buffer] => [`${[DESCR, IN][i]}.${row}`, integer(row)])
    }).flat(),
  })
  const [descr, inOctets] = await open(t).walk([DESCR, IN], 200)
  t.equal(descr?.stopped, 'rows-max')
  t.equal(descr?.values.size, 200)
  t.equal(inOctets?.stopped, 'rows-max')
  t.ok(agent.requests.length < 20)
})

for (const allowNonIncreasing of [false, true]) {
  t.test(`OIDs that repeat or go back, allowNonIncreasing ${allowNonIncreasing}`, async t => {
    const quirks = { allowNonIncreasing }
    agent.answer = r => ({
      varbinds: Array.from(
        { length: r.repetitions },
        () => [`${DESCR}.5`, integer(5)] as [string, Buffer],
      ),
    })
    const [equal] = await open(t, { quirks }).walk([DESCR], 1000)
    t.equal(equal?.stopped, 'not-increasing', 'equal')
    t.equal(equal?.values.size, 1)

    let n = 0
    agent.answer = r => ({
      varbinds: Array.from(
        { length: r.repetitions },
        () => [`${DESCR}.${(n++ % 3) + 1}`, integer(n)] as [string, Buffer],
      ),
    })
    const [circle] = await open(t, { quirks }).walk([DESCR], 1000)
    t.equal(circle?.stopped, 'not-increasing', 'a circle')
    t.equal(circle?.values.size, 3)

    const order = [3, 1, 2, 9]
    n = 0
    agent.answer = r => ({
      varbinds: Array.from({ length: r.repetitions }, (): [string, Buffer] =>
        n < order.length ? [`${DESCR}.${order[n]}`, integer(n++)] : [`${IN}.1`, integer(1)],
      ),
    })
    const [mixed] = await open(t, { quirks }).walk([DESCR], 1000)
    t.equal(mixed?.stopped, allowNonIncreasing ? null : 'not-increasing', 'out of order')
    t.same([...(mixed?.values.keys() ?? [])], allowNonIncreasing ? ['3', '1', '2', '9'] : ['3'])
  })
}

t.test('a table with holes and columns of differing lengths', async t => {
  const rows = Array.from({ length: 130 }, (_, i) => i + 1)
  const sparse = {
    ...table(rows, [DESCR]),
    ...table(
      rows.filter(row => row % 7 === 0),
      [IN],
    ),
    ...table(rows.slice(0, 3), [OUT]),
    '1.3.6.1.2.1.31.1.1.1.1.1': octets('another table'),
  }
  for (const version of ['2c', '1'] as const) {
    agent.answer = honestly(sparse)
    const session = open(t, { credentials: { version, community: 'public' } })
    const walked = await session.walk([DESCR, IN, OUT, `${TABLE}.21`], 1000)
    t.same(
      walked.map(one => one.stopped),
      [null, null, null, null],
      version,
    )
    t.same(
      walked.map(one => one.values.size),
      [130, 18, 3, 0],
      version,
    )
    t.same([...(walked[1]?.values.keys() ?? [])].slice(0, 3), ['7', '14', '21'])
    const before = agent.requests.length
    await session.walk([DESCR, IN, OUT, `${TABLE}.21`], 1000)
    t.ok(agent.requests.length - before <= before, `${version}: not more requests the second time`)
  }
})

t.test('answers cut short inside a row lose nothing', async t => {
  const rows = Array.from({ length: 50 }, (_, i) => i + 1)
  for (const length of [1, 2, 4, 7, 11]) {
    const honest = honestly(table(rows))
    agent.answer = r => ({ varbinds: (honest(r).varbinds ?? []).slice(0, length) })
    const walked = await open(t).walk([DESCR, IN, OUT], 1000)
    t.same(
      walked.map(one => one.values.size),
      [50, 50, 50],
      `${length} values in an answer`,
    )
    t.same(
      walked.map(one => one.stopped),
      [null, null, null],
    )
  }
})

t.test('an empty answer to a walk is an error, not an end', async t => {
  agent.answer = () => ({ varbinds: [] })
  t.equal(await code(open(t).walk([DESCR], 100)), 'E_SNMP_DECODE')
})

t.test('more values than asked for', async t => {
  const honest = honestly(table([1, 2, 3]))
  agent.answer = r => ({ varbinds: [...(honest(r).varbinds ?? []), [`${DESCR}.99`, integer(99)]] })
  const walked = await open(t).walk([DESCR, IN], 100)
  t.equal(walked[1]?.values.size, 3)
})

t.test('genErr on one column costs that column', async t => {
  const honest = honestly(table([1, 2, 3]))
  for (const index of [0, 2]) {
    agent.answer = r =>
      r.oids.some(oid => oid.startsWith(`${IN}`)) ? { status: 5, index } : honest(r)
    const walked = await open(t).walk([DESCR, IN, OUT], 100)
    t.same(
      walked.map(one => one.values.size),
      [3, 0, 3],
      `error-index ${index}`,
    )
    t.equal(walked[1]?.stopped, 'error')
  }
  agent.answer = () => ({ status: 5, index: 0 })
  t.equal(await code(open(t).walk([DESCR, IN], 100)), 'E_SNMP_ERROR', 'all columns')
})

t.test('tooBig: smaller, and remembered', async t => {
  const oids = Array.from({ length: 40 }, (_, i) => `1.3.6.1.4.1.99999.1.${i + 1}.0`)
  const honest = honestly(Object.fromEntries(oids.map((oid, i) => [oid, integer(i)])))
  agent.answer = r => (r.oids.length > 12 ? { status: 1, varbinds: [] } : honest(r))
  const session = open(t)
  const found = await session.get(oids)
  t.same(
    found.map(one => one.value),
    oids.map((_, i) => ({ type: 'integer', value: i })),
  )
  agent.requests.length = 0
  await session.get(oids)
  t.equal(agent.requests.length, 4, '10 at a time')

  const rows = Array.from({ length: 30 }, (_, i) => i + 1)
  const honestTable = honestly(table(rows))
  agent.answer = r =>
    r.oids.length * r.repetitions > 8 ? { status: 1, varbinds: [] } : honestTable(r)
  const walker = open(t)
  const walked = await walker.walk([DESCR, IN, OUT], 100)
  t.same(
    walked.map(one => one.values.size),
    [30, 30, 30],
  )

  agent.answer = () => ({ status: 1, varbinds: [] })
  t.equal(await code(open(t).get([SYS_NAME])), 'E_SNMP_ERROR', 'a single object too big')
  t.equal(await code(open(t).walk([DESCR, IN], 10)), 'E_SNMP_ERROR', 'a single cell too big')
})

t.test('v1: a missing object does not cost the others', async t => {
  agent.answer = honestly({ [SYS_NAME]: octets('sw1'), [SYS_UPTIME]: integer(5, 0x43) })
  const session = open(t, { credentials: { version: '1', community: 'public' } })
  const found = await session.get(['1.3.6.1.9.1.0', SYS_NAME, '1.3.6.1.9.2.0', SYS_UPTIME])
  t.same(
    found.map(one => one.value.type),
    ['none', 'octets', 'none', 'ticks'],
  )
  agent.requests.length = 0
  await session.get(['1.3.6.1.9.1.0', SYS_NAME, '1.3.6.1.9.2.0', SYS_UPTIME])
  t.equal(agent.requests.length, 1, 'what is missing is not asked for each time')
  const next = await session.getNext(['1.3.6.1.2.1.1.4', '1.3.6.1.9'])
  t.equal(next[0]?.oid, SYS_NAME)
  t.equal(next[1]?.value.type, 'none')
  t.same(
    (await session.get(['1.3.6.1.9.1.0'])).map(one => one.value.type),
    ['none'],
  )
  t.ok(agent.requests.every(r => r.type !== 'bulk'))
})

t.test('quirks', async t => {
  agent.answer = honestly(table([1, 2, 3, 4]))
  const quirks = { bulk: false, maxOidsPerGet: 2 }
  const walked = await open(t, { quirks }).walk([DESCR, IN, OUT], 100)
  t.same(
    walked.map(one => one.values.size),
    [4, 4, 4],
  )
  t.ok(agent.requests.every(r => r.type === 'next' && r.oids.length <= 2))
  await open(t, { quirks: { maxRepetitions: 3 } }).walk([DESCR], 100)
  t.ok(agent.requests.every(r => r.repetitions <= 3))
})

t.test('a signal ends a call at once, also one that waits for its turn', async t => {
  agent.answer = () => null
  const session = open(t, { timeoutMs: 60_000, retries: 5 })
  const stop = new AbortController()
  const calls = [
    session.get([SYS_NAME], stop.signal),
    session.walk([DESCR], 10, stop.signal),
    session.getNext([SYS_NAME], stop.signal),
  ].map(code)
  stop.abort()
  t.same(await Promise.all(calls), ['E_ABORTED', 'E_ABORTED', 'E_ABORTED'])
  t.equal(await code(session.get([SYS_NAME], stop.signal)), 'E_ABORTED', 'already aborted')
  agent.answer = name
  t.equal(text((await session.get([SYS_NAME]))[0]?.value), 'sw1', 'the session lives on')
})

t.test('close rejects what is pending, and may come twice', async t => {
  agent.answer = () => null
  const session = open(t, { timeoutMs: 60_000 })
  const calls = [session.get([SYS_NAME]), session.get([SYS_NAME])].map(code)
  session.close()
  session.close()
  t.same(await Promise.all(calls), ['E_ABORTED', 'E_ABORTED'])
  t.equal(await code(session.get([SYS_NAME])), 'E_ABORTED')
  const unused = open(t)
  unused.close()
  unused.close()
})

t.test('a bound on how many wait', async t => {
  agent.answer = () => null
  const session = open(t, { timeoutMs: 60_000 })
  const calls = Array.from({ length: 70 }, () => code(session.get([SYS_NAME])))
  t.equal(await Promise.race(calls), 'E_SNMP_ERROR')
  session.close()
  const ends = await Promise.all(calls)
  t.equal(ends.filter(end => end === 'E_SNMP_ERROR').length, 5)
})

t.test('nothing is left after 1,000 timeouts', async t => {
  agent.answer = () => null
  // What the test's own output has on the way is not ours.
  const ours = /^(UDP|Timeout)/
  const count = () =>
    process
      .getActiveResourcesInfo()
      .filter(one => ours.test(one))
      .reduce<Record<string, number>>((all, one) => {
        all[one] = (all[one] ?? 0) + 1
        return all
      }, {})
  const session = open(t, { timeoutMs: 1 })
  await code(session.get([SYS_NAME]))
  const before = count()
  for (let i = 0; i < 1000; i++) await code(session.get([SYS_NAME]))
  // A socket that was closed is gone when the event loop has turned.
  for (let turn = 0; turn < 3; turn++) await setImmediate()
  t.same(count(), before, 'timers and sockets as before')
  t.equal(session.counters.timeouts, 1001)
  agent.answer = name
  const late = open(t)
  t.equal(text((await late.get([SYS_NAME]))[0]?.value), 'sw1')
})
