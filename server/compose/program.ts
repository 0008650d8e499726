// The one place that starts the program: part by part in the order of the layers, stopped in reverse.
// This folder alone constructs things; every part gets what it needs as parameters.

import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { auditTrim, createAudit } from '../audit.ts'
import { createPeople } from '../auth/people.ts'
import type { Accounts } from '../bus/accounts.ts'
import { type Config, hasAllRoles, type ProcessRole, shownSettings } from '../config.ts'
import type { Devices } from '../devices/contract.ts'
import { createDevices } from '../devices/devices.ts'
import { createDirectory } from '../devices/directory.ts'
import { createNews } from '../devices/news.ts'
import { createVault } from '../devices/vault.ts'
import type { Logger } from '../log.ts'
import { createRegistry } from '../metrics.ts'
import type { AppError } from '../model/errors.ts'
import { createSetAside } from '../model/setaside.ts'
import type { Receiver } from '../receive/receiver.ts'
import { createSecrets, loadMasterKey } from '../secrets.ts'
import type { Store } from '../store/contract.ts'
import { VERSION } from '../version.ts'
import { createWeb } from '../web/app.ts'
import type { WebContext } from '../web/context.ts'
import { createRetention } from '../web/retention.ts'
import { hearContainers } from './agent-containers.ts'
import { hearSettings } from './agent-settings.ts'
import { startAgents } from './agents.ts'
import { backupDownloads } from './backups.ts'
import type { Base } from './base.ts'
import { planCache, startCatalogue } from './catalogues.ts'
import { localChecks } from './checks.ts'
import { containerLogs } from './container-logs.ts'
import { announcer, checkOf, followChanges, identityKeeper, startDeviceFiles } from './devices.ts'
import { startDiscovery } from './discovery.ts'
import { auditWithEvents, heardEvents, startOurEvents, trimOld } from './events.ts'
import { exportSections, observeExporters, startExporters } from './exporters.ts'
import { firstAdmin, firstDevice } from './first-start.ts'
import { observeForecasts, startForecasts } from './forecasts.ts'
import { openGround, reachable } from './ground.ts'
import { type HealthParts, listenHealth } from './health-port.ts'
import { startAlarms, withAlarms } from './judge.ts'
import { createLifecycle } from './lifecycle.ts'
import { observeMaintenance, runMaintenance } from './maintenance.ts'
import { tellingNeighbours } from './neighbours.ts'
import { startNotifications } from './notify.ts'
import { startOwnProfiles } from './own-profiles.ts'
import { startPollRole } from './poll-role.ts'
import { observeReceivers } from './receivers.ts'
import { retentionPolicy } from './retention.ts'
import { connected, sharedGate, startIngest, startLive, startStatusJudge } from './samples.ts'
import { takeSeats } from './seat.ts'
import { signInBy } from './sign-in.ts'
import { healthOf, ingestAnswer, statusSections } from './status.ts'
import { observe } from './telemetry.ts'

export interface Program {
  /** Where the pages are; without the role web, where its health is told. */
  url: string
  /** Set on the very first start; `password` where it was made on the spot. */
  admin: { name: string; password: string | null } | null
  devices: Devices
  /** Accounts on the broker; `port` is the embedded one's. */
  broker: { accounts: Accounts; port: number | null }
  /** Where traps and syslog are heard. */
  receiving: Receiver['listening']
  /** Resolves where another process has a role of this one now: it must stop. */
  lost: Promise<AppError>
  stop(): Promise<void>
}

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
    return await startParts({ config, env, log, life, refusals: createSetAside() })
  } catch (error) {
    await life.stop()
    throw error
  }
}

async function startParts(base: Base): Promise<Program> {
  const { config, log, life } = base
  const has = (role: ProcessRole) => config.roles.includes(role)
  const { store, connect, accounts, brokerPort } = await openGround(base)
  const audit = createAudit(store.audit)
  const admin = has('web') ? await firstAdmin(store, audit, config.adminPassword) : null
  const catalogues = await startCatalogue(base, store)

  const directory = await createDirectory(store.devices, error =>
    log.warn({ err: error }, 'devices were not re-read'),
  )
  life.started('directory', () => directory.close())
  store.retention.choose(retentionPolicy(directory, () => catalogues.watch.catalogue))
  const bus = connect({
    username: 'server',
    publish: [`pollux/${config.site}/#`],
    subscribe: [`pollux/${config.site}/#`],
  })
  life.started('bus', () => bus.close())
  const live = await startLive(base, store)
  await connected(bus, log)
  const plan = planCache(() => catalogues.watch.catalogue)
  const events = await startOurEvents({ ...base, connect, directory, plan })
  const holder = events.sender.src
  const lost = Promise.withResolvers<AppError>()
  const seated = { leases: store.leases, holder, life, log, onLost: lost.resolve }
  if (!hasAllRoles(config)) await takeSeats(config.roles, seated)
  if (!has('poll')) await followChanges(base, { bus, directory })
  const isJudge = has('judge')
  const alarms = await startAlarms({
    ...{ ...base, bus, store, live, directory, audit, plan, events, isJudge },
  })
  const heard = { store, directory, catalogues, log }
  const receipts = { bus, site: config.site, directory, log }
  const teller = hearSettings(hearContainers(withAlarms(events.teller, alarms), heard), receipts)
  const told = tellingNeighbours(store, directory, events.tell)
  const hearing = { ...base, bus, store: told, directory, gate: sharedGate() }
  const ingest = has('ingest') ? await startIngest({ ...hearing, connect, live }) : null
  if (isJudge) {
    await startStatusJudge({ ...hearing, teller })
    trimRows(base, store)
  }
  if (ingest) {
    const upkeep = runMaintenance(store.maintenance, () => ingest.stats().queued, log)
    life.started('maintenance', () => upkeep.close())
  }

  const key = await loadMasterKey({
    key: config.secretKey,
    file: config.secretKeyFile,
    dataDir: config.dataDir,
  })
  const secrets = createSecrets(key)
  const vault = createVault(store.secrets, secrets)
  const notify = startNotifications({
    ...{ ...base, bus, store, directory, audit, alarms, seal: secrets, holder },
  })
  const news = await createNews({
    bus,
    site: config.site,
    log,
    onIdentity: identityKeeper(store, directory),
  })
  life.started('news', () => news.close())
  const polling = has('poll')
    ? await startPollRole({ ...base, connect, directory, store, vault, catalogues })
    : null
  const poller = polling?.poller ?? null
  const devices = createDevices({
    store: store.devices,
    directory,
    vault,
    news,
    audit: auditWithEvents(audit, events.tell),
    announce: announcer({ ...base, bus, poller }),
    check: checkOf(config, catalogues),
  })
  if (polling) await firstDevice(store, devices)
  const files = isJudge ? await startDeviceFiles(base, devices) : null

  const senders = { ...polling?.senders, judge: events.sender }
  const registry = createRegistry()
  observe(registry, { ingest, poller, senders, bus })
  if (ingest) observeMaintenance(registry, store.maintenance)
  const forecaster = startForecasts(base, { store, directory, alarms })
  observeForecasts(registry, forecaster)
  if (polling) observeReceivers(registry, polling.receivers)
  const exporter = isJudge
    ? await startExporters({ ...base, connect, directory, store, plan })
    : null
  observeExporters(registry, exporter)
  const status = {
    ingest,
    poller,
    senders,
    bus,
    files,
    store,
    refusals: base.refusals,
  }
  const signIn = signInBy(config, { store, audit, secrets })
  const broker = { accounts, port: brokerPort }
  const receiving: Program['receiving'] = protocol =>
    polling?.receivers.receiver.listening(protocol) ?? null
  const rest = { admin, devices, broker, receiving, lost: lost.promise, stop: () => life.stop() }
  const machines = { health: () => healthOf(status), metrics: () => registry.metrics() }
  if (!has('web')) return { ...rest, url: await startHealth(base, { ...machines, ...signIn, log }) }
  const url = await startWeb(base, {
    ...signIn,
    ...machines,
    people: createPeople({ users: store.users, audit }),
    devices,
    agents: startAgents({
      ...base,
      bus,
      store,
      accounts,
      audit,
      devices,
      directory,
      catalogues,
      brokerPort,
    }),
    store,
    live,
    ...(await startOwnProfiles({ ...base, store, audit, vault, directory, catalogues })),
    catalogue: () => catalogues.watch.catalogue,
    plan,
    alarms,
    notify,
    settings: async () => [
      ...statusSections(status),
      ...(polling ? [polling.receivers.section()] : []),
      ...exportSections(exporter),
      { title: 'Settings', rows: shownSettings(config, base.env) },
    ],
    backups: backupDownloads(config, audit, log),
    retention: createRetention({ store: store.retention, audit, log }),
    events: await heardEvents({ bus, site: config.site, store: store.events, audit }),
    checks: () => localChecks(config, catalogues.watch.catalogue.problems),
    ingest: () => ingestAnswer(status),
    ...(poller && { polling: poller.device }),
    discovery: startDiscovery(base, { devices, directory, vault, audit, catalogues }),
    containerLogs: containerLogs(config, vault, audit),
    forecasts: forecaster.thread,
    secure: config.tlsCert !== null || config.publicUrl?.startsWith('https://') === true,
    publicUrl: config.publicUrl,
    secondStep: config.secondStep,
    log,
    version: VERSION,
  })
  return { ...rest, url }
}

/** Rows that are older than they are kept. */
function trimRows({ config, life, log }: Base, store: Store): void {
  const trimming = [
    trimOld('events', store.events, log),
    trimOld('the audit log', auditTrim(store.audit, config.auditKept), log),
    trimOld('neighbours', store.neighbours, log),
    trimOld('states of devices', store.states, log),
  ]
  life.started('retention of rows', () => {
    for (const one of trimming) one.close()
  })
}

async function tlsOf({ tlsCert, tlsKey }: Config): Promise<{ cert: string; key: string } | null> {
  if (tlsCert === null || tlsKey === null) return null
  return { cert: await readFile(tlsCert, 'utf8'), key: await readFile(tlsKey, 'utf8') }
}

async function startWeb({ config, life }: Base, web: WebContext): Promise<string> {
  const tls = await tlsOf(config)
  const app = await createWeb({ web, tls, trustProxy: config.trustProxy })
  await app.listen({ host: config.host, port: config.port })
  life.started('web', () => app.close())
  return urlOf(config, app.server)
}

async function startHealth({ config, life }: Base, parts: HealthParts): Promise<string> {
  const { host, port } = config
  const server = await listenHealth(parts, { host, port, tls: await tlsOf(config) })
  life.started('health', () => {
    server.closeAllConnections()
    server.close()
  })
  return urlOf(config, server)
}

function urlOf(config: Config, server: Server): string {
  const { tlsCert: tls } = config
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : config.port
  return `${tls ? 'https' : 'http'}://${reachable(config.host)}:${port}`
}
