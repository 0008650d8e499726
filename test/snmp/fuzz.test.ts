// Goal: a device under attack is still read. Hostile datagrams that reach a session before each answer
// are dropped and counted, and all real values arrive; those that cannot be told from an answer of the
// device give what they say, or an error of ours, and nothing else.
import t from 'tap'
import { AppError } from '../../server/model/errors.ts'
import { seeded, startQuirkyAgent } from '../parts/quirky-agent.ts'
import { asked, KINDS } from './fuzz-answers.ts'
import { understand } from './fuzz-reference.ts'
import {
  cells,
  device,
  open,
  ownExchange,
  refused,
  SYSTEM,
  shown,
  TABLES,
  upTo,
} from './quirks-device.ts'

const rowsMax = 1000
const SCALARS = upTo(9).map(n => `${SYSTEM}.${n}.0`)

/** Whether the device could have sent this in answer to that request. */
function isAnswer(bytes: Buffer, request: Buffer): boolean {
  const said = understand(bytes)
  const question = understand(request)
  return (
    said !== null &&
    question !== null &&
    said.type === 0xa2 &&
    said.varbinds !== null &&
    said.version === question.version &&
    said.community === question.community &&
    said.id === question.id
  )
}

/** Hostile datagrams for one request, in turn of all kinds, of which none can be its answer. */
function hostile(random: () => number) {
  const makers = [...KINDS.values()]
  let turn = 0
  return (request: Buffer, count: number): Buffer[] => {
    const made: Buffer[] = []
    while (made.length < count) {
      const bytes = makers[turn++ % makers.length]?.(asked(request), random) ?? Buffer.alloc(0)
      if (!isAnswer(bytes, request)) made.push(bytes)
    }
    return made
  }
}

for (const version of ['1', '2c'] as const) {
  t.test(`v${version}: ten hostile datagrams before each answer`, async t => {
    const agent = await startQuirkyAgent(t, device())
    const exchange = ownExchange(t)
    const session = open(t, agent, { credentials: { version, community: 'public' } }, exchange)
    const make = hostile(seeded(1))
    let sent = 0
    agent.ahead = request => {
      const made = make(request, 10)
      sent += made.length
      return made
    }
    const counter = (text: string) => version === '1' && text.startsWith('counter64')
    while (sent < 2000) {
      const scalars = await session.get(SCALARS)
      t.same(
        scalars.map(({ value }) => shown(value)),
        SCALARS.map(oid => agent.objects.get(oid)?.text ?? '').map(text =>
          counter(text) ? 'none' : text,
        ),
        'scalars',
      )
      const columns = (TABLES.dense ?? []).slice(0, 3)
      const found = await session.readTable(columns, rowsMax)
      t.same(cells(found), agent.objects.table(columns), 'table')
      t.same(found.stopped, [null, null, null])
    }
    t.comment(`${sent} hostile datagrams: ${JSON.stringify(exchange.counters)}`)
    t.equal(refused(exchange), sent, 'each of them was dropped and counted')
    t.match(session.counters, { retries: 0, timeouts: 0 })
  })
}

t.test('lies that could be the answer', async t => {
  const agent = await startQuirkyAgent(t, device())
  const random = seeded(7)
  const counts = { lies: 0, values: 0, errors: 0 }
  for (const [what, make] of KINDS) {
    for (let n = 0; n < 3; n++) {
      // One lie, to the first request alone; then the agent is honest again.
      let isFirst = true
      const lies: Buffer[] = []
      agent.ahead = request => {
        if (!isFirst) return []
        isFirst = false
        const lie = make(asked(request), random)
        if (!isAnswer(lie, request)) return []
        lies.push(lie)
        counts.lies++
        return [lie]
      }
      const session = open(t, agent)
      const outcome = await session.get(SCALARS).then(
        found => found,
        error => (error instanceof AppError ? error.code : `not ours: ${error}`),
      )
      session.close()
      if (typeof outcome === 'string') {
        counts.errors++
        t.match(outcome, /^E_SNMP_(DECODE|ERROR|AUTH)$/, what)
        continue
      }
      counts.values++
      const [lie] = lies
      const answer = lie ? understand(lie) : null
      if (answer?.status === 0n) {
        t.equal(answer.varbinds?.length, SCALARS.length, `${what}: no other number of objects`)
      }
      const said = new Map((answer?.varbinds ?? []).map(({ oid, text }) => [oid, text] as const))
      const invented = outcome.filter(({ oid, value }) => {
        const text = shown(value)
        return text !== 'none' && text !== said.get(oid) && text !== agent.objects.get(oid)?.text
      })
      t.same(invented, [], `${what}: nothing is invented`)
      t.same(
        outcome.map(({ oid }) => oid),
        SCALARS,
        'in the order asked',
      )
    }
  }
  t.comment(JSON.stringify(counts))
})

t.test('lies in a table end it, or are in its bounds', async t => {
  const agent = await startQuirkyAgent(t, device())
  const random = seeded(9)
  const columns = (TABLES.dense ?? []).slice(0, 3)
  const counts = { values: 0, errors: 0 }
  for (const [what, make] of KINDS) {
    const session = open(t, agent)
    agent.ahead = null
    // The table is known, so that the lie meets the fast way of reading it.
    await session.readTable(columns, rowsMax)
    let lied = false
    agent.requests.length = 0
    agent.ahead = request => {
      if (lied) return []
      lied = true
      return [make(asked(request), random)]
    }
    const outcome = await session.readTable(columns, rowsMax).then(
      found => found,
      error => (error instanceof AppError ? error.code : `not ours: ${error}`),
    )
    if (typeof outcome === 'string') {
      counts.errors++
      t.match(outcome, /^E_SNMP_(DECODE|ERROR|AUTH)$/, what)
    } else {
      counts.values++
      t.same(outcome.table.sources, columns)
      t.ok(outcome.table.indexes.length <= 3000, `${what}: ${outcome.table.indexes.length} rows`)
    }
    t.ok(agent.requests.length <= 130, `${what}: ${agent.requests.length} requests`)
    agent.ahead = null
    t.same(cells(await session.readTable(columns, rowsMax)), agent.objects.table(columns), what)
    session.close()
  }
  t.comment(JSON.stringify(counts))
})
