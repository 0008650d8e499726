// `pollux fleet`: containers of one JSON file on one engine, made, looked at and taken down.

import { readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import { addressPolicy } from '../addresses.ts'
import { type Deployer, openDeployer } from '../docker/deploy.ts'
import type { SshTexts } from '../docker/ssh.ts'
import { environmentsOf, namesSecrets } from '../fleet/environment.ts'
import { down, type Outcome, status, up } from '../fleet/fleet.ts'
import { type Fleet, parseFleet } from '../fleet/spec.ts'
import { type Environments, unitsOf } from '../fleet/units.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { openSecrets, settings, withStore } from './open.ts'
import { print, printJson, printTable } from './output.ts'

interface Options {
  engine: string
  tlsCa?: string
  tlsCert?: string
  tlsKey?: string
  sshKey?: string
  sshKnownHosts?: string
  timeout: string
  json?: boolean
  volumes?: boolean
}

export function fleetCommand(): Command {
  const command = new Command('fleet').description('a fleet of containers from one JSON file')
  add(command, 'up', 'make and start what is missing or changed; again: changes nothing', upFrom)
  add(command, 'status', 'what of the fleet is there; exit code 1 where something is not', statusOf)
  add(command, 'down', 'remove the containers and networks that "up" made', downFrom).option(
    '--volumes',
    'its volumes too, with what lies in them',
  )
  return command
}

type Action = (file: string, options: Options) => Promise<void>

function add(parent: Command, name: string, description: string, action: Action): Command {
  return parent
    .command(name)
    .description(description)
    .argument('<file>', 'as docker/fleet.json')
    .option(
      '--engine <address>',
      'unix:///path, tcp://host:port or ssh://user@host',
      'unix:///var/run/docker.sock',
    )
    .option('--tls-ca <file>', 'PEM file of the authority; with it, tcp means TLS')
    .option('--tls-cert <file>', 'PEM file of our certificate')
    .option('--tls-key <file>', 'PEM file of its key')
    .option('--ssh-key <file>', 'private key without a passphrase, for ssh')
    .option('--ssh-known-hosts <file>', 'keys of hosts, for ssh (default: ~/.ssh/known_hosts)')
    .option('--timeout <duration>', 'for one call of the engine', '60s')
    .option('--json', 'answer as JSON, at the end')
    .action(action)
}

async function upFrom(file: string, options: Options): Promise<void> {
  const fleet = await readFleet(file)
  const units = unitsOf(fleet, await openEnvironments(fleet))
  await connected(options, async deployer =>
    report(await up(deployer, fleet.name, units, progressOf(options)), fleet, deployer, options),
  )
}

async function downFrom(file: string, options: Options): Promise<void> {
  const fleet = await readFleet(file)
  await connected(options, async deployer => {
    const outcomes = await down(deployer, fleet.name, options.volumes === true, progressOf(options))
    report(outcomes, fleet, deployer, options)
  })
}

async function statusOf(file: string, options: Options): Promise<void> {
  const fleet = await readFleet(file)
  await connected(options, async deployer => {
    const lines = await status(deployer, fleet.name, unitsOf(fleet, new Map()))
    showStatus(lines, fleet, deployer, options)
  })
}

function showStatus(
  lines: Awaited<ReturnType<typeof status>>,
  fleet: Fleet,
  deployer: Deployer,
  options: Options,
): void {
  const good = lines.filter(line => line.isGood).length
  if (good < lines.length) process.exitCode = 1
  if (options.json) {
    const containers = lines.map(({ isGood, ...line }) => ({ ...line, good: isGood }))
    printJson({ fleet: fleet.name, engine: deployer.name, good, containers })
    return
  }
  printTable(
    ['CONTAINER', 'STATE', 'STATUS', 'IMAGE'],
    lines.map(line => [line.name, line.state, line.status, line.image]),
  )
  print(`${good} of ${lines.length} containers run`)
}

async function readFleet(file: string): Promise<Fleet> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new AppError('E_FLEET_FILE', `${file} could not be read`, {
      cause,
      hint: 'docker/fleet.json is an example',
    })
  }
  return parseFleet(text, file)
}

/** The store is opened only where a secret is named, so that a fleet needs no data folder. */
async function openEnvironments(fleet: Fleet): Promise<Environments> {
  const sources = { env: process.env, secret: async () => null }
  if (!namesSecrets(fleet)) return environmentsOf(fleet, sources)
  return withStore(async ({ store, config }) => {
    const secrets = await openSecrets(config)
    return environmentsOf(fleet, {
      ...sources,
      secret: async name => {
        const sealed = await store.secrets.get(name)
        return sealed === null ? null : secrets.open(name, sealed)
      },
    })
  })
}

/** The same networks are allowed as for polling. */
async function connected(
  options: Options,
  work: (deployer: Deployer) => Promise<void>,
): Promise<void> {
  const texts = { ca: options.tlsCa, cert: options.tlsCert, key: options.tlsKey }
  const tls: Record<string, string> = {}
  for (const [name, file] of Object.entries(texts)) {
    if (file !== undefined) tls[name] = await readText(file)
  }
  const ssh = options.engine.startsWith('ssh://') && (await sshTexts(options))
  const deployer = await openDeployer({
    address: options.engine,
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(ssh && { ssh }),
    addresses: addressPolicy(settings().config.allowNetworks),
    timeoutMs: parseDuration(options.timeout),
  })
  try {
    await work(deployer)
  } finally {
    deployer.close()
  }
}

async function sshTexts({ sshKey, sshKnownHosts }: Options): Promise<SshTexts> {
  if (sshKey === undefined) {
    throw new AppError('E_DOCKER_SSH', 'an engine over ssh needs a key', {
      hint: 'give --ssh-key FILE, a private key without a passphrase',
    })
  }
  const known = sshKnownHosts ?? path.join(os.homedir(), '.ssh', 'known_hosts')
  const [key, knownHosts] = await Promise.all([readText(sshKey), readText(known)])
  return { key, knownHosts }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new AppError('E_FLEET_FILE', `${file} could not be read: ${messageOf(error)}`)
  }
}

const progressOf =
  ({ json }: Options) =>
  (outcome: Outcome) => {
    if (json) return
    const what = outcome.kind === 'container' ? '' : `${outcome.kind} `
    print(`${outcome.action.padEnd(9)}  ${what}${outcome.name}`)
    if (outcome.detail) process.stderr.write(`           ${outcome.detail}\n`)
  }

function report(
  outcomes: readonly Outcome[],
  fleet: Fleet,
  deployer: Deployer,
  options: Options,
): void {
  const isBad = ({ action }: Outcome) => action === 'failed' || action === 'skipped'
  if (outcomes.some(isBad)) process.exitCode = 1
  const ofContainers = outcomes.filter(({ kind }) => kind === 'container')
  const counts = Object.fromEntries(
    [...Map.groupBy(ofContainers, one => one.action)].map(([action, of]) => [action, of.length]),
  )
  if (options.json) {
    printJson({ fleet: fleet.name, engine: deployer.name, counts, outcomes })
    return
  }
  const said = Object.entries(counts).map(([action, count]) => `${count} ${action}`)
  print(`${fleet.name} on ${deployer.name}: ${said.join(', ') || 'nothing there'}`)
}
