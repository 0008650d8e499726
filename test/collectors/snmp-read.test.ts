// Goal: groups are read in as few requests as they need, and one that fails does not cost the others.
import t from 'tap'
import { readGroups } from '../../server/collectors/snmp-read.ts'
import type { FetchRequest } from '../../server/profiles/face.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { Teardown } from '../parts/find.ts'
import {
  type AgentRequest,
  honestly,
  integer,
  octets,
  startHostileAgent,
} from '../parts/hostile-agent.ts'
import { valuesOf } from '../profiles/kit.ts'

const IF = '1.3.6.1.2.1.2.2.1'
const IFX = '1.3.6.1.2.1.31.1.1.1'
const CPU = '1.3.6.1.4.1.99999.1'
const honest = honestly({
  '1.3.6.1.2.1.1.3.0': integer(100, 0x43),
  '1.3.6.1.2.1.1.5.0': octets('sw1'),
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap(row => [
      [`${IF}.2.${row}`, octets(`eth${row}`)],
      [`${IF}.10.${row}`, integer(row, 0x41)],
      [`${IFX}.6.${row}`, integer(row, 0x41)],
      [`${CPU}.${row}`, integer(row)],
    ]),
  ),
})
const agent = await startHostileAgent(t, honest)

const scalars = (group: string, ...sources: string[]): FetchRequest => ({
  group,
  table: false,
  sources,
  rowsMax: 1,
})
const table = (group: string, rowsMax: number, ...sources: string[]): FetchRequest => ({
  group,
  table: true,
  sources,
  rowsMax,
})
const REQUESTS = [
  scalars('system', '1.3.6.1.2.1.1.3.0', '1.3.6.1.2.1.1.5.0'),
  scalars('other', '1.3.6.1.2.1.1.5.0', '1.3.6.1.2.1.99.0'),
  table('interface', 100, `${IF}.2`, `${IF}.10`),
  table('interface_hc', 3, `${IF}.2`, `${IFX}.6`),
  table('cpu', 100, CPU),
]

function read(t: Teardown, requests = REQUESTS, signal = new AbortController().signal) {
  agent.requests.length = 0
  const session = openSession({
    address: agent.address,
    port: agent.port,
    credentials: { version: '2c', community: 'public' },
    timeoutMs: 60,
    retries: 0,
  })
  t.teardown(() => session.close())
  return readGroups(session, requests, signal)
}

const asks = (request: AgentRequest, prefix: string) =>
  request.oids.some(oid => oid.startsWith(prefix))

t.test('all is well', async t => {
  agent.answer = honest
  const { groups, failures } = await read(t)
  t.equal(failures.size, 0)
  t.same([...groups.keys()].sort(), ['cpu', 'interface', 'interface_hc', 'other', 'system'])
  const other = groups.get('other')?.table
  t.same(other?.sources, ['1.3.6.1.2.1.1.5.0', '1.3.6.1.2.1.99.0'])
  t.equal(valuesOf(other).get('')?.get('1.3.6.1.2.1.1.5.0')?.type, 'octets')
  t.equal(valuesOf(other).get('')?.get('1.3.6.1.2.1.99.0'), undefined, 'none')
  t.same(groups.get('interface')?.table.indexes, ['1', '2', '3', '4'])
  const shared = groups.get('interface_hc')?.table
  t.same(shared?.indexes, ['1', '2', '3'], 'its own rowsMax')
  t.same(
    [...valuesOf(shared)].map(([index, values]) => [
      index,
      values.get(`${IF}.2`),
      values.get(`${IFX}.6`),
    ]),
    [1, 2, 3].map(row => [
      String(row),
      { type: 'octets', value: Buffer.from(`eth${row}`) },
      { type: 'counter32', value: row },
    ]),
    'a column of another walk beside its own',
  )
  t.ok(groups.get('interface_hc')?.partial)
  t.notOk(groups.get('interface')?.partial)
  t.equal(agent.requests.filter(r => r.type === 'get').length, 1, 'one GET for all scalars')
  t.equal(
    agent.requests.filter(r => asks(r, `${IF}.2`) && asks(r, `${IFX}.6`)).length,
    0,
    'a shared column once',
  )
})

t.test('one table that times out', async t => {
  agent.answer = r => (asks(r, CPU) ? null : honest(r))
  const { groups, failures } = await read(t)
  t.same(
    [...failures].map(([group, error]) => [group, error.code]),
    [['cpu', 'E_SNMP_TIMEOUT']],
  )
  t.equal(groups.size, 4)
})

t.test('a device that falls silent is not asked for every group', async t => {
  let answers = 0
  agent.answer = r => (answers++ < 1 ? honest(r) : null)
  const many = [
    ...REQUESTS,
    ...Array.from({ length: 30 }, (_, i) => table(`t${i}`, 10, `1.3.6.1.4.1.8.${i}`)),
  ]
  const { groups, failures } = await read(t, many)
  t.same([...groups.keys()], ['system', 'other'])
  t.equal(failures.size, 33)
  // Scalars; of two tables a GETBULK and a smaller one each, and one GETNEXT: is GETBULK to blame?
  t.ok(agent.requests.length <= 6, `${agent.requests.length} requests`)
})

t.test('one group of scalars that the agent stumbles over', async t => {
  agent.answer = r =>
    asks(r, '1.3.6.1.2.1.1.3') ? { varbinds: [['1.3.6.1.9.9', integer(1)]] } : honest(r)
  const { groups, failures } = await read(t)
  t.same(
    [...failures].map(([group, error]) => [group, error.code]),
    [['system', 'E_SNMP_DECODE']],
  )
  t.ok(groups.has('other'))
})

t.test('one column that the agent fails on makes its group partial', async t => {
  agent.answer = r => (asks(r, `${IF}.10`) ? { status: 5, index: 0 } : honest(r))
  const { groups } = await read(t)
  t.ok(groups.get('interface')?.partial)
  t.equal(groups.get('interface')?.table.indexes.length, 4)
  t.notOk(groups.get('cpu')?.partial)
})

t.test('a signal ends the rest', async t => {
  const stop = new AbortController()
  agent.answer = r => {
    if (asks(r, IF)) {
      stop.abort()
      return null
    }
    return honest(r)
  }
  const { groups, failures } = await read(t, REQUESTS, stop.signal)
  t.same([...groups.keys()], ['system', 'other'])
  t.same(
    [...failures.values()].map(error => error.code),
    ['E_ABORTED', 'E_ABORTED', 'E_ABORTED'],
  )
})
