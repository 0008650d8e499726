// Goal: a change of a device or of a profile is in force within 2 s, seen at the device itself; what
// is wrong with a device is said in words, in the test of its form and in its status.

import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import Type from 'typebox'
import {
  type Objects,
  type SimulatedAgent,
  startSimulatedAgent,
} from '../../bench/network/agent.ts'
import { addSystem, integer, octets } from '../../bench/network/objects.ts'
import { parser } from '../../server/validate.ts'
import { freeUdpPort, tempDir, until } from '../parts/find.ts'
import { startTestProgram, type TestProgram } from '../web/program.ts'
import { LEDGER_PROFILE } from './ledger.ts'
import { type LatestSample, parseLatest } from './server.ts'

const BY = { name: 'test', address: '' }

const OWN = '1.3.6.1.4.1.8072.9999.9999'

/** A small device; `reads` counts how often its one value was asked for. */
async function startAgent(t: Test): Promise<{ agent: SimulatedAgent; reads: () => number }> {
  const objects: Objects = new Map()
  const started = performance.now()
  let reads = 0
  addSystem(objects, {
    descr: 'Simulated small device',
    objectId: OWN,
    name: 'small',
    location: 'here',
    upSeconds: () => 1000 + (performance.now() - started) / 1000,
  })
  objects.set(`${OWN}.1.0`, () => integer(++reads))
  objects.set(`${OWN}.2.0`, () => integer(42))
  objects.set(`${OWN}.3.0`, () => octets('text'))
  const agent = await startSimulatedAgent({
    host: '127.0.0.1',
    port: 0,
    community: 'public',
    objects,
  })
  t.teardown(() => agent.close())
  return { agent, reads: () => reads }
}

const device = (id: string, port: number, rest: Record<string, unknown> = {}) => ({
  id,
  name: id,
  kind: 'snmp',
  address: '127.0.0.1',
  port,
  credentials: { version: '2c', community: 'public' },
  profiles: ['ledger'],
  every: '1s',
  timeout: '1s',
  retries: 0,
  ...rest,
})

async function start(t: Test): Promise<TestProgram & { profilesDir: string; cookie: string }> {
  const profilesDir = path.join(await tempDir(t), 'profiles')
  await mkdir(profilesDir)
  await writeFile(path.join(profilesDir, 'ledger.json'), JSON.stringify(LEDGER_PROFILE))
  const running = await startTestProgram(t, { env: { POLLUX_PROFILES_DIR: profilesDir } })
  const { cookie } = await running.signIn()
  return { ...running, profilesDir, cookie }
}

async function latest(
  running: { url: string; cookie: string },
  id: string,
): Promise<LatestSample[]> {
  const answer = await fetch(`${running.url}/api/v1/devices/${id}/latest`, {
    headers: { cookie: running.cookie },
  })
  if (answer.status !== 200) throw new Error(`latest gave ${answer.status}`)
  return parseLatest(JSON.parse(await answer.text())).samples
}

const parseHistory = parser(
  Type.Object({
    series: Type.Array(
      Type.Object({ points: Type.Array(Type.Tuple([Type.Number(), Type.Unknown()])) }),
    ),
  }),
  'E_TEST',
  'the history',
)

const valueIn = (samples: readonly LatestSample[], metric: string) =>
  samples.find(sample => sample.metric === metric)?.value ?? null

/** Resolves when nothing was asked for three intervals of a second. */
async function quiet(reads: () => number): Promise<void> {
  let last = { reads: reads(), at: performance.now() }
  await until(
    () => {
      if (reads() !== last.reads) last = { reads: reads(), at: performance.now() }
      return performance.now() - last.at > 3000
    },
    'the device to be left alone',
    10_000,
  )
}

t.test('added, edited, paused, resumed and deleted', async t => {
  const running = await start(t)
  const { devices } = running.program
  const { agent, reads } = await startAgent(t)
  const stages = () => devices.receipts('small').map(receipt => receipt.stage)

  let stored = await devices.create(device('small', agent.port, { every: '10m' }), BY, 'api')
  await until(() => reads() > 0, 'the first read')
  await until(() => stages().includes('first-good'), 'the receipt of it')
  t.same(stages(), ['accepted', 'loaded', 'identified', 'first-good'], 'receipts in their order')
  const times = devices.receipts('small').map(receipt => receipt.at)
  t.same(times, [...times].sort(), 'and in the order of time')
  await until(() => devices.status('small')?.state === 'up', 'up')
  t.same((await devices.get('small'))?.identity?.profiles, ['ledger'], 'the identity is kept')
  t.ok(Number(valueIn(await latest(running, 'small'), 'ledger.number')) >= 1, 'and its value told')

  const update = async (rest: Record<string, unknown>) => {
    stored = await devices.update('small', device('small', agent.port, rest), stored.version, BY)
  }
  await update({ every: '1s' })
  const slow = reads()
  await until(() => reads() >= slow + 3, 'reads every second instead of every ten minutes')
  await until(() => stages().includes('first-good'), 'the receipt of the edit')
  t.equal(devices.receipts('small').at(-1)?.version, stored.version)
  await t.rejects(
    devices.update('small', device('small', agent.port, { every: '2s' }), stored.version - 1, BY),
    { code: 'E_DEVICE_CHANGED' },
    'who edits what another one changed meanwhile is told',
  )

  await update({ every: '1s', enabled: false })
  t.equal(devices.status('small')?.state, 'paused')
  await quiet(reads)
  const paused = reads()
  await until(async () => (await latest(running, 'small')).some(s => s.gap === 'paused'), 'a gap')
  t.equal(reads(), paused, 'not one read while paused')

  await update({ every: '1s' })
  await until(() => reads() > paused, 'reads again')
  await until(() => devices.status('small')?.state === 'up', 'up again')

  await devices.remove('small', { history: true }, BY)
  await quiet(reads)
  t.equal(await devices.get('small'), null)
  await t.rejects(latest(running, 'small'), /404/)
})

t.test('history of a deleted device', async t => {
  const running = await start(t)
  const { devices } = running.program
  const { agent, reads } = await startAgent(t)
  const read = async (floor: number) =>
    until(async () => {
      const value = valueIn(await latest(running, 'small'), 'ledger.number')
      return typeof value === 'number' && value > floor
    }, 'a value')
  /** Times of the samples by the API; null while there is no such series. */
  const samples = async (): Promise<number[] | null> => {
    const query = new URLSearchParams({
      device: 'small',
      metric: 'ledger.number',
      from: String(Date.now() - 3_600_000),
      to: String(Date.now() + 1000),
    })
    const answer = await fetch(`${running.url}/api/v1/samples?${query}`, {
      headers: { cookie: running.cookie },
    })
    if (answer.status === 422) return null
    const { series } = parseHistory(await answer.json())
    return series.flatMap(({ points }) => points.map(([at]) => at))
  }

  const first = await devices.create(device('small', agent.port), BY, 'api')
  await read(1)
  await until(async () => ((await samples())?.length ?? 0) > 0, 'its history')
  await devices.remove('small', { history: false }, BY)
  await quiet(reads)
  const reborn = Date.now()
  agent.silent = true
  const second = await devices.create(device('small', agent.port), BY, 'api')
  t.not(second.uid, first.uid)
  await until(
    () => devices.receipts('small').some(r => r.stage === 'failed'),
    'a first failed read',
  )
  t.equal(valueIn(await latest(running, 'small'), 'ledger.number'), null, 'no value of the old one')
  agent.silent = false
  await devices.pollNow('small', BY)
  await read(0)
  const times = await until(samples, 'history of the new one')
  t.same(
    times.filter(at => at < reborn),
    [],
    'no sample of the old one',
  )

  await devices.remove('small', { history: true }, BY)
  await devices.create(device('small', agent.port, { enabled: false }), BY, 'api')
  t.equal(await samples(), null, 'nor after the removal of both')
})

t.test('profiles: a changed one is in force, a broken one keeps the last good', async t => {
  const running = await start(t)
  const { devices } = running.program
  const { agent } = await startAgent(t)
  await devices.create(device('small', agent.port), BY, 'api')
  await until(async () => (await latest(running, 'small')).length > 0, 'a value')
  const file = path.join(running.profilesDir, 'ledger.json')
  const write = async (text: string) => {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
  }
  const { number } = LEDGER_PROFILE.scalars.ledger.metrics
  const withAnswer = structuredClone({
    ...LEDGER_PROFILE,
    scalars: {
      ledger: {
        ...LEDGER_PROFILE.scalars.ledger,
        metrics: { number, answer: { title: 'Answer', unit: '1', oid: `${OWN}.2.0` } },
      },
    },
  })
  await write(JSON.stringify(withAnswer))
  await until(
    async () => valueIn(await latest(running, 'small'), 'ledger.answer') === 42,
    'the new metric',
  )
  t.pass('a changed profile is in force')

  const page = async () =>
    (await fetch(`${running.url}/profiles`, { headers: { cookie: running.cookie } })).text()
  await write(JSON.stringify(withAnswer).replace('"unit":"1"', '"unit":"parsec"'))
  await until(async () => (await page()).includes('parsec'), 'the problem on the page of profiles')
  const at = Date.now()
  await until(
    async () =>
      (await latest(running, 'small')).some(s => s.metric === 'ledger.answer' && s.at > at),
    'newer values by the last good one',
  )
  await write('{ not json')
  const later = Date.now()
  await until(
    async () =>
      (await latest(running, 'small')).some(
        s => s.metric === 'ledger.answer' && s.at > later + 1000,
      ),
    'and by it still',
  )
  await write(JSON.stringify(LEDGER_PROFILE))
  t.pass('a broken one is told, and the last good one goes on')
  await until(async () => !(await page()).includes('parsec'), 'the problem to go')
})

t.test('what is wrong is said in words', async t => {
  const running = await start(t)
  const { devices } = running.program
  const { agent } = await startAgent(t)
  const signal = new AbortController().signal
  const closedPort = await freeUdpPort()
  const statusOf = async (id: string) => {
    const down = await until(
      () => devices.status(id)?.state === 'down' && devices.status(id),
      `${id} to be down`,
      20_000,
    )
    return down
  }
  const cases = [
    {
      id: 'wrong-community',
      document: device('wrong-community', agent.port, {
        credentials: { version: '2c', community: 'secret-word' },
      }),
      check: { ok: false, reason: 'timeout', hint: /community/i },
      status: { state: 'down', reason: 'timeout', error: /answer/i },
    },
    {
      id: 'slow-to-give-up',
      document: device('slow-to-give-up', agent.port, {
        credentials: { version: '2c', community: 'secret-word' },
        timeout: '2s',
        retries: 1,
      }),
      check: { ok: false, reason: 'timeout' },
      status: { state: 'down', reason: 'timeout' },
    },
    {
      id: 'nobody-there',
      document: device('nobody-there', closedPort),
      check: { ok: false, error: /./, hint: /./ },
      status: { state: 'down', error: /./ },
    },
    {
      id: 'no-such-name',
      document: device('no-such-name', 161, { address: 'no-such-host.invalid' }),
      check: { ok: false, reason: 'unreachable', error: /does not resolve/, hint: /spelling|DNS/ },
      status: { state: 'down', reason: 'unreachable', error: /does not resolve/ },
    },
    {
      id: 'not-allowed',
      document: device('not-allowed', 161, { address: '203.0.113.7' }),
      check: {
        ok: false,
        reason: 'unreachable',
        error: /203\.0\.113\.7/,
        hint: /POLLUX_ALLOW_NETWORKS/,
      },
      status: { state: 'down', reason: 'unreachable', error: /203\.0\.113\.7/ },
    },
  ]
  for (const { document } of cases) await devices.create(document, BY, 'api')
  for (const { id, document, check, status } of cases) {
    await t.test(id, async t => {
      const report = await devices.check(document, BY, signal)
      t.match(report, check, 'the test of the form')
      t.notMatch(JSON.stringify(report), 'secret-word', 'without the community')
      t.match(await statusOf(id), status, 'the status')
      const failed = devices.receipts(id).find(receipt => receipt.stage === 'failed')
      t.ok(failed?.error, `and a receipt: ${failed?.error}`)
      const page = await fetch(`${running.url}/devices/${id}`, {
        headers: { cookie: running.cookie },
      })
      t.equal(page.status, 200, 'its page is there')
      t.notMatch(await page.text(), 'secret-word')
    })
  }
})
