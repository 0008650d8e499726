// Goal: Pollux in six processes, by roles, over a real Mosquitto, MariaDB and Redis: a poller, two that
// ingest, one judge, two with pages. Each is killed (-9) once under load, and nothing is lost or stored
// twice; both with pages show the same; an alarm goes out once.

import t from 'tap'
import Type from 'typebox'
import { PROCESS_ROLES, readConfig } from '../../server/config.ts'
import { parser } from '../../server/validate.ts'
import { startReceiver } from '../alarms/notify-kit.ts'
import { until } from '../parts/find.ts'
import { startMariaDb } from '../parts/mariadb.ts'
import { startMosquitto } from '../parts/mosquitto.ts'
import { startRedis } from '../parts/redis.ts'
import { audit, startLedger, unexplained } from './ledger.ts'
import {
  addDevices,
  ask,
  figure,
  type Installation,
  installation,
  latestOf,
  pauseDevices,
  pollux,
  quickToken,
  type Server,
  senderNumbers,
  startServer,
} from './server.ts'

const parseNotice = parser(
  Type.Object({
    kind: Type.String(),
    items: Type.Array(Type.Object({ transition: Type.Number() })),
  }),
  'E_TEST',
  'a message',
)
const DEVICES = 6
const NAMES = ['web-1', 'web-2', 'ingest-1', 'ingest-2', 'judge', 'poll'] as const
type Name = (typeof NAMES)[number]

// Many starts of the program, on a machine that may have other work.
t.setTimeout(900_000)

t.test('a part is refused where it shares nothing with the others', async t => {
  const where = await installation(t)
  const alone = await pollux(where, ['serve', '--roles', 'poll'])
  t.not(alone.code, 0)
  for (const name of ['MQTT_URL', 'REDIS_URL', 'DATABASE_URL', 'SECRET_KEY'])
    t.match(alone.stderr, `POLLUX_${name}`)
  for (const POLLUX_ROLES of ['nonsense', 'poll,nonsense', ',', '']) {
    const message = /must be some of poll, ingest, judge, web/
    t.throws(() => readConfig({ POLLUX_ROLES }), { errors: [{ path: 'POLLUX_ROLES', message }] })
  }
  t.same(readConfig({}).roles, PROCESS_ROLES, 'all of them by default')
})

t.test('six processes, each killed once', async t => {
  const user = { username: 'pollux', password: 'secret' }
  const [mariadb, mosquitto, redis] = await Promise.all([
    startMariaDb(t),
    startMosquitto(t, [{ ...user, publish: ['#'], subscribe: ['#'] }]),
    startRedis(t),
  ])
  const databaseUrl = await mariadb.createDatabase()
  const home = await installation(t)
  const ledger = await startLedger(t, home.dir, DEVICES)
  const shared = {
    POLLUX_LOG_LEVEL: 'warn',
    POLLUX_DATABASE_URL: databaseUrl,
    POLLUX_REDIS_URL: redis.url,
    POLLUX_MQTT_URL: `mqtt://pollux:secret@127.0.0.1:${mosquitto.port}`,
    POLLUX_SECRET_KEY: 'ab'.repeat(32),
    POLLUX_PROFILES_DIR: ledger.profilesDir,
    POLLUX_TRAP_LISTEN: 'off',
    POLLUX_SYSLOG_LISTEN: 'off',
  }
  const places = new Map<Name, Installation>()
  for (const name of NAMES) places.set(name, await installation(t, shared))
  const servers = new Map<Name, Server>()
  const start = async (name: Name) => {
    const where = places.get(name) ?? home
    const args = ['--roles', name.replace(/-\d$/, '')]
    servers.set(name, await startServer(t, where, {}, args))
  }
  const of = (name: Name): Server => {
    const server = servers.get(name)
    if (!server) throw new Error(`${name} does not run`)
    return server
  }
  const isReady = async (name: Name) => (await fetch(`${of(name).url}/readyz`)).status === 200

  for (const name of NAMES) await start(name)
  const token = await quickToken(databaseUrl)
  const goodReads = () => figure(of('poll').url, token, 'pollux_poll_reads', { outcome: 'good' })
  const storedBy = (name: Name) =>
    figure(of(name).url, token, 'pollux_ingest_collections', { state: 'stored' })
  const alarmsAt = async (name: Name): Promise<string> =>
    (await ask(of(name).url, token, '/api/v1/alarms?state=active')).text()

  await addDevices(of('web-1').url, token, ledger.devices)
  await until(async () => (await goodReads()) >= 3 * DEVICES, 'reads of every device')

  await t.test('the parts without pages', async t => {
    const { url } = of('poll')
    t.equal((await fetch(`${url}/healthz`)).status, 200)
    t.equal((await fetch(`${url}/`)).status, 404)
    t.equal((await fetch(`${url}/healthz`, { method: 'POST' })).status, 405)
    t.equal((await fetch(`${url}/metrics`)).status, 401, 'its figures are for tokens alone')
    t.equal((await ask(url, 'wrong', '/metrics')).status, 401)
    t.equal((await ask(of('web-1').url, token, '/api/v1/ingest')).status, 404)
  })

  const kills: { at: number; backAt: number }[] = []
  for (const name of NAMES) {
    const at = Date.now()
    t.match(await of(name).kill(), { signal: 'SIGKILL' }, `${name} is killed`)
    const before = ledger.answers.length
    if (name !== 'poll')
      await until(() => ledger.answers.length > before + DEVICES, `reads without ${name}`)
    if (name === 'web-1') t.equal((await fetch(`${of('web-2').url}/login`)).status, 200)
    if (name === 'web-2') t.equal((await fetch(`${of('web-1').url}/login`)).status, 200)
    await start(name)
    await until(() => isReady(name), `${name} to be ready again`)
    if (name.startsWith('ingest'))
      await until(async () => (await storedBy(name)) > 0, `${name} to take its share`)
    if (name === 'poll') kills.push({ at, backAt: Date.now() })
  }
  await until(async () => (await goodReads()) >= 3 * DEVICES, 'reads after the kills')

  await t.test('a second poller is refused', async t => {
    const { code, stderr } = await pollux(await installation(t, shared), ['serve', '--roles=poll'])
    t.equal(code, 1)
    t.match(stderr, /another process has the role "poll"/)
  })

  await t.test('an alarm rises, is seen on both, and goes out once', async t => {
    const receiver = await startReceiver(t)
    const put = async (path: string, body: unknown) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const options = { method: 'PUT', headers, body: JSON.stringify(body) }
      const answer = await fetch(of('web-2').url + path, options)
      t.equal(answer.status, 200, `${path}: ${await answer.text()}`)
    }
    const config = { url: `${receiver.url}/in`, key: 'a secret of it' }
    const hook = { version: 0, name: 'Hook', kind: 'webhook', enabled: true, config }
    await put('/api/v1/channels/hook', hook)
    await put('/api/v1/routes/lost', {
      ...{ version: 0, name: 'Lost', enabled: true, channels: ['hook'] },
      ...{ severities: ['critical'], tags: [], locations: [], kinds: [], devices: ['ledger-1'] },
      ...{ hours: null, group: '1s', groupBy: 'device', recovery: true, escalate: null },
      ...{ repeat: null, perHour: 60 },
    })
    const [agent] = ledger.agents
    if (!agent) throw new Error('no agent')
    agent.silent = true
    const sentOf = (kind: string) =>
      receiver.heard
        .map(({ body }) => parseNotice(JSON.parse(body)))
        .filter(one => one.kind === kind)
    for (const name of ['web-1', 'web-2'] as const)
      await until(async () => (await alarmsAt(name)).includes('ledger-1'), `the alarm at ${name}`)
    await until(() => sentOf('raised').length > 0, 'the message')
    agent.silent = false
    await until(() => sentOf('recovered').length > 0, 'the end of it')
    // A device may be lost again on a machine with other work: each loss is told once.
    for (const kind of ['raised', 'recovered']) {
      const told = sentOf(kind).flatMap(({ items }) => items.map(({ transition }) => transition))
      t.equal(new Set(told).size, told.length, `${kind}: once each`)
    }
  })

  for (const name of ['web-1', 'web-2'] as const) {
    const newest = async () => {
      const samples = await latestOf(of(name).url, token, 'ledger-2')
      return samples.find(({ metric }) => metric.endsWith('number'))?.value
    }
    const before = Number(await newest())
    await until(async () => Number(await newest()) > before, `${name} to follow a device`)
  }

  // A read that is under way when its device is paused is nobody's: they answer no more before that.
  ledger.silence(true)
  await until(
    async () => (await unexplained(databaseUrl, ledger, kills)).length === 0,
    'every answered read in the database',
  )
  await pauseDevices(of('web-2').url, token, ledger.devices)
  const drained = await until(async () => {
    const numbers = await senderNumbers(of('poll').url, token, 'poll')
    return numbers.waiting === 0 && numbers
  }, 'the spool to drain')
  t.equal(drained.sent, drained.stored, 'all that was sent is stored')
  t.match(drained, { refused: 0, dropped: 0 }, 'nothing refused or dropped')
  const result = await audit(databaseUrl, ledger)
  t.same([result.twice, result.invented], [[], []], 'none twice, none that was never answered')
  t.same(await unexplained(databaseUrl, ledger, kills), [], 'none lost')
  t.comment(
    `${result.answered} reads answered, ${result.stored} stored, ${result.twice.length} twice, ${result.lost.length} lost with the poller, ${result.late.length} late; sent since its kill ${drained.sent}, stored ${drained.stored}`,
  )
  for (const name of NAMES)
    t.match(await of(name).stop(), { code: 0, signal: null }, `${name} ends`)
})
