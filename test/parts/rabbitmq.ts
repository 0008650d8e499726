// A private RabbitMQ with its MQTT plugin, on free ports of 127.0.0.1, with an epmd of its own. It keeps
// what it has over a restart. Always ours, as tests stop it and give it users.

import { execFile } from 'node:child_process'
import { access, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Credentials } from '../../server/bus/principals.ts'
import {
  freePort,
  program,
  type RunningPart,
  startPart,
  type Teardown,
  tempDir,
  which,
} from './find.ts'
import { listens } from './mosquitto-dynsec.ts'

/** Behind Debian's wrapper, which changes to a user and to folders of the system. */
const debianServer = '/usr/lib/rabbitmq/bin/rabbitmq-server'
/** An Erlang node takes many seconds to start where the machine has other work, ms. */
const startMsMax = 90_000

/** More threads would spin while they wait, and make the start three times as long. */
const oneScheduler = '+S 1:1 +SDcpu 1:1 +SDio 1 +sbwt none +sbwtdcpu none +sbwtdio none'

/** `write` and `read` are regular expressions of routing keys: a topic with dots for its slashes. */
export interface RabbitUser extends Credentials {
  write: string
  read: string
}

export interface RabbitMq {
  port: number
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Again on the same port, with what it kept. */
  start(): Promise<void>
}

export async function startRabbitMq(t: Teardown, users: readonly RabbitUser[]): Promise<RabbitMq> {
  const server = await serverScript()
  const epmd = await program('epmd', 'erlang-base')
  const dir = await tempDir(t)
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()]
  const file = (name: string) => path.join(dir, name)
  for (const name of ['data', 'log', 'plugins']) await mkdir(file(name))
  await writeFile(file('enabled_plugins'), '[rabbitmq_mqtt].\n')
  await writeFile(file('env.conf'), '')
  await writeFile(file('definitions.json'), JSON.stringify(definitions(users)), { mode: 0o600 })
  await writeFile(file('rabbitmq.config'), config(port, file('definitions.json')))
  const env = {
    HOME: dir,
    ERL_EPMD_PORT: `${epmdPort}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `pollux-${port}@localhost`,
    RABBITMQ_DIST_PORT: `${distPort}`,
    RABBITMQ_CONF_ENV_FILE: file('env.conf'),
    RABBITMQ_CONFIG_FILE: file('rabbitmq.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
    RABBITMQ_PLUGINS_EXPAND_DIR: file('plugins'),
    RABBITMQ_MNESIA_BASE: file('data'),
    RABBITMQ_LOG_BASE: file('log'),
    RABBITMQ_LOGS: '-',
    // The script becomes the node, whose process id we then have; it reads no input all the same.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: oneScheduler,
    RABBITMQ_SERVER_START_ARGS: '-noinput -kernel inet_dist_use_interface {127,0,0,1}',
  }
  const names = await startPart(epmd, [], () => listens(epmdPort), { env })
  t.teardown(() => names.stop())
  let node: RunningPart | null = null
  const start = async () => {
    node = await startPart(server, [], () => listens(port), { env, timeoutMs: startMsMax })
  }
  t.teardown(() => node?.stop('SIGKILL'))
  await start()
  return { port, start, stop: async signal => node?.stop(signal) }
}

async function serverScript(): Promise<string> {
  const wasThere = await which('rabbitmq-server')
  const found = await program('rabbitmq-server', 'rabbitmq-server')
  if (!wasThere) await endService()
  return access(debianServer).then(
    () => debianServer,
    () => found,
  )
}

/** The package that we just installed starts a broker and an epmd for all: nobody asked for them. */
async function endService(): Promise<void> {
  const run = promisify(execFile)
  if (
    await access('/run/systemd/system').then(
      () => false,
      () => true,
    )
  )
    return
  await run('systemctl', ['disable', '--now', 'rabbitmq-server.service'])
  await run('systemctl', ['disable', '--now', 'epmd.socket', 'epmd.service']).catch(() => undefined)
}

/** In Erlang's terms: the newer form of the file costs several seconds at each start. */
function config(port: number, definitionsFile: string): string {
  const rabbit = `{tcp_listeners, []}, {disk_free_limit, 1000000}, {load_definitions, "${definitionsFile}"}`
  const mqtt = `{tcp_listeners, [{"127.0.0.1", ${port}}]}, {allow_anonymous, false}, {prefetch, 1000}`
  return `[{rabbit, [${rabbit}]}, {rabbitmq_mqtt, [${mqtt}]}].\n`
}

function definitions(users: readonly RabbitUser[]) {
  // Queues of subscriptions, and the exchange that all of MQTT goes over.
  const own = '^mqtt-subscription-'
  const ownAndTopics = `${own}|^amq\\.topic$`
  return {
    vhosts: [{ name: '/' }],
    users: users.map(({ username, password }) => ({ name: username, password, tags: [] })),
    permissions: users.map(({ username }) => ({
      ...{ user: username, vhost: '/', configure: own, write: ownAndTopics, read: ownAndTopics },
    })),
    topic_permissions: users.map(({ username, write, read }) => ({
      ...{ user: username, vhost: '/', exchange: 'amq.topic', write, read },
    })),
  }
}
