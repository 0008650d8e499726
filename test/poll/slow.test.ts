// Goal: a device that answers ever more slowly, or that drips rows for ever, costs its own reads alone:
// each ends within its interval with what came, one is under way at a time, and the others go on.

import { fileURLToPath } from 'node:url'
import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import {
  type AgentReply,
  type AgentRequest,
  honestly,
  integer,
  octets,
  oidValue,
  startHostileAgent,
} from '../parts/hostile-agent.ts'
import { bench, eventually, target } from './bench.ts'

const ROWS = Array.from({ length: 10 }, (_, i) => i + 1)
const IF_ENTRY = '1.3.6.1.2.1.2.2.1'
const honest = honestly({
  '1.3.6.1.2.1.1.1.0': octets('slow switch'),
  '1.3.6.1.2.1.1.2.0': oidValue('1.3.6.1.4.1.99999.7'),
  '1.3.6.1.2.1.1.3.0': integer(360_000, 0x43),
  '1.3.6.1.2.1.1.5.0': octets('slow'),
  ...Object.fromEntries(
    ROWS.flatMap(row => [
      [`${IF_ENTRY}.1.${row}`, integer(row)],
      [`${IF_ENTRY}.2.${row}`, octets(`eth${row}`)],
      [`${IF_ENTRY}.8.${row}`, integer(1)],
      [`${IF_ENTRY}.10.${row}`, integer(1000, 0x41)],
    ]),
  ),
})

/** Row after row of a table that never ends, one at a time. */
function dripping(request: AgentRequest): AgentReply {
  const isTable = request.type !== 'get' && request.oids.some(oid => oid.startsWith(IF_ENTRY))
  if (!isTable) return honest(request)
  const varbinds = request.oids.map((oid): [string, Buffer] => {
    const [column, row = '0'] = oid.slice(IF_ENTRY.length + 1).split('.')
    return [`${IF_ENTRY}.${column}.${Number(row) + 1}`, integer(1)]
  })
  return { varbinds, delayMs: 60 }
}

t.test('slower and slower, dripping for ever, and one that is well', async t => {
  const shippedDir = fileURLToPath(new URL('../../oids', import.meta.url))
  const well = await startHostileAgent(t, honest)
  const slower = await startHostileAgent(t, honest)
  const drip = await startHostileAgent(t, honest)
  const b = bench(t, {
    workerUrl: new URL('../../server/poll/worker.ts', import.meta.url),
    catalogue: buildCatalogue(await loadSources({ shippedDir })),
    networks: ['127.0.0.0/8'],
  })
  const device = (id: string, { address, port }: typeof well) => {
    const credentials = { version: '2c', community: 'public' } as const
    return target(id, {}, { address, port, credentials, every: '2s', timeout: '1s', retries: 1 })
  }
  b.targets.push(device('well', well), device('slower', slower), device('drip', drip))
  await b.poller.start()
  for (const { id } of b.targets.map(({ config }) => config)) {
    await eventually(() => b.good(id).some(one => one.group === 'interface'), `${id} is known`)
  }

  let delayMs = 0
  slower.answer = request => {
    delayMs = Math.min(5000, delayMs + 150)
    return { ...honest(request), delayMs }
  }
  drip.answer = dripping
  const ofDrip = () => b.samples('drip').filter(one => one.group === 'interface' && !one.body.ok)
  await eventually(() => ofDrip().length >= 3, 'reads of the dripping one that ended')
  for (const { body } of ofDrip()) t.match(body.reason, /^(timeout|overrun)$/)
  t.ok(b.samples('drip').at(-1), 'and it is read on')

  const silent = () => b.poller.device('slower')?.silence ?? null
  await eventually(() => silent() !== null, 'the slower one takes longer than its limit')
  t.match(silent(), { reason: 'timeout' })
  const good = b.good('well').length
  await eventually(() => b.good('well').length >= good + 4, 'the one that is well is read on')

  for (const id of ['well', 'slower', 'drip']) {
    const times = b.samples(id).filter(one => one.group === 'interface')
    const sorted = [...times].sort((one, other) => one.body.at - other.body.at)
    t.same(times, sorted, `${id}: one read after the other`)
  }
  const stats = b.poller.stats()
  t.equal(stats.pool.died, 0)
  t.equal(
    stats.threads.reduce((sum, thread) => sum + thread.abandoned, 0),
    0,
    'none was given up',
  )

  slower.answer = honest
  drip.answer = honest
  for (const id of ['slower', 'drip']) {
    const before = b.good(id).filter(one => one.group === 'interface').length
    await eventually(
      () => b.good(id).filter(one => one.group === 'interface').length > before + 1,
      `${id} recovers`,
    )
  }
})
