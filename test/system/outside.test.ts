// Goal: the whole program over Mosquitto, MariaDB and Redis as on a real site; and with each of them
// gone, at the start or under load: pages answer, samples wait, nothing is lost.

import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { until } from '../parts/find.ts'
import { startMariaDb } from '../parts/mariadb.ts'
import { type Mosquitto, startMosquitto } from '../parts/mosquitto.ts'
import { startPrivateRedis } from '../parts/redis.ts'
import { signIn } from '../web/program.ts'
import { audit, type Ledger, startLedger } from './ledger.ts'
import {
  addDevices,
  ask,
  type Installation,
  installation,
  latestOf,
  pollux,
  quickToken,
  senderNumbers,
  startServer,
} from './server.ts'

const PASSWORD = 'correct horse battery'
const MQTT_USER = { username: 'pollux', password: 'p@ss/w rd', publish: ['#'], subscribe: ['#'] }

const mqttUrl = ({ port }: Mosquitto) =>
  `mqtt://${MQTT_USER.username}:${encodeURIComponent(MQTT_USER.password)}@127.0.0.1:${port}`

/** An installation with a few devices whose every answer is in the book. */
async function withLedger(
  t: Test,
  env: Record<string, string>,
  count = 6,
): Promise<{ where: Installation; ledger: Ledger }> {
  const where = await installation(t, {
    POLLUX_ADMIN_PASSWORD: PASSWORD,
    POLLUX_LOG_LEVEL: 'warn',
    ...env,
  })
  const ledger = await startLedger(t, where.dir, count)
  where.env = { ...where.env, POLLUX_PROFILES_DIR: ledger.profilesDir }
  return { where, ledger }
}

const parseHealth = parser(
  Type.Object({
    ok: Type.Boolean(),
    parts: Type.Array(
      Type.Object({ name: Type.String(), ok: Type.Boolean(), text: Type.String() }),
    ),
  }),
  'E_TEST',
  'the health',
)

const readyText = async (url: string) => (await fetch(`${url}/readyz`)).text()
const isReady = async (url: string) => (await fetch(`${url}/readyz`)).status === 200

/** The newest numbers of the ledger's devices by the API. */
async function newest(url: string, token: string, ledger: Ledger): Promise<(number | null)[]> {
  return Promise.all(
    ledger.devices.map(async ({ id }) => {
      const samples = await latestOf(url, token, String(id))
      const value = samples.find(sample => sample.metric === 'ledger.number')?.value
      return typeof value === 'number' ? value : null
    }),
  )
}

const allAbove = (numbers: readonly (number | null)[], floor: number) =>
  numbers.every(number => number !== null && number > floor)

/** After the agents fell silent: the book and the database agree. */
async function settled(t: Test, databaseUrl: string, ledger: Ledger): Promise<void> {
  ledger.silence(true)
  await until(
    async () => (await audit(databaseUrl, ledger)).lost.length === 0,
    'every answered read in the database',
    40_000,
  )
  const { answered, lost, twice, invented, gaps } = await audit(databaseUrl, ledger)
  t.same([lost, twice, invented], [[], [], []], `${answered} reads, each stored once`)
  t.comment(`gaps ${JSON.stringify(gaps)}`)
}

// Many starts of whole programs, on a machine that may have other work.
t.setTimeout(600_000)

t.test('Mosquitto, MariaDB and Redis', async whole => {
  const [mosquitto, mariadb, redis] = await Promise.all([
    startMosquitto(whole, [MQTT_USER]),
    startMariaDb(whole, { durable: true }),
    startPrivateRedis(t),
  ])
  const databaseUrl = await mariadb.createDatabase()
  const { where, ledger } = await withLedger(whole, {
    POLLUX_MQTT_URL: mqttUrl(mosquitto),
    POLLUX_DATABASE_URL: databaseUrl,
    POLLUX_REDIS_URL: redis.url,
  })
  let server = await startServer(whole, where)
  const token = await quickToken(databaseUrl)
  await addDevices(server.url, token, ledger.devices)
  const { cookie } = await signIn(server.url, PASSWORD)
  const page = async (path: string) =>
    (await fetch(server.url + path, { headers: { cookie } })).status

  await whole.test('devices are polled, stored and told by the API', async t => {
    await until(
      async () => allAbove(await newest(server.url, token, ledger), 2),
      'three reads each',
    )
    await until(() => isReady(server.url), 'ready')
    t.equal(await page('/'), 200)
    t.ok((await redis.admin.keys('pollux:main:live:*')).length >= 6, 'live values are in Redis')
  })

  await whole.test('a restart keeps history and who is signed in', async t => {
    const before = Math.max(...(await newest(server.url, token, ledger)).map(Number))
    t.match(await server.stop(), { code: 0, signal: null }, 'it stopped in good order')
    server = await startServer(whole, where)
    t.equal(await page('/'), 200, 'the session goes on')
    t.notOk(server.stdout().includes('Sign in as'), 'no second admin')
    t.equal((await ask(server.url, token, '/api/v1/devices')).status, 200, 'the token too')
    t.ok(allAbove(await newest(server.url, token, ledger), 0), 'values of before at once')
    await until(
      async () => allAbove(await newest(server.url, token, ledger), before),
      'reads go on after the restart',
    )
  })

  await whole.test(
    'Redis is killed: pages and API go on, and it is used again when back',
    async t => {
      await redis.server.stop('SIGKILL')
      const before = Math.max(...(await newest(server.url, token, ledger)).map(Number))
      await until(
        async () => allAbove(await newest(server.url, token, ledger), before),
        'newer values without Redis',
      )
      for (const path of ['/', '/devices', '/devices/ledger-1', '/settings'])
        t.equal(await page(path), 200, path)
      await redis.server.start()
      await until(
        async () => (await redis.admin.keys('pollux:main:live:*')).length >= 6,
        'values in the new Redis',
        30_000,
      )
    },
  )

  await whole.test('MariaDB is killed for 3 s under load: nothing lost, pages answer', async t => {
    const before = ledger.answers.length
    await mariadb.stop('SIGKILL')
    await until(async () => !(await isReady(server.url)), 'readyz to see it')
    t.match(await readyText(server.url), 'away Database')
    t.equal((await fetch(`${server.url}/healthz`)).status, 200)
    const login = await fetch(`${server.url}/login`)
    t.equal(login.status, 200, 'the sign-in page needs no database')
    const home = await fetch(server.url, { headers: { cookie } })
    t.ok([200, 503].includes(home.status), `a page says something: ${home.status}`)
    t.notMatch(await home.text(), /ECONNREFUSED|\n\s+at /, 'and nothing of our insides')
    await delay(3000)
    t.ok(ledger.answers.length >= before + 2 * 6, 'devices are read on meanwhile')
    await mariadb.start()
    await until(() => isReady(server.url), 'ready again', 30_000)
    t.equal(await page('/'), 200, 'pages are back')
    await settled(t, databaseUrl, ledger)
    const numbers = await senderNumbers(server.url, token, 'poll')
    t.match(numbers, { refused: 0, dropped: 0 }, 'nothing refused or dropped')
    t.equal(numbers.sent, numbers.stored + numbers.waiting, 'the sender balances')
  })
  whole.match(await server.stop(), { code: 0, signal: null }, 'it stopped in good order')
})

t.test('the broker is away at the start: Pollux starts, says so, and samples wait', async t => {
  const mosquitto = await startMosquitto(t, [MQTT_USER])
  await mosquitto.stop('SIGKILL')
  const { where, ledger } = await withLedger(t, { POLLUX_MQTT_URL: mqttUrl(mosquitto) })
  const starting = performance.now()
  const server = await startServer(t, where)
  t.comment(`started in ${Math.round(performance.now() - starting)} ms without a broker`)
  const token = await quickToken(where.sqliteUrl)
  await addDevices(server.url, token, ledger.devices)
  t.equal((await fetch(`${server.url}/healthz`)).status, 200)
  t.match(await readyText(server.url), 'away MQTT broker')
  const health = parseHealth(await (await ask(server.url, token, '/api/v1/health')).json())
  t.equal(health.ok, false, 'the API says it')
  const broker = health.parts.find(part => part.name === 'MQTT broker')
  t.match(broker, { ok: false, text: /ECONNREFUSED|refused/i }, 'with the reason')
  t.notMatch(JSON.stringify(health), 'p@ss', 'and without the password')
  await until(
    async () => (await senderNumbers(server.url, token, 'poll')).waiting >= 2 * 6,
    'samples to wait',
    20_000,
  )
  await mosquitto.start()
  await until(() => isReady(server.url), 'ready', 40_000)
  await until(
    async () => allAbove(await newest(server.url, token, ledger), 1),
    'values of every device',
    20_000,
  )
  await settled(t, where.sqliteUrl, ledger)
  t.match(await server.stop(), { code: 0, signal: null }, 'it stopped in good order')
})

t.test('the database is away at the start: one clear sentence, no password, code 1', async t => {
  const mariadb = await startMariaDb(t)
  const databaseUrl = await mariadb.createDatabase()
  await mariadb.stop('SIGKILL')
  const where = await installation(t, { POLLUX_DATABASE_URL: databaseUrl })
  const end = await pollux(where, ['serve'])
  t.equal(end.code, 1)
  t.match(end.stderr, /Pollux cannot start\n {2}- E_STORE_UNAVAILABLE .*database/)
  t.notMatch(end.stderr, 'w/rd', 'without the password')
  t.notMatch(end.stderr, /\n\s+at /, 'and no stack')
})
