// The same test over both brokers: the embedded one and a real Mosquitto, with the same users.

import { pino } from 'pino'
import { type Broker, startBroker } from '../../server/bus/broker.ts'
import { type ConnectBusOptions, connectBus, type MqttBus } from '../../server/bus/client.ts'
import { authorize, createPrincipals, type Principal } from '../../server/bus/principals.ts'
import type { Logger } from '../../server/log.ts'
import type { Teardown } from './find.ts'
import { type Mosquitto, startMosquitto } from './mosquitto.ts'

export const SITE = 'test'

const ROOT = `pollux/${SITE}`

/** Who may do what: the whole site, or what one agent may. */
const PRINCIPALS: readonly Principal[] = [
  { username: 'core', publish: ['#'], subscribe: ['#'], admin: true },
  agent('agent-a'),
  agent('agent-b'),
]

function agent(name: string): Principal {
  return {
    username: name,
    publish: [
      `${ROOT}/devices/${name}/samples/+`,
      `${ROOT}/devices/${name}/rows/+`,
      `${ROOT}/devices/${name}/events`,
    ],
    subscribe: [`${ROOT}/acks/${name}`],
  }
}

export interface TestBroker {
  kind: 'embedded' | 'mosquitto'
  url: string
  /** User of the whole site. */
  user: string
  password: string
  passwordOf(username: string): string
  /** Gone without a word, with all that it knew. */
  kill(): Promise<void>
  /** Back on the same port, knowing nothing. */
  start(): Promise<void>
  /** A client of it that is closed after the test. */
  connect(options?: Partial<ConnectBusOptions> & { user?: string }): MqttBus
}

export const silentLog: Logger = pino({ level: process.env.TEST_LOG ?? 'silent' })

/** tap's `t`, as far as this file needs it. */
interface Test<T> extends Teardown {
  test(name: string, fn: (t: T) => Promise<unknown>): unknown
}

/** Runs `fn` as one subtest for each broker. */
export async function eachBroker<T extends Test<T>>(
  t: T,
  fn: (t: T, broker: TestBroker) => Promise<void>,
): Promise<void> {
  await t.test('embedded', async t => fn(t, await embeddedBroker(t)))
  await t.test('mosquitto', async t => fn(t, await mosquittoBroker(t)))
}

export async function embeddedBroker(t: Teardown): Promise<TestBroker> {
  const principals = createPrincipals()
  const passwords = new Map(
    PRINCIPALS.map(principal => {
      const { username, password } = principals.add(principal)
      return [username, password] as const
    }),
  )
  let broker: Broker | null = null
  let port = 0
  const start = async () => {
    broker = await startBroker({
      host: '127.0.0.1',
      port,
      authenticate: principals.authenticate,
      authorize,
      log: silentLog,
    })
    port = broker.port
  }
  t.teardown(() => broker?.close())
  await start()
  return testBroker(t, 'embedded', `mqtt://127.0.0.1:${port}`, passwords, {
    kill: async () => broker?.close(),
    start,
  })
}

export async function mosquittoBroker(
  t: Teardown,
  config: readonly string[] = [],
): Promise<TestBroker & { part: Mosquitto }> {
  const passwords = new Map(PRINCIPALS.map(({ username }) => [username, `secret of ${username}`]))
  const part = await startMosquitto(
    t,
    PRINCIPALS.map(({ username, publish, subscribe }) => ({
      username,
      password: passwords.get(username) ?? '',
      publish,
      subscribe,
    })),
    config,
  )
  const broker = testBroker(t, 'mosquitto', part.url, passwords, {
    kill: () => part.stop('SIGKILL'),
    start: part.start,
  })
  return { ...broker, part }
}

function testBroker(
  t: Teardown,
  kind: TestBroker['kind'],
  url: string,
  passwords: ReadonlyMap<string, string>,
  life: Pick<TestBroker, 'kill' | 'start'>,
): TestBroker {
  let clients = 0
  const passwordOf = (username: string) => passwords.get(username) ?? ''
  return {
    kind,
    url,
    user: 'core',
    password: passwordOf('core'),
    passwordOf,
    ...life,
    connect({ user = 'core', ...options } = {}) {
      const bus = connectBus({
        url,
        username: user,
        password: passwordOf(user),
        clientId: `${user}-${++clients}`,
        log: silentLog,
        backoff: { msMin: 50, msMax: 200 },
        ...options,
      })
      t.teardown(() => bus.close())
      return bus
    },
  }
}
