// The one place that constructs things: from the settings to a running program, part by part in the
// order of the layers, and back in reverse. Every part gets what it needs as parameters. It is past
// 300 lines because "who is wired to whom" is worth reading in one place.

import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { addressPolicy } from './addresses.ts'
import { createStatusJudge } from './alarms/status.ts'
import { createAudit } from './audit.ts'
import { createAuth } from './auth/auth.ts'
import { createThrottle } from './auth/throttle.ts'
import { startBroker } from './bus/broker.ts'
import { connectBus, type MqttBus } from './bus/client.ts'
import type { Bus } from './bus/contract.ts'
import { authorize, createPrincipals, type Principal } from './bus/principals.ts'
import { createSender, type SpoolingSender } from './bus/sender.ts'
import { ALL_NODES, commandTopic, receiptTopic, rowsTopic, sampleTopic } from './bus/topics.ts'
import type { Target } from './collectors/collector.ts'
import { collectors } from './collectors/table.ts'
import { type Config, shownSettings } from './config.ts'
import type { Devices } from './devices/contract.ts'
import { createDevices } from './devices/devices.ts'
import { createDirectory, type Directory } from './devices/directory.ts'
import { type DeviceFiles, watchDeviceFiles } from './devices/files.ts'
import { createNews } from './devices/news.ts'
import { createVault, type Vault } from './devices/vault.ts'
import { firstAdmin, firstDevice, THIS_MACHINE } from './first-start.ts'
import { accept } from './ingest/accept.ts'
import type { Ingest } from './ingest/contract.ts'
import { createIngest } from './ingest/ingest.ts'
import { createLifecycle, type Lifecycle } from './lifecycle.ts'
import type { Live } from './live/contract.ts'
import { fillLive } from './live/fill.ts'
import { createMemoryLive } from './live/memory.ts'
import { createRedisLive } from './live/redis.ts'
import { superviseLocalAgent } from './local-agent.ts'
import type { Logger } from './log.ts'
import { createRegistry } from './metrics.ts'
import type { DeviceLookup, KnownDevice } from './model/accepted.ts'
import { Command, type Receipt } from './model/collection.ts'
import type { Device } from './model/device.ts'
import { parseDuration } from './model/duration.ts'
import { AppError, messageOf } from './model/errors.ts'
import { SHIPPED_PROFILES_DIR } from './paths.ts'
import { createPoller, type Poller } from './poll/poller.ts'
import type { Plan } from './profiles/face.ts'
import { type CatalogueWatch, watchCatalogue } from './profiles/load.ts'
import { compilePlan } from './profiles/plan.ts'
import { createSecrets, loadMasterKey } from './secrets.ts'
import type { Store } from './store/contract.ts'
import { openStore } from './store/open.ts'
import { healthOf, observe, statusSections } from './telemetry.ts'
import { checker, parseJson } from './validate.ts'
import { VERSION } from './version.ts'
import { createWeb } from './web/app.ts'
import type { WebContext } from './web/context.ts'

export interface Program {
  /** Where the pages are. */
  url: string
  /** Set on the very first start; `password` where it was made on the spot. */
  admin: { name: string; password: string | null } | null
  devices: Devices
  stop(): Promise<void>
}

/** A start waits so long for the broker, and then goes on without: parts connect by themselves. */
const BUS_WAIT_MS_MAX = 5000

const checkCommand = checker(Command)

/** What every step gets. */
interface Base {
  config: Config
  env: NodeJS.ProcessEnv
  log: Logger
  life: Lifecycle
}

/** Connects a part of ours as a user of its own: what it may publish and subscribe is listed. */
type Connect = (principal: Principal) => MqttBus

/**
 * Starts the whole program.
 * @throws AppError E_START whose `errors` name everything that stands in the way at once
 */
export async function startProgram(
  config: Config,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<Program> {
  const life = createLifecycle(log)
  try {
    return await startParts({ config, env, log, life })
  } catch (error) {
    await life.stop()
    throw error
  }
}

async function startParts(base: Base): Promise<Program> {
  const { config, log, life } = base
  const { store, connect } = await openGround(base)
  const audit = createAudit(store.audit)
  const admin = await firstAdmin(store, audit, config.adminPassword)
  const catalogues = await startCatalogue(base)

  const directory = await createDirectory(store.devices, error =>
    log.warn({ err: error }, 'devices were not re-read'),
  )
  life.started('directory', () => directory.close())
  const bus = connect({
    username: 'server',
    publish: [`pollux/${config.site}/#`],
    subscribe: [`pollux/${config.site}/#`],
  })
  life.started('bus', () => bus.close())
  const live = await startLive(base, store)
  await connected(bus, log)
  const ingest = await startIngest({ ...base, bus, store, live, directory })

  const key = await loadMasterKey({
    key: config.secretKey,
    file: config.secretKeyFile,
    dataDir: config.dataDir,
  })
  const vault = createVault(store.secrets, createSecrets(key))
  const polling = await startPolling({ ...base, connect, directory, vault, catalogues })
  const news = await createNews({
    bus,
    site: config.site,
    log,
    onIdentity: identityKeeper(store, directory),
  })
  life.started('news', () => news.close())
  const devices = createDevices({
    store: store.devices,
    directory,
    vault,
    news,
    audit,
    announce: announcer({ ...base, bus, poller: polling.poller }),
    check: checkOf(config, catalogues),
  })
  await firstDevice(store, devices)
  const agentSender = await startLocalAgent({ ...base, connect, directory, catalogues })
  const files = await startDeviceFiles(base, devices)

  const senders = { poll: polling.sender, agent: agentSender }
  const registry = createRegistry()
  observe(registry, { ingest, poller: polling.poller, senders, bus })
  const auth = createAuth({ users: store.users, audit, throttle: createThrottle() })
  const status = { ingest, poller: polling.poller, senders, bus, files, store }
  const url = await startWeb(base, {
    auth,
    devices,
    store,
    live,
    catalogue: () => catalogues.watch.catalogue,
    plan: planCache(() => catalogues.watch.catalogue),
    settings: async () => [
      ...statusSections(status),
      { title: 'Settings', rows: shownSettings(config, base.env) },
    ],
    health: () => healthOf(status),
    metrics: () => registry.metrics(),
    secure: config.tlsCert !== null || config.publicUrl?.startsWith('https://') === true,
    log,
    version: VERSION,
  })
  return { url, admin, devices, stop: () => life.stop() }
}

/** Opens what the rest stands on; what fails is named together, so that one start shows it all. */
async function openGround({
  config,
  log,
  life,
}: Base): Promise<{ store: Store; connect: Connect }> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const principals = createPrincipals()
  const [store, broker, port] = await Promise.allSettled([
    openStore({ url: config.databaseUrl, log }),
    config.mqttUrl === null
      ? startBroker({ ...config.mqttListen, authenticate: principals.authenticate, authorize, log })
      : null,
    assertPortFree(config.host, config.port),
  ])
  if (store.status === 'fulfilled') life.started('store', () => store.value.close())
  const embedded = broker.status === 'fulfilled' ? broker.value : null
  if (embedded) life.started('broker', () => embedded.close())
  const failures: unknown[] = [store, broker, port].flatMap(part =>
    part.status === 'rejected' ? [part.reason] : [],
  )
  if (failures.length > 0 || store.status === 'rejected') throw cannotStart(failures)

  const connect: Connect = principal => {
    const clientId = `pollux-${principal.username}-${randomBytes(4).toString('hex')}`
    if (config.mqttUrl !== null) return connectBus({ url: config.mqttUrl, clientId, log })
    const { username, password } = principals.add(principal)
    const url = `mqtt://${reachable(config.mqttListen.host)}:${embedded?.port}`
    return connectBus({ url, username, password, clientId, protocol: 4, log })
  }
  return { store: store.value, connect }
}

function cannotStart(failures: readonly unknown[]): AppError {
  const errors = failures.map(failure => ({
    path: failure instanceof AppError ? failure.code : 'E_START',
    message: [messageOf(failure), failure instanceof AppError ? failure.hint : null]
      .filter(Boolean)
      .join(': '),
  }))
  return new AppError('E_START', 'Pollux cannot start', { errors, cause: failures[0] })
}

/** How this machine reaches a port that listens there. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function assertPortFree(host: string, port: number): Promise<void> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', cause => {
      reject(
        new AppError(
          'E_PORT_IN_USE',
          `${host}:${port} cannot be listened on (${messageOf(cause)})`,
          {
            cause,
            hint: 'another program may hold it: choose another POLLUX_PORT or POLLUX_HOST',
          },
        ),
      )
    })
    probe.listen(port, host, resolve)
  })
  await new Promise(resolve => probe.close(resolve))
}

/** The catalogue as it is now, and who wants to hear of a new one. */
interface Catalogues {
  watch: CatalogueWatch
  onChange(listener: (catalogue: CatalogueWatch['catalogue']) => void): void
}

async function startCatalogue({ config, log, life }: Base): Promise<Catalogues> {
  const listeners: Parameters<Catalogues['onChange']>[0][] = []
  const watch = await watchCatalogue({
    shippedDir: SHIPPED_PROFILES_DIR,
    ...(config.profilesDir === null ? {} : { userDir: config.profilesDir }),
    onChange: catalogue => {
      for (const listener of listeners) listener(catalogue)
    },
    log,
  })
  life.started('profiles', () => watch.close())
  return { watch, onChange: listener => listeners.push(listener) }
}

async function startLive({ config, log, life }: Base, store: Store): Promise<Live> {
  const live =
    config.redisUrl === null
      ? createMemoryLive({})
      : createRedisLive({ url: config.redisUrl, site: config.site, log })
  life.started('live', () => live.close())
  await fillLive(live, store)
  return live
}

/** Waits for the first connection; an outside broker that is away must not keep the pages away. */
async function connected(bus: MqttBus, log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = bus.onState(now => {
    if (now) resolve()
  })
  const timer = setTimeout(() => {
    log.warn(
      { cause: bus.lastError },
      'the MQTT broker is away; samples wait on disk until it is back',
    )
    resolve()
  }, BUS_WAIT_MS_MAX)
  await promise
  clearTimeout(timer)
  stop()
}

async function startIngest(
  parts: Base & { bus: Bus; store: Store; live: Live; directory: Directory },
): Promise<Ingest> {
  const { config, log, life, bus, store, live, directory } = parts
  const devices = deviceLookup(directory)
  const ingest = createIngest({ bus, site: config.site, store, live, devices, consumers: [], log })
  await ingest.start()
  life.started('ingest', () => ingest.close())
  const judge = createStatusJudge({ bus, site: config.site, devices, store, accept, log })
  await judge.start()
  life.started('judge', () => judge.close())
  return ingest
}

function deviceLookup(directory: Directory): DeviceLookup {
  const known = (device: Device): KnownDevice => ({
    id: device.config.id,
    uid: device.uid,
    everyMs: parseDuration(device.config.every),
    enabled: device.config.enabled,
    kind: device.config.kind,
  })
  return {
    get(id) {
      const device = directory.get(id)
      return device && known(device)
    },
    all: () => directory.all().map(known),
  }
}

/** The poller that named a device also tells what it is: kept, so that pages and restarts know. */
function identityKeeper(store: Store, directory: Directory) {
  return async (id: string, identity: Parameters<Store['devices']['setIdentity']>[1]) => {
    const device = directory.get(id)
    if (!device) return
    await store.devices.setIdentity(device.uid, identity)
    await directory.refresh()
  }
}

function checkOf(config: Config, catalogues: Catalogues) {
  const addresses = addressPolicy(config.allowNetworks)
  return async (target: Target, signal: AbortSignal) => {
    const { kind } = target.config
    if (kind === 'snmp' || kind === 'docker') {
      return collectors[kind].check(
        target,
        { catalogue: catalogues.watch.catalogue, addresses },
        signal,
      )
    }
    throw new AppError('E_KIND', `a device of kind "${kind}" cannot be tested from here`, {
      hint: 'it sends by itself: look for its samples',
    })
  }
}

/** A change reaches every poller by MQTT, and ours even while the broker is away. */
function announcer({ config, log, bus, poller }: Base & { bus: Bus; poller: Poller }) {
  return async (command: Command): Promise<void> => {
    try {
      await bus.publish(commandTopic(config.site, ALL_NODES), JSON.stringify(command))
    } catch (error) {
      log.warn(
        { cause: messageOf(error) },
        'a command goes to this process alone: the broker is away',
      )
      await obey(poller, command)
    }
  }
}

async function obey(poller: Poller, command: Command): Promise<void> {
  if (command.do === 'config-changed') await poller.reload()
  else if (command.device !== undefined) poller.pollNow(command.device)
}

interface PollParts extends Base {
  connect: Connect
  directory: Directory
  vault: Vault
  catalogues: Catalogues
}

async function startPolling(parts: PollParts): Promise<{ poller: Poller; sender: SpoolingSender }> {
  const { config, log, life, connect, directory, vault, catalogues } = parts
  const { site } = config
  const bus = connect({
    username: 'poller',
    publish: [
      `pollux/${site}/devices/+/samples/+`,
      `pollux/${site}/devices/+/rows/+`,
      `pollux/${site}/receipts/+`,
    ],
    subscribe: [`pollux/${site}/acks/+`, `pollux/${site}/commands/+`],
  })
  life.started('poll bus', () => bus.close())
  const sender = await createSender({
    bus,
    site,
    dir: path.join(config.dataDir, 'spool', 'poll'),
    log,
  })
  life.started('poll spool', () => sender.close())
  const onReceipt = receiptPublisher(bus, site, log)
  const poller = createPoller({
    node: sender.src,
    targets: async () => {
      await directory.refresh()
      return openTargets(directory, vault, onReceipt)
    },
    catalogue: catalogues.watch.catalogue,
    networks: config.allowNetworks,
    onCollection({ device, group, channel }, body) {
      const topic =
        channel === 'samples' ? sampleTopic(site, device, group) : rowsTopic(site, device, group)
      sender.send(topic, body, { retain: channel === 'rows' })
    },
    onReceipt,
    log,
  })
  await poller.start()
  life.started('poller', () => poller.close())
  catalogues.onChange(catalogue => poller.setCatalogue(catalogue))
  await bus.subscribe(commandTopic(site, ALL_NODES), async ({ payload }) => {
    const checked = checkCommand(parseJson(payload))
    if (checked.ok) await obey(poller, checked.value)
  })
  return { poller, sender }
}

type PublishReceipt = (device: string, receipt: Receipt) => void

/** Receipts are news, not samples: one that cannot be sent now is worth nothing later. */
function receiptPublisher(bus: Bus, site: string, log: Logger): PublishReceipt {
  return (device, receipt) => {
    bus.publish(receiptTopic(site, device), JSON.stringify(receipt)).catch((error: unknown) => {
      log.debug({ device, cause: messageOf(error) }, 'a receipt was not sent')
    })
  }
}

/** Targets of every enabled device that a collector reads; one whose secret does not open says so. */
async function openTargets(
  directory: Directory,
  vault: Vault,
  onReceipt: PublishReceipt,
): Promise<Target[]> {
  const targets: Target[] = []
  for (const { config, version, identity } of directory.all()) {
    if (!config.enabled || !(config.kind in collectors)) continue
    try {
      targets.push({ config, version, identity, secrets: await vault.open(config) })
    } catch (error) {
      onReceipt(config.id, { stage: 'failed', at: Date.now(), version, error: messageOf(error) })
    }
  }
  return targets
}

async function startLocalAgent(
  parts: Base & { connect: Connect; directory: Directory; catalogues: Catalogues },
): Promise<SpoolingSender> {
  const { config, log, life, connect, directory, catalogues } = parts
  const { site } = config
  const mine = `pollux/${site}/devices/${THIS_MACHINE}`
  const bus = connect({
    username: `agent-${THIS_MACHINE}`,
    publish: [
      `${mine}/samples/+`,
      `${mine}/rows/+`,
      `${mine}/events`,
      `pollux/${site}/receipts/${THIS_MACHINE}`,
    ],
    subscribe: [`pollux/${site}/acks/+`],
  })
  life.started('agent bus', () => bus.close())
  const sender = await createSender({
    bus,
    site,
    dir: path.join(config.dataDir, 'spool', 'agent'),
    log,
  })
  life.started('agent spool', () => sender.close())
  const stop = superviseLocalAgent({
    directory,
    sender,
    topics: {
      sample: (device, group) => sampleTopic(site, device, group),
      rows: (device, group) => rowsTopic(site, device, group),
    },
    catalogue: () => catalogues.watch.catalogue,
    onReceipt: receiptPublisher(bus, site, log),
    log,
  })
  life.started('agent', stop)
  return sender
}

async function startDeviceFiles(
  { config, log, life }: Base,
  devices: Devices,
): Promise<DeviceFiles | null> {
  if (config.devicesDir === null) return null
  const files = await watchDeviceFiles({ dir: config.devicesDir, devices, log })
  life.started('device files', () => files.close())
  return files
}

/** Plans kept for the catalogue of now; a fleet uses few sets of profiles. */
const plansMax = 500

function planCache(catalogue: () => CatalogueWatch['catalogue']): WebContext['plan'] {
  let version = ''
  const plans = new Map<string, Plan>()
  return profiles => {
    const current = catalogue()
    if (current.version !== version || plans.size >= plansMax) plans.clear()
    version = current.version
    // A profile that went since a device was identified must not take its page with it.
    const known = profiles.filter(id => current.profiles.has(id))
    const key = known.join(' ')
    const plan = plans.get(key) ?? compilePlan(current, known)
    plans.set(key, plan)
    return plan
  }
}

async function startWeb({ config, life }: Base, web: WebContext): Promise<string> {
  const tls =
    config.tlsCert !== null && config.tlsKey !== null
      ? { cert: await readFile(config.tlsCert, 'utf8'), key: await readFile(config.tlsKey, 'utf8') }
      : null
  const app = await createWeb({ web, tls, trustProxy: config.trustProxy })
  await app.listen({ host: config.host, port: config.port })
  life.started('web', () => app.close())
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : config.port
  return `${tls ? 'https' : 'http'}://${reachable(config.host)}:${port}`
}
