// Goal: a table that does not answer fails at the time of its read, beside what was answered, so that a
// device is not taken for gone and back at each read; and it has its turn first in the next one.
import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { nextStatus, unjudged } from '../../server/alarms/machine.ts'
import { createSnmpCollector } from '../../server/collectors/snmp.ts'
import type { KnownDevice } from '../../server/model/accepted.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import {
  type AgentRequest,
  honestly,
  integer,
  oidValue,
  startHostileAgent,
} from '../parts/hostile-agent.ts'

const GOOD = '1.3.6.1.4.1.99999.1'
const SILENT = '1.3.6.1.4.1.99999.2'
const tableOf = (oid: string) => ({
  title: 'T',
  section: 'other',
  index: ['n'],
  metrics: { value: { title: 'Value', unit: '1', oid } },
})
const catalogue = buildCatalogue([
  {
    id: 'two',
    file: 'oids/two.json',
    from: 'shipped',
    text: JSON.stringify({
      title: 'Two tables',
      match: [{ sysObjectID: '1.3.6.1.4.1.99999' }],
      tables: { silent_table: tableOf(SILENT), good_table: tableOf(GOOD) },
    }),
  },
])
t.same(catalogue.problems, [])

const honest = honestly({
  '1.3.6.1.2.1.1.2.0': oidValue('1.3.6.1.4.1.99999'),
  '1.3.6.1.2.1.1.3.0': integer(100, 0x43),
  ...Object.fromEntries(
    [1, 2, 3].flatMap(n => [
      [`${GOOD}.${n}`, integer(n)],
      [`${SILENT}.${n}`, integer(n)],
    ]),
  ),
})
const agent = await startHostileAgent(t, honest)
const asks = (request: AgentRequest, prefix: string) =>
  request.oids.some(oid => oid.startsWith(prefix))

t.test('one read, one time, and the next begins with what failed', async t => {
  const reader = createSnmpCollector().open(
    {
      version: 1,
      secrets: { c: 'public' },
      identity: null,
      tuning: null,
      config: {
        ...{ id: 'd1', name: 'd1', kind: 'snmp', address: agent.address, port: agent.port },
        credentials: { version: '2c', community: { secret: 'c' } },
        ...{ profiles: ['two'], every: '60s', timeout: '1s', retries: 0, enabled: true },
      },
    },
    { catalogue, addresses: addressPolicy(['127.0.0.0/8']) },
  )
  t.teardown(() => reader.close())
  const signal = new AbortController().signal
  const at = Date.now()
  const first = await reader.collect(at, signal)
  t.equal(first.collections.length, 2)
  agent.answer = request => (asks(request, SILENT) ? null : honest(request))
  const device: KnownDevice = { id: 'd1', uid: 1, everyMs: 60_000, enabled: true, kind: 'snmp' }
  let judged = unjudged(at)
  for (const read of [1, 2, 3]) {
    agent.requests.length = 0
    const { collections } = await reader.collect(at + read * 60_000, signal)
    const of = (group: string) => collections.find(one => one.group === group)?.body
    t.equal(of('good_table')?.ok, true)
    t.match(of('silent_table'), { ok: false, reason: 'timeout' })
    t.equal(of('silent_table')?.at, of('good_table')?.at, 'one read')
    for (const { body } of collections) {
      const times = { at: body.at, now: body.at }
      judged = nextStatus(
        judged,
        body.ok
          ? { type: 'good', ...times }
          : { type: 'failed', ...times, reason: body.reason, error: body.error },
        device,
      )
    }
    t.not(judged.status.state, 'down', 'the device is there')
    const [first] = agent.requests.filter(request => asks(request, GOOD) || asks(request, SILENT))
    t.ok(first && (read === 1 || asks(first, SILENT)), 'first what failed before')
  }
})
