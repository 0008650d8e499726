// `pollux serve`, `demo` and `migrate`: the program itself.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import Type, { type Static } from 'typebox'
import type { Program } from '../compose/program.ts'
import {
  type Config,
  PROCESS_ROLES,
  type ProcessRole,
  readConfig,
  settingsHelp,
} from '../config.ts'
import { createLog, type Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import { parser } from '../validate.ts'
import { settings, withStore } from './open.ts'
import { print } from './output.ts'

export function serveCommand(): Command {
  return new Command('serve')
    .description('start Pollux: pages, pollers, broker and store in one process')
    .option('--roles <list>', 'do a part alone: some of poll,ingest,judge,web (as POLLUX_ROLES)')
    .addHelpText('after', `\nSettings, from the environment or .env:\n${settingsHelp()}`)
    .action(async ({ roles }: { roles?: string }) => {
      const { config, env } = settings(roles === undefined ? {} : { POLLUX_ROLES: roles })
      const log = createLog(config.logLevel)
      announce(await startWatched(config, env, log), config.roles)
    })
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .description("bring the database's schema up to date, and end")
    .action(() =>
      withStore(async ({ store }) => print(`the schema is up to date (${store.dialect})`)),
    )
}

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'start Pollux with a small simulated network and sensors in a data folder of its own',
    )
    .option('--keep <folder>', 'use this data folder and keep it')
    .addHelpText('after', `\nSettings, from the environment or .env:\n${settingsHelp()}`)
    .action(async (options: { keep?: string }) => {
      const dataDir = options.keep ?? (await mkdtemp(path.join(tmpdir(), 'pollux-demo-')))
      const { env } = settings()
      const demoEnv = {
        ...env,
        POLLUX_DATA_DIR: dataDir,
        POLLUX_ROLES: PROCESS_ROLES.join(','),
        POLLUX_ALLOW_NETWORKS: [env.POLLUX_ALLOW_NETWORKS, '127.0.0.0/8'].filter(Boolean).join(','),
        POLLUX_MQTT_LISTEN: env.POLLUX_MQTT_LISTEN ?? '127.0.0.1:0',
        POLLUX_TRAP_LISTEN: env.POLLUX_TRAP_LISTEN ?? '127.0.0.1:0',
        POLLUX_SYSLOG_LISTEN: env.POLLUX_SYSLOG_LISTEN ?? '127.0.0.1:0',
        POLLUX_EVENT_RELAYS: env.POLLUX_EVENT_RELAYS ?? '127.0.0.1',
      }
      const config = readConfig(demoEnv)
      const log = createLog(config.logLevel)
      const network = await startNetworkProcess()
      const children = [network.child]
      const stops: (() => void)[] = []
      const program = await startWatched(config, demoEnv, log, async () => {
        for (const stop of stops) stop()
        for (const child of children) child.kill('SIGTERM')
        if (options.keep === undefined) await rm(dataDir, { recursive: true, force: true })
      })
      await addNetwork(program, network.network)
      const { startDemoSensors } = await import('./demo-sensors.ts')
      children.push(await startDemoSensors(program, config))
      const { tellDemoLines } = await import('./demo-lines.ts')
      const ids = network.network.devices.map(({ id }) => id)
      const { addDemoChecks } = await import('./demo-checks.ts')
      await addDemoChecks(program, ids[0] ?? '')
      stops.push(tellDemoLines(program, ids))
      announce(program)
      print(
        `  The demo network has ${network.network.devices.length} devices, beside sensors that publish by MQTT; its data are in ${dataDir}${options.keep === undefined ? ' and go when it ends' : ''}.\n`,
      )
    })
}

const NetworkLine = Type.Object({
  host: Type.String(),
  community: Type.String(),
  devices: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      location: Type.String(),
      tags: Type.Array(Type.String()),
      port: Type.Integer(),
    }),
  ),
})
type NetworkLine = Static<typeof NetworkLine>

const parseNetwork = parser(NetworkLine, 'E_NETWORK', 'what the simulated network said')

/** The simulator is a program of its own, so that its work is not charged to Pollux. */
async function startNetworkProcess(): Promise<{ child: ChildProcess; network: NetworkLine }> {
  const main = fileURLToPath(new URL('../../bench/network/main.ts', import.meta.url))
  const child = fork(main, [], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  if (!child.stdout) throw new Error('the simulated network has no output')
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => ['']),
  ])
  return { child, network: parseNetwork(JSON.parse(String(line) || 'null')) }
}

async function addNetwork(program: Program, network: NetworkLine): Promise<void> {
  for (const { id, name, location, tags, port } of network.devices) {
    const document = {
      id,
      name,
      kind: 'snmp',
      address: network.host,
      port,
      credentials: { version: '2c', community: network.community },
      every: '10s',
      timeout: '1s',
      location,
      tags,
    }
    const by = { name: 'demo', address: '' }
    const stored = await program.devices.get(id)
    if (stored) await program.devices.update(id, document, stored.version, by)
    else await program.devices.create(document, by, 'built-in')
  }
}

/**
 * Starts, and stops in good order on SIGTERM and SIGINT; a second signal ends at once. `afterStop`
 * clears away what was made for the program, also when it could not start.
 */
async function startWatched(
  config: Config,
  env: NodeJS.ProcessEnv,
  log: Logger,
  afterStop: () => Promise<void> = async () => undefined,
): Promise<Program> {
  // Loaded only here: the short commands do without the whole program, and start in half the time.
  const { startProgram } = await import('../compose/program.ts')
  const starting = startProgram(config, env, log)
  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    try {
      await (await starting).stop()
    } catch (error) {
      log.debug({ cause: messageOf(error) }, 'stopped before it had started')
    }
    await afterStop()
    log.info('stopped')
    process.exit()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('unhandledRejection', error =>
    log.error({ err: error }, 'a promise was rejected and nobody listened'),
  )
  try {
    const program = await starting
    void program.lost.then(error => {
      log.error({ err: error }, 'stopping: this process lost its role')
      process.exitCode = 1
      void stop('SIGTERM')
    })
    return program
  } catch (error) {
    await afterStop()
    process.off('SIGTERM', stop)
    process.off('SIGINT', stop)
    throw error
  }
}

function announce({ url, admin }: Program, roles: readonly ProcessRole[] = PROCESS_ROLES): void {
  if (roles.includes('web')) print(`\n  Pollux is at ${url}`)
  else print(`\n  Pollux (${roles.join(', ')}) tells how it does at ${url}/readyz`)
  if (admin?.password) {
    print(
      `\n  Sign in as ${admin.name} with this password, shown only now:\n\n      ${admin.password}\n`,
    )
  } else if (admin) {
    print(`  Sign in as ${admin.name} with the password of POLLUX_ADMIN_PASSWORD.\n`)
  }
}
