// Goal: the fleet command on a real engine, as a person runs it: 50 containers at once, a second time
// nothing, a change only what changed, a failure only what failed, and down only what is its own.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { shell } from '../cli/run.ts'
import { startDockerd } from '../parts/dockerd.ts'

const answerOf = parser(
  Type.Object({
    counts: Type.Record(Type.String(), Type.Number()),
    outcomes: Type.Array(
      Type.Object({ name: Type.String(), action: Type.String(), detail: Type.String() }),
    ),
  }),
  'E_TEST',
  'the answer',
)

t.setTimeout(600_000)

const SECRET = 'kept-in-the-store-alone'
/** Ends at once when it is asked to; a plain `sleep` as the first process would not. */
const REST = 'trap "exit 0" TERM; sleep 100000 & wait'
const sleep = ['sh', '-c', REST]
const services = {
  db: {
    image: 'box:1',
    command: ['sh', '-c', `test "$PASSWORD" = ${SECRET} && { ${REST}; }`],
    env: { PASSWORD: { secret: 'fleet-db' } },
    network: 'inner',
    volumes: ['data:/data'],
  },
  web: {
    image: 'box:1',
    count: 19,
    command: ['sh', '-c', `ping -c 1 db && { ${REST}; }`],
    network: 'inner',
    memory: '32m',
    cpus: 0.25,
    depends: ['db'],
  },
  idle: { image: 'box:1', count: 30, command: sleep },
}

t.test('a fleet of 50', async t => {
  const { docker, run, address } = await startDockerd(t)
  const it = await shell(t)
  const file = path.join(it.folder, 'fleet.json')
  const write = (of: object) => writeFile(file, JSON.stringify({ name: 'shop', services: of }))
  const fleet = async (...args: string[]) => {
    const ran = await it.run(['fleet', ...args, '--engine', address])
    t.notMatch(ran.stdout + ran.stderr, SECRET, 'no secret is printed')
    return ran
  }
  const ids = async () =>
    new Map(
      (await docker('ps', '-a', '--no-trunc', '--format', '{{.Names}} {{.ID}}'))
        .split('\n')
        .map(line => line.split(' ') as [string, string]),
    )
  await run('keeper', [], REST)
  await run('cousin', ['--label', 'pollux.fleet=other'], REST)
  await write(services)

  t.test('without the secret nothing is begun', async t => {
    const ran = await fleet('up', file)
    t.match(ran, { code: 1, stderr: /services\.db\.env\.PASSWORD needs the secret "fleet-db"/ })
    t.equal((await ids()).size, 2)
  })

  t.test('up: a line for each container, and all of them run', async t => {
    await it.run(['secret', 'set', 'fleet-db'], { input: SECRET })
    const ran = await fleet('up', file)
    t.equal(ran.code, 0, ran.stderr)
    t.equal(ran.stdout.match(/^created {4}shop-/gm)?.length, 50)
    t.match(ran.stdout, /created {4}network shop-inner\n.*created {4}volume shop-data\n/s)
    t.match(ran.stdout, /shop on .*d\.sock: 50 created\n$/)
    const status = await fleet('status', file)
    t.match(status, { code: 0, stdout: /50 of 50 containers run/ })
    const limits = await docker(
      'inspect',
      'shop-web-1',
      '--format',
      '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}',
    )
    t.equal(limits, `${32 * 1024 ** 2} 250000000`)
  })

  t.test('a second up changes nothing, and one that was stopped is started', async t => {
    const before = await ids()
    const again = answerOf(JSON.parse((await fleet('up', file, '--json')).stdout))
    t.same(again.counts, { unchanged: 50 })
    await docker('kill', 'shop-idle-7')
    t.match(await fleet('status', file), { code: 1, stdout: /49 of 50 containers run/ })
    const mended = answerOf(JSON.parse((await fleet('up', file, '--json')).stdout))
    t.same(mended.counts, { unchanged: 49, started: 1 })
    t.same(await ids(), before, 'all containers are the same ones')
  })

  t.test('a change makes anew what changed, and removes what is no longer asked for', async t => {
    const before = await ids()
    await write({
      ...services,
      web: { ...services.web, memory: '48m' },
      idle: { ...services.idle, count: 28 },
    })
    const { counts } = answerOf(JSON.parse((await fleet('up', file, '--json')).stdout))
    t.same(counts, { recreated: 19, unchanged: 29, removed: 2 })
    const after = await ids()
    t.not(after.get('shop-web-3'), before.get('shop-web-3'))
    t.equal(after.get('shop-db-1'), before.get('shop-db-1'))
    t.notOk(after.has('shop-idle-30'))
  })

  t.test('one that fails stops only what depends on it, and says what to do', async t => {
    await docker('rename', 'keeper', 'shop-taken-1')
    const before = await ids()
    await write({
      ...services,
      web: { ...services.web, memory: '48m' },
      idle: { ...services.idle, count: 28 },
      absent: { image: '127.0.0.1:1/nothing/here:1' },
      after: { image: 'box:1', command: sleep, depends: ['absent'] },
      taken: { image: 'box:1', command: sleep },
      broken: { image: 'box:1', command: ['/no/such/program'] },
    })
    const ran = await fleet('up', file, '--json')
    t.equal(ran.code, 1)
    const { counts, outcomes } = answerOf(JSON.parse(ran.stdout))
    t.same(counts, { unchanged: 48, failed: 3, skipped: 1 })
    const of = (name: string) => outcomes.find(one => one.name === `shop-${name}-1`)
    t.match(of('absent'), {
      action: 'failed',
      detail:
        /127\.0\.0\.1:1\/nothing\/here:1 is not on the engine.*docker save.*docker -H ENGINE load/,
    })
    t.match(of('after'), { action: 'skipped', detail: /"absent" failed/ })
    t.match(of('taken'), { action: 'failed', detail: /not of shop.*left alone/ })
    t.match(of('broken'), { action: 'failed', detail: /no such/ })
    t.equal((await ids()).get('shop-taken-1'), before.get('shop-taken-1'))
  })

  t.test('down removes its own, and nothing else', async t => {
    const ran = await fleet('down', file)
    t.match(ran, { code: 0, stdout: /removed {4}network shop-inner/ })
    t.same([...(await ids()).keys()].sort(), ['cousin', 'shop-taken-1'])
    t.match(await docker('volume', 'ls', '-q'), /^shop-data$/m, 'data stays')
    t.match(await fleet('down', file, '--volumes'), {
      code: 0,
      stdout: /removed {4}volume shop-data/,
    })
    t.match(await fleet('down', file), { code: 0, stdout: /nothing there/ })
  })

  t.test('an engine that is not there', async t => {
    const ran = await it.run(['fleet', 'up', file, '--engine', 'unix:///nonexistent.sock'])
    t.match(ran, { code: 1, stderr: /there is no socket at \/nonexistent\.sock/ })
    t.match(await it.run(['fleet', 'up', 'nosuch.json']), { code: 1, stderr: /could not be read/ })
    t.match(await it.run(['fleet', 'up']), { code: 2 })
  })
})
