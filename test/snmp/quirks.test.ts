// Goal: whatever a device's agent and the way to it are like, as long as its answers come, a read
// gives all rows with right values, the first time and again, in a bounded number of requests.
import t, { type Test } from 'tap'
import type { SessionOptions, SnmpSession } from '../../server/snmp/session.ts'
import { type Faults, type QuirkyAgent, startQuirkyAgent } from '../parts/quirky-agent.ts'
import {
  cells,
  change,
  device,
  open,
  ownExchange,
  refused,
  SYSTEM,
  shown,
  TABLES,
  upTo,
} from './quirks-device.ts'

// Lost datagrams are waited for, many times.
t.setTimeout(600_000)
const rowsMax = 10_000
/** Scalars that are there, two that are not, and one twice. */
const SCALARS = [
  ...upTo(9).map(n => `${SYSTEM}.${n}.0`),
  `${SYSTEM}.50.0`,
  '2.1.0',
  `${SYSTEM}.1.0`,
]

interface Case {
  faults?: Faults
  options?: Partial<SessionOptions>
  address?: string
  /** Some answers are lost or come twice: requests are not counted, and some drops are expected. */
  lossy?: boolean
}

const v1: SessionOptions['credentials'] = { version: '1', community: 'public' }
const PATIENT = { timeoutMs: 300, retries: 12 }

const CASES: Record<string, Case> = {
  'an honest agent': {},
  'another address of this machine': { address: '127.9.8.7' },
  IPv6: { address: '::1' },
  'a v1 agent': { faults: { v1Only: true }, options: { credentials: v1 } },
  'v1, small answers': { faults: { messageMax: 484 }, options: { credentials: v1 } },
  'genErr to GETBULK': { faults: { noBulk: 'genErr' } },
  'silent to GETBULK, as its profile says': {
    faults: { noBulk: 'silent' },
    options: { quirks: { bulk: false } },
  },
  'answers of 484 octets': { faults: { messageMax: 484 } },
  'answers of 230 octets': { faults: { messageMax: 230 } },
  'answers of 60,000 octets': { faults: { messageMax: 60_000 } },
  'tooBig to a GETBULK beyond 484 octets': { faults: { messageMax: 484, bulkTooBig: true } },
  'tooBig to a GETBULK beyond 1,472 octets': { faults: { bulkTooBig: true } },
  'one row in each answer': { faults: { repetitionsMax: 1 } },
  'three rows in each answer': { faults: { repetitionsMax: 3 } },
  'two objects in each request': { options: { quirks: { maxOidsPerGet: 2 } } },
  'four rows asked for': { options: { quirks: { maxRepetitions: 4 } } },
  'order not looked at': { options: { quirks: { allowNonIncreasing: true } } },
  'slow, with jitter': { faults: { delayMs: 3, jitterMs: 12 } },
  'every answer twice': { faults: { duplicate: 1 }, lossy: true },
  'the last answer again before each': { faults: { late: 'first' }, lossy: true },
  'a tenth of the requests lost': { faults: { drop: 0.1 }, options: PATIENT, lossy: true },
  'lost, twice and out of order': {
    faults: { drop: 0.05, duplicate: 0.5, jitterMs: 20, late: 'first' },
    options: PATIENT,
    lossy: true,
  },
}

for (const [what, { faults = {}, options = {}, address, lossy = false }] of Object.entries(CASES)) {
  t.test(what, async t => {
    const agent = await startQuirkyAgent(t, device(), address === undefined ? {} : { address })
    const exchange = ownExchange(t)
    const session = open(t, agent, options, exchange)
    agent.faults = faults
    const isV1 = options.credentials?.version === '1'
    const read = { t, agent, session, isV1, lossy }
    await checkScalars(read, 'scalars')
    const before = await checkTables(read, 'first')
    const { length: first } = agent.requests
    const again = await checkTables(read, 'again')
    for (const [name, indexes] of again) {
      t.equal(indexes, before.get(name), `${name}: the same array while its rows are the same`)
    }
    if (!lossy) {
      t.ok(
        agent.requests.length <= 2 * first,
        `${first} requests, ${agent.requests.length} with the next read`,
      )
      t.ok(first <= requestsMax, `${first} requests`)
    }
    change(agent, 1, false)
    await checkTables(read, 'other values')
    change(agent, 2, true)
    await checkTables(read, 'other rows')
    await checkTables(read, 'other rows again')
    await checkScalars(read, 'scalars again')
    const { counters } = session
    t.comment(`${JSON.stringify(counters)}, dropped ${JSON.stringify(exchange.counters)}`)
    if (!lossy) t.match(counters, { dropped: 0, timeouts: 0, retries: 0 }, 'nothing was dropped')
    // Each answer twice, or the one before it again: all but the very last are counted by now.
    const twice = faults.duplicate === 1 || (faults.late && !faults.drop)
    if (twice) t.ok(refused(exchange) >= agent.requests.length - 1, 'duplicates are counted')
    else if (!lossy) t.equal(refused(exchange), 0)
  })
}

/** One read of all tables: by GETNEXT it takes a request a row, and 500 rows are there. */
const requestsMax = 3000

interface Read {
  t: Test
  agent: QuirkyAgent
  session: SnmpSession
  isV1: boolean
  lossy: boolean
}

/** What a v1 agent can say of it: no Counter64 (RFC 3584, section 4.2.2.1). */
const said = (isV1: boolean, text: string | undefined) =>
  text === undefined || (isV1 && text.startsWith('counter64')) ? 'none' : text

async function checkScalars({ t, agent, session, isV1 }: Read, what: string): Promise<void> {
  t.same(
    (await session.get(SCALARS)).map(({ oid, value }) => `${oid} ${shown(value)}`),
    SCALARS.map(oid => `${oid} ${said(isV1, agent.objects.get(oid)?.text)}`),
    what,
  )
}

/** Gives each table's rows. */
async function checkTables(
  { t, agent, session, isV1 }: Read,
  what: string,
): Promise<Map<string, readonly string[]>> {
  const lists = new Map<string, readonly string[]>()
  for (const [name, columns] of Object.entries(TABLES)) {
    const found = await session.readTable(columns, rowsMax)
    const expected = Object.entries(agent.objects.table(columns)).map(([column, values]) => [
      column,
      Object.fromEntries(Object.entries(values).filter(([, text]) => said(isV1, text) !== 'none')),
    ])
    t.same(cells(found), Object.fromEntries(expected), `${name}, ${what}`)
    t.same(found.table.sources, columns, 'columns in the order asked')
    t.ok(
      found.stopped.every(reason => reason === null),
      'to the end of each column',
    )
    const rows = new Set(expected.flatMap(([, values]) => Object.keys(values ?? {})))
    t.equal(found.table.indexes.length, rows.size, 'no row twice, and none that is empty')
    lists.set(name, found.table.indexes)
  }
  return lists
}
