// Goal: a real Docker engine as a device of the whole program: every container's state, CPU, memory
// and network by the API, changes of them too; and an engine that cannot be used says why.

import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { startDockerd } from '../parts/dockerd.ts'
import { tempDir, until } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'
import { type LatestSample, parseLatest } from './server.ts'

const BY = { name: 'test', address: '' }
const STATES = ['running', 'paused', 'created', 'exited', 'restarting', 'removing', 'dead']

const engine = (id: string, address: string) => ({
  id,
  name: id,
  kind: 'docker',
  address,
  every: '1s',
  timeout: '5s',
})

async function start(t: Test) {
  const running = await startTestProgram(t)
  const { cookie } = await running.signIn()
  const latest = async (id: string): Promise<LatestSample[]> => {
    const answer = await fetch(`${running.url}/api/v1/devices/${id}/latest`, {
      headers: { cookie },
    })
    if (answer.status !== 200) throw new Error(`latest gave ${answer.status}`)
    return parseLatest(JSON.parse(await answer.text())).samples
  }
  return { ...running, devices: running.program.devices, cookie, latest }
}

t.test('an engine with five containers', async t => {
  const [dockerd, running] = await Promise.all([startDockerd(t), start(t)])
  const { devices, latest } = running
  const idle = 'while :; do sleep 1; done'
  await dockerd.run('web-1', ['-m', '64m'], idle)
  await dockerd.run('web-2', ['-m', '32m'], idle)
  await dockerd.run('busy', ['--cpus', '0.3'], 'while :; do :; done')
  await dockerd.run('pinging', [], 'ip link set lo up; while :; do sleep 1; done')
  await dockerd.run('ended', [], 'exit 3')
  await until(
    async () => (await dockerd.docker('inspect', '-f', '{{.State.Status}}', 'ended')) === 'exited',
    'the short one to end',
  )
  await devices.create(engine('engine', dockerd.address), BY, 'api')

  /** A container's newest value, or the reason why there is none. */
  const cell = (samples: readonly LatestSample[], row: string, metric: string) => {
    const found = samples.find(s => s.row === row && s.metric === `docker_container.${metric}`)
    return found?.value ?? found?.gap ?? null
  }
  const names = ['busy', 'ended', 'pinging', 'web-1', 'web-2']
  const alive = names.filter(name => name !== 'ended')
  const isNumber = (value: unknown) => typeof value === 'number'
  const samples = await until(
    async () => {
      const all = await latest('engine')
      const rates = ['cpu', 'memory_used', 'net_in', 'net_out']
      return alive.every(row => rates.every(m => isNumber(cell(all, row, m)))) && all
    },
    'CPU, memory and network of every container',
    20_000,
  )
  const rows = samples.filter(s => s.metric === 'docker_container.state').map(s => s.row)
  t.same(rows.sort(), names, 'every container is a row')
  for (const name of alive) {
    t.equal(STATES[Number(cell(samples, name, 'state'))], 'running', `${name} runs`)
    t.ok(Number(cell(samples, name, 'memory_used')) > 0, `${name} uses memory`)
    t.equal(Number(cell(samples, name, 'net_in')) >= 0, true, `${name} has a network`)
  }
  t.equal(cell(samples, 'web-1', 'memory_limit'), 64 * 2 ** 20)
  t.equal(cell(samples, 'web-2', 'memory_limit'), 32 * 2 ** 20)
  t.ok(
    Number(cell(samples, 'busy', 'cpu')) > Number(cell(samples, 'web-1', 'cpu')),
    'the busy one is busier than an idle one',
  )
  t.equal(STATES[Number(cell(samples, 'ended', 'state'))], 'exited')
  t.equal(cell(samples, 'ended', 'exit_code'), 3)
  t.notOk(isNumber(cell(samples, 'ended', 'cpu')), 'a stopped one has no CPU, and not 0')
  await until(() => devices.status('engine')?.state === 'up', 'up')

  await dockerd.docker('kill', 'web-2')
  await until(
    async () => STATES[Number(cell(await latest('engine'), 'web-2', 'state'))] === 'exited',
    'a killed one to show exited',
  )
  await dockerd.docker('pause', 'web-1')
  await until(
    async () => STATES[Number(cell(await latest('engine'), 'web-1', 'state'))] === 'paused',
    'a paused one to show paused',
  )
  const page = await fetch(`${running.url}/devices/engine`, { headers: { cookie: running.cookie } })
  const html = await page.text()
  t.equal(page.status, 200)
  for (const name of names) t.match(html, name, `the page shows ${name}`)
})

t.test('an engine that cannot be used says why', async t => {
  const running = await start(t)
  const { devices } = running
  const dir = await tempDir(t)
  const signal = new AbortController().signal
  await writeFile(path.join(dir, 'a-file'), '')
  // A socket that nobody listens on any more, as after a crash.
  const dead = createServer()
  await new Promise<void>(resolve => dead.listen(path.join(dir, 'live.sock'), resolve))
  await rename(path.join(dir, 'live.sock'), path.join(dir, 'dead.sock'))
  await new Promise(resolve => dead.close(resolve))
  const cases = [
    { id: 'absent', file: 'absent.sock', reason: 'unreachable', error: /no socket/, hint: /path/ },
    { id: 'dead', file: 'dead.sock', reason: 'unreachable', error: /dead\.sock/, hint: /./ },
    { id: 'a-file', file: 'a-file', reason: 'unreachable', error: /a-file/, hint: /./ },
  ]
  for (const { id, file } of cases)
    await devices.create(engine(id, `unix://${path.join(dir, file)}`), BY, 'api')
  for (const { id, file, reason, error, hint } of cases) {
    const document = engine(id, `unix://${path.join(dir, file)}`)
    t.match(
      await devices.check(document, BY, signal),
      { ok: false, reason, error, hint },
      `${id}: test`,
    )
    const status = await until(
      () => devices.status(id)?.state === 'down' && devices.status(id),
      `${id} to be down`,
      20_000,
    )
    t.match(status, { reason, error }, `${id}: status`)
  }

  // A socket of another user, as Docker's is for who is not in its group.
  const closed = path.join(dir, 'closed')
  await mkdir(closed)
  const alive = createServer()
  await new Promise<void>(resolve => alive.listen(path.join(closed, 'd.sock'), resolve))
  t.teardown(() => new Promise(resolve => alive.close(resolve)))
  await chmod(closed, 0)
  t.teardown(() => chmod(closed, 0o700))
  const document = engine('closed', `unix://${path.join(closed, 'd.sock')}`)
  await asNobody(async () => {
    const refused = { reason: 'auth', error: /no permission/ }
    const report = await devices.check(document, BY, signal)
    t.match(report, { ok: false, ...refused, hint: /group "docker"/ }, 'no permission: test')
    await devices.create(document, BY, 'api')
    const status = await until(
      () => devices.status('closed')?.reason === 'auth' && devices.status('closed'),
      'no permission',
      20_000,
    )
    t.match(status, { state: 'down', ...refused }, 'no permission: status')
  })
})

/** Root may open everything: for this work the whole process is somebody who may not. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work()
  process.seteuid?.('nobody')
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}
