// Goal: what is read beside the host's own groups never stands in their way: it may hang, fail, reject,
// be large or come before the server's time is known, and each has its bound.

import t, { type Test } from 'tap'
import { type AgentOptions, createAgent } from '../../agent/agent.ts'
import type { Extra, ExtraFound, ExtraTold } from '../../agent/beside.ts'
import { type AgentClock, ownClock } from '../../agent/clock.ts'
import { eventTopic, rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import { COLLECTION_BYTES_MAX, Collection, RowsMessage } from '../../server/model/collection.ts'
import { DeviceEvent, type EventBody } from '../../server/model/event.ts'
import { parser } from '../../server/validate.ts'
import { silentLog } from '../parts/broker.ts'
import { until } from '../parts/find.ts'
import { hostSource } from './hosts.ts'

const collection = parser(Collection, 'E', 'collection')
const rowsMessage = parser(RowsMessage, 'E', 'rows message')
const deviceEvent = parser(DeviceEvent, 'E', 'event')
const GROUP = 'docker_container'

function start(
  t: Test,
  collect: (signal: AbortSignal) => Promise<ExtraFound>,
  options: Partial<AgentOptions> = {},
) {
  const sent: { topic: string; body: Record<string, unknown>; bytes: number }[] = []
  const state = { isClosed: false, tell: (_: ExtraTold) => {}, readSoon: () => {} }
  const send = (topic: string, body: Uint8Array) => {
    const text = Buffer.from(body).toString()
    sent.push({ topic, body: JSON.parse(text), bytes: body.length })
    return sent.length
  }
  const agent = createAgent({
    ...{ deviceId: 'host-1', everyMs: 50, log: silentLog, source: hostSource() },
    topics: {
      sample: (device, group) => sampleTopic('main', device, group),
      rows: (device, group) => rowsTopic('main', device, group),
      events: (device, kind) => eventTopic('main', device, kind),
    },
    ...{ sender: { send }, eventSender: { send } },
    extra: (tell): Extra => {
      state.tell = tell
      state.readSoon = () => tell({ readSoon: true })
      return {
        collect,
        async close() {
          state.isClosed = true
        },
      }
    },
    ...options,
  })
  t.teardown(() => agent.close())
  const of = (group: string) => sent.filter(one => one.topic.endsWith(`/samples/${group}`))
  const rows = () => sent.filter(one => one.topic.endsWith(`/rows/${GROUP}`))
  const events = () => sent.filter(one => one.topic.endsWith('/events/docker'))
  return { agent, sent, of, rows, events, state }
}

const good = (rows: string[]): ExtraFound => ({
  collections: [
    {
      group: GROUP,
      body: { at: 1, took: 3, ok: true, rows, metrics: { state: rows.map(() => 0) } },
    },
  ],
  rows: [],
})

t.test('it is sent as it is, under the time of the agent', async t => {
  const begin = Date.now()
  const names = { at: 1, units: {}, rows: [{ key: 'a', index: 'a', name: 'a', labels: {} }] }
  const found = { ...good(['a']), rows: [{ group: GROUP, body: names }] }
  const { agent, of, rows } = start(t, async () => found)
  agent.start()
  await until(() => of(GROUP).length >= 2, 'two reads')
  for (const { body } of of(GROUP)) t.ok(collection({ v: 1, ...body }).at >= begin)
  t.ok(rowsMessage({ v: 1, ...rows()[0]?.body }).at >= begin)
})

t.test('a read that hangs: the host goes on, and nothing is asked twice', async t => {
  let calls = 0
  const { agent, of, state } = start(t, signal => {
    calls++
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  agent.start()
  await until(() => of('host_load').length > 5, 'beats')
  state.readSoon()
  t.equal(calls, 1)
  await agent.close()
  t.equal(state.isClosed, true)
  t.equal(of(GROUP).length, 0)
  state.readSoon()
  t.equal(calls, 1, 'nor after its end')
})

t.test('a failure says what it was, and not that the host is away', async t => {
  for (const reason of ['timeout', 'unreachable', 'auth', 'decode'] as const) {
    const body = { at: 1, took: 3, ok: false, reason, error: `the engine: ${reason}` } as const
    const { agent, of } = start(t, async () => ({
      collections: [{ group: GROUP, body }],
      rows: [],
    }))
    agent.start()
    const { body: told } = await until(() => of(GROUP)[0], 'a failure')
    const wanted = reason === 'decode' ? 'decode' : 'partial'
    t.match(collection({ v: 1, ...told }), { ok: false, reason: wanted, error: body.error })
    await agent.close()
  }
})

t.test(
  'one that rejects is asked again at the next beat, and at once where that is wished',
  async t => {
    let calls = 0
    const { agent, of, state } = start(
      t,
      async () => {
        if (++calls === 1) throw new Error('a fault')
        return good(['a'])
      },
      { everyMs: 600_000 },
    )
    agent.start()
    await until(() => calls === 1, 'the first read')
    await until(() => {
      state.readSoon()
      return of(GROUP).length > 0
    }, 'the read that was wished')
  },
)

t.test('a thousand containers come in parts', async t => {
  const keys = Array.from({ length: 1000 }, (_, i) => `${i}-${'x'.repeat(200)}`)
  const { agent, of } = start(t, async () => good(keys))
  agent.start()
  await until(() => of(GROUP).length >= 2, 'two parts')
  const [first, second] = of(GROUP)
  t.match(first?.body.part, [1, 2])
  t.match(second?.body.part, [2, 2])
  t.ok(of(GROUP).every(({ bytes }) => bytes <= COLLECTION_BYTES_MAX))
  t.equal(first?.body.at, second?.body.at)
})

t.test('before the time is known it is held, up to a bound', async t => {
  let calls = 0
  let isKnown = false
  const own = ownClock()
  const clock: AgentClock = { ...own, at: moment => (isKnown ? own.at(moment) : null) }
  const collect = async () => {
    calls++
    return good(['a'])
  }
  const { agent, of, state, sent } = start(t, collect, { clock, everyMs: 600_000 })
  agent.start()
  const isFull = async () => {
    const before = calls
    state.readSoon()
    await new Promise(resolve => setImmediate(resolve))
    return calls >= 100 && calls === before
  }
  await until(isFull, 'no more reads')
  t.equal(calls, 100)
  t.equal(sent.length, 0)
  isKnown = true
  agent.release()
  t.equal(of(GROUP).length, 100)
  await until(() => {
    state.readSoon()
    return of(GROUP).length > 100
  }, 'reads go on')
})

const died = (at: number, name = 'die'): EventBody => ({
  ...{ at, kind: 'docker', severity: 'warning', name, text: 'web ended with code 3' },
  ...{ group: GROUP, row: 'web', fields: { exit_code: '3' } },
})

t.test('what happened is told at once, under the time of the server', async t => {
  const own = ownClock()
  // A host whose clock is an hour behind.
  const clock: AgentClock = { ...own, at: moment => (own.at(moment) ?? 0) + 3_600_000 }
  let calls = 0
  const collect = async () => ({
    ...good(['web']),
    events: ++calls === 1 ? [died(Date.now(), 'recreated')] : [],
  })
  const { agent, events, state } = start(t, collect, { clock, everyMs: 600_000 })
  agent.start()
  await until(() => events().length === 1, 'what the read showed')
  const begin = Date.now()
  state.tell({ events: [died(begin - 5000)] })
  state.tell({ events: [died(begin - 90_000_000, 'long-ago'), died(begin + 90_000_000, 'ahead')] })
  const [recreated, die, longAgo, ahead] = events().map(({ body }) =>
    deviceEvent({ v: 1, ...body }),
  )
  t.match(recreated, { name: 'recreated', row: 'web' })
  t.match(die, {
    name: 'die',
    text: /code 3/,
    group: GROUP,
    row: 'web',
    fields: { exit_code: '3' },
  })
  const now = Date.now() + 3_600_000
  t.ok(die && die.at >= begin + 3_595_000 - 10 && die.at <= now - 5000 + 10)
  t.ok(longAgo && longAgo.at >= begin - 10, 'at most an hour before')
  t.ok(ahead && ahead.at <= now + 10, 'and never ahead')
  await agent.close()
  state.tell({ events: [died(begin)] })
  t.equal(events().length, 4, 'nor after its end')
})

t.test('events before the time is known are held, up to a bound', async t => {
  let isKnown = false
  const own = ownClock()
  const clock: AgentClock = { ...own, at: moment => (isKnown ? own.at(moment) : null) }
  const { agent, events, state } = start(t, async () => good([]), { clock, everyMs: 600_000 })
  agent.start()
  for (let i = 0; i < 3000; i++) state.tell({ events: [died(Date.now())] })
  t.equal(events().length, 0)
  isKnown = true
  agent.release()
  t.equal(events().length, 1000)
  state.tell({ events: [died(Date.now())] })
  t.equal(events().length, 1001, 'those after it are told')
})

t.test('an account that may send no events sends none', async t => {
  const { agent, events, of, state } = start(
    t,
    async () => ({ ...good(['web']), events: [died(1)] }),
    {
      topics: {
        sample: (device, group) => sampleTopic('main', device, group),
        rows: (device, group) => rowsTopic('main', device, group),
      },
    },
  )
  agent.start()
  await until(() => of(GROUP).length > 0, 'a read')
  state.tell({ events: [died(Date.now())] })
  await agent.close()
  t.equal(events().length, 0)
})
