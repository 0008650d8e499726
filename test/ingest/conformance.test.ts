// Goal: the check of a foreign publisher finds each way to break the contract, and nothing in a
// publisher that keeps it: ours, over Mosquitto, by the command that people run.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Ajv } from 'ajv'
import { pino } from 'pino'
import t from 'tap'
import { connectBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import { rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import { createConformance, type Rule, WITHHOLD_MS } from '../../server/ingest/conformance.ts'
import { mqttJsonSchema } from '../../server/ingest/jsonschema.ts'
import { shell } from '../cli/run.ts'
import { tempDir } from '../parts/find.ts'
import { startMosquitto } from '../parts/mosquitto.ts'

// One part waits for resends, on a machine with other work.
t.setTimeout(600_000)

const SAMPLES = 'pollux/main/devices/d1/samples/g'
const ROWS = 'pollux/main/devices/d1/rows/g'
const T0 = 1_795_320_000_000

const collection = (seq: number, more: object = {}) => ({
  ...{ v: 1, src: 'pub-1', boot: 'b1', seq, at: T0, ok: true, metrics: { x: 1 } },
  ...more,
})

/** Sends these, in order, and gives what the report says of each rule. */
function judged(
  act: (
    send: (body: unknown, options?: { at?: number; topic?: string; retained?: boolean }) => void,
    acks: (at: number) => unknown,
  ) => void,
  end = T0 + WITHHOLD_MS + 20_000,
) {
  const conformance = createConformance('main')
  act(
    (body, { at = T0, topic = SAMPLES, retained = false } = {}) =>
      conformance.message({ topic, payload: Buffer.from(JSON.stringify(body)), retained }, at),
    at => conformance.acks(at),
  )
  const { rules } = conformance.report(end)
  const of = (rule: Rule) => rules.find(one => one.rule === rule)?.result
  return { of, broken: rules.filter(one => one.result === 'broken').map(one => one.rule), rules }
}

t.test('a publisher that keeps the contract', async t => {
  const { broken, of } = judged((send, acks) => {
    for (const seq of [1, 2, 3]) send(collection(seq))
    t.same(acks(T0 + 5000), [], 'acknowledgements are withheld')
    for (const seq of [1, 2, 3]) send(collection(seq), { at: T0 + 10_000 })
    t.same(acks(T0 + WITHHOLD_MS), [
      { topic: 'pollux/main/acks/pub-1', ack: { boot: 'b1', seq: [[1, 3]], refused: [] } },
    ])
    send(collection(4), { at: T0 + WITHHOLD_MS + 1000 })
    t.match(acks(T0 + WITHHOLD_MS + 1200), [{ ack: { seq: [[4, 4]] } }])
  })
  t.same(broken, [])
  for (const rule of ['topic', 'schema', 'numbered', 'whole', 'resent', 'window'] as const)
    t.equal(of(rule), 'kept', rule)
})

t.test('a publisher that does not number is judged by its messages alone', async t => {
  const { broken, of } = judged(send => send({ v: 1, at: T0, ok: true, metrics: { x: 1 } }))
  t.same(broken, [])
  t.equal(of('resent'), 'unseen')
  t.equal(of('whole'), 'unseen')
})

const breaks: Record<Rule, Parameters<typeof judged>[0]> = {
  topic: send => send(collection(1), { topic: 'pollux/other/devices/d1/samples/g' }),
  schema: send => send(collection(1, { rows: ['a', 'b'], metrics: { x: [1] } })),
  retained: send => send(collection(1), { retained: true }),
  numbered: send => send({ v: 1, src: 'pub-1', at: T0, ok: true, metrics: { x: 1 } }),
  whole: send => {
    send(collection(1))
    send(collection(3))
  },
  same: send => {
    send(collection(1))
    send(collection(1, { metrics: { x: 2 } }), { at: T0 + 10_000 })
  },
  resent: (send, acks) => {
    send(collection(1))
    acks(T0 + WITHHOLD_MS)
  },
  window: send => {
    for (let seq = 1; seq <= 257; seq++) send(collection(seq))
  },
  ended: (send, acks) => {
    send(collection(1))
    send(collection(1), { at: T0 + 10_000 })
    acks(T0 + WITHHOLD_MS)
    send(collection(1), { at: T0 + WITHHOLD_MS + 5000 })
  },
}
for (const [rule, act] of Object.entries(breaks))
  t.test(`broken: ${rule}`, async t => {
    const { broken, rules } = judged(act)
    t.ok(
      (broken as string[]).includes(rule),
      JSON.stringify(rules.filter(one => one.result === 'broken')),
    )
    t.ok((rules.find(one => one.rule === rule)?.examples.length ?? 0) > 0, 'an example is given')
  })

t.test('row names that a new subscriber does not find', async t => {
  const conformance = createConformance('main')
  const body = { v: 1, at: T0, units: {}, rows: [] }
  conformance.message(
    { topic: ROWS, payload: Buffer.from(JSON.stringify(body)), retained: false },
    T0,
  )
  conformance.foundRetained(new Set([ROWS]))
  t.not(conformance.report(T0).rules.find(one => one.rule === 'retained')?.result, 'broken')
  conformance.foundRetained(new Set())
  t.equal(conformance.report(T0).rules.find(one => one.rule === 'retained')?.result, 'broken')
})

t.test(
  'events are numbered with the samples, never retained, and fit their own schema',
  async t => {
    const topic = 'pollux/main/devices/d1/events'
    const body = { v: 1, src: 'pub-1', boot: 'b1', at: T0 }
    const event = {
      ...body,
      seq: 2,
      kind: 'docker',
      severity: 'info',
      name: 'die',
      text: 'it died',
    }
    const good = judged(send => {
      send(collection(1))
      send(event, { topic })
      send(collection(3))
    })
    t.same([good.of('whole'), good.of('schema'), good.of('topic')], ['kept', 'kept', 'kept'])
    t.equal(judged(send => send({ ...event, kind: 'x' }, { topic })).of('schema'), 'broken')
    t.equal(judged(send => send(event, { topic, retained: true })).of('retained'), 'broken')
    t.equal(judged(send => send(event, { topic: `${topic}/g` })).of('topic'), 'broken')
  },
)

t.test('the schema in docs/ is the one that is checked', async t => {
  const file = path.join(import.meta.dirname, '../../docs/mqtt.schema.json')
  const written: unknown = JSON.parse(await readFile(file, 'utf8'))
  t.same(written, JSON.parse(JSON.stringify(mqttJsonSchema())))
  const validate = new Ajv({ strict: false }).compile(JSON.parse(await readFile(file, 'utf8')))
  t.ok(validate(collection(1)))
  t.ok(validate({ boot: 'b1', seq: [[1, 2]], refused: [] }))
  t.ok(validate({ v: 1, at: T0, kind: 'docker', severity: 'info', name: 'die', text: 'x' }))
  t.notOk(validate(collection(0)))
  t.notOk(validate(collection(1, { gaps: { x: 'because' } })))
})

t.test('our own sender, by the command, over Mosquitto', async t => {
  const user = { username: 'u', password: 'p', publish: ['#'], subscribe: ['#'] }
  const broker = await startMosquitto(t, [user])
  const url = broker.url.replace('mqtt://', 'mqtt://u:p@')
  const log = pino({ level: 'silent' })
  const bus = connectBus({ url, clientId: 'sender', log })
  t.teardown(() => bus.close())
  const sender = await createSender({ bus, site: 'main', dir: await tempDir(t), log })
  t.teardown(() => sender.close())
  const body = (more: object) => Buffer.from(JSON.stringify({ at: Date.now(), ...more }))
  const timer = setInterval(
    () => sender.send(sampleTopic('main', 'd1', 'g'), body({ ok: true, metrics: { x: 1 } })),
    100,
  )
  t.teardown(() => clearInterval(timer))
  setTimeout(() => {
    sender.send(rowsTopic('main', 'd1', 'g'), body({ units: {}, rows: [] }), { retain: true })
  }, 5000)
  const { run } = await shell(t)
  const ran = await run(['mqtt', 'check', '--url', url, '--for', '27s', '--json'])
  t.equal(ran.code, 0, ran.stdout + ran.stderr)
  const report: ReturnType<ReturnType<typeof createConformance>['report']> = JSON.parse(ran.stdout)
  t.ok(report.messages > 100)
  for (const { rule, result } of report.rules) t.equal(result, 'kept', `${rule}: ${result}`)
})
