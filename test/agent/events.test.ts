// Goal: events that a broker does not take from an agent hold up none of its samples, whichever broker it is
// (an edge whose access list is older than the agent). Method: the stock users of the tests, of whom an agent
// may not say events by kind.

import path from 'node:path'
import t from 'tap'
import Type from 'typebox'
import type { Extra, ExtraTold } from '../../agent/beside.ts'
import { ackTopic, eventTopic } from '../../server/bus/topics.ts'
import { parseJson, parser } from '../../server/validate.ts'
import { eachBroker, SITE } from '../parts/broker.ts'
import { tempDir, until } from '../parts/find.ts'
import { started } from './hosts.ts'

t.setTimeout(300_000)

const NAME = 'agent-a'
/** More than there are places for what is not acknowledged. */
const EVENTS = 600

const numbered = parser(
  Type.Object({ boot: Type.String(), seq: Type.Integer() }),
  'E_TEST',
  'a message',
)

t.test('events that are not taken', t =>
  eachBroker(t, async (t, broker) => {
    const core = broker.connect()
    await until(() => core.connected, 'the core')
    const topics: string[] = []
    await core.subscribe(`pollux/${SITE}/devices/#`, async ({ topic, payload }) => {
      topics.push(topic)
      const { boot, seq } = numbered(parseJson(payload))
      const ack = { boot, seq: [[seq, seq]], refused: [], at: Date.now() }
      await core.publish(ackTopic(SITE, NAME), JSON.stringify(ack)).catch(() => undefined)
    })
    let tell: (told: ExtraTold) => void = () => {}
    const extra = (teller: typeof tell): Extra => {
      tell = teller
      return { collect: async () => ({ collections: [], rows: [] }), close: async () => {} }
    }
    const mqtt = { url: broker.url, username: NAME, password: broker.passwordOf(NAME) }
    const identity = { site: SITE, device: NAME, src: NAME, mqtt, kinds: ['docker' as const] }
    const dir = path.join(await tempDir(t), 'agent')
    const agent = await started(t, identity, { dir, extra, everyMs: 50 })
    await until(() => agent.sender.ledger.stored > 10, 'samples')
    const event = { kind: 'docker' as const, severity: 'info' as const, name: 'die' }
    for (let i = 0; i < EVENTS; i++)
      tell({ events: [{ ...event, at: Date.now(), text: `container ${i} died` }] })
    await until(() => agent.events?.ledger.sent === EVENTS, 'the events to be given on')
    await until(() => (agent.events?.stats.inflight ?? 0) > 200, 'their places to be full')
    const before = agent.sender.ledger.stored
    await until(() => agent.sender.ledger.stored > before + 300, 'samples after them')
    t.match(agent.events?.ledger, { stored: 0, waiting: EVENTS })
    t.notOk(topics.some(topic => topic.includes('/events')))
    await agent.close()

    // They were kept: where the account may say them after all, they come.
    const again = await started(
      t,
      { ...identity, mqtt: { url: broker.url, username: broker.user, password: broker.password } },
      { dir, everyMs: 1000 },
    )
    await until(() => again.events?.ledger.waiting === 0, 'the events')
    const ours = topics.filter(topic => topic === eventTopic(SITE, NAME, 'docker'))
    t.equal(ours.length, EVENTS)
    await again.close()
  }),
)
