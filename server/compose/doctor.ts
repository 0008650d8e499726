// `pollux doctor`: every part that the settings name is asked once, whether Pollux runs or not. Nothing is
// changed, and nothing is made.

import { connect, createServer } from 'node:net'
import { addressPolicy } from '../addresses.ts'
import { connectBus } from '../bus/client.ts'
import { collectors } from '../collectors/table.ts'
import { type Config, readConfig } from '../config.ts'
import { createVault } from '../devices/vault.ts'
import { pingRedis } from '../live/ping.ts'
import { createLog } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import { buildCatalogue } from '../profiles/build.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { loadSources } from '../profiles/load.ts'
import { createSecrets, loadMasterKey } from '../secrets.ts'
import { inspectDatabase } from '../store/inspect.ts'
import { openStore } from '../store/open.ts'
import { bad, type Check, good, localChecks } from './checks.ts'
import { reachable } from './ground.ts'
import { withSecretFiles } from './secret-files.ts'

const waitMs = 5000
/** Docker engines that are asked. */
const enginesMax = 20
const log = createLog('silent')

/** All that can be told; a settings fault alone where they cannot be read. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Check[]> {
  let config: Config
  try {
    config = readConfig(withSecretFiles(env))
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return error.errors.length === 0
      ? [bad('Settings', error.message, error.hint ?? '')]
      : error.errors.map(({ path, message }) =>
          bad('Settings', `${path} ${message}`, 'pollux serve --help lists all settings'),
        )
  }
  const catalogue = await catalogueOf(config)
  const isServing = await answers(config.host, config.port)
  const database = await databaseCheck(config)
  const groups = await Promise.all([
    portCheck(config, isServing),
    brokerCheck(config, isServing),
    config.redisUrl === null ? [] : redisCheck(config.redisUrl),
    database.ok && catalogue ? engineChecks(config, catalogue) : [],
    localChecks(config, catalogue?.problems ?? null),
  ])
  return [good('Settings', 'all can be read'), database, ...groups.flat()]
}

async function catalogueOf({ profilesDir }: Config): Promise<Catalogue | null> {
  const userDir = profilesDir === null ? {} : { userDir: profilesDir }
  try {
    return buildCatalogue(await loadSources({ shippedDir: SHIPPED_PROFILES_DIR, ...userDir }))
  } catch {
    return null
  }
}

async function databaseCheck({ databaseUrl }: Config): Promise<Check> {
  const name = 'Database'
  try {
    const { dialect, isThere, pending, unknown } = await inspectDatabase(databaseUrl)
    if (unknown.length > 0) {
      const text = `it was written by a newer Pollux (${unknown.slice(0, 5).join(', ')})`
      return bad(name, text, 'start that version, or restore a backup')
    }
    if (!isThere) return good(name, `${dialect}: made at the first start`)
    const next = pending === 0 ? '' : `; the next start brings it up to date (${pending} steps)`
    return good(name, `${dialect} answers${next}`)
  } catch (error) {
    return bad(name, messageOf(error), hintOf(error, 'check POLLUX_DATABASE_URL'))
  }
}

async function portCheck({ host, port }: Config, isServing: boolean): Promise<Check> {
  const name = 'Pages'
  const where = `${host}:${port}`
  if (isServing) return good(name, `something listens on ${where}`)
  return (await isFree(host, port))
    ? good(name, `${where} is free`)
    : bad(name, `${where} cannot be listened on`, 'choose another POLLUX_PORT or POLLUX_HOST')
}

async function brokerCheck(config: Config, isServing: boolean): Promise<Check> {
  const name = 'MQTT broker'
  const { mqttUrl, mqttListen } = config
  if (mqttUrl !== null) return outsideBroker(mqttUrl)
  const { host, port } = mqttListen
  const where = `the embedded one on ${host}:${port}`
  if (isServing) {
    return (await answers(host, port))
      ? good(name, `${where} listens`)
      : bad(name, `${where} does not listen`, 'see the log of Pollux')
  }
  return (await isFree(host, port))
    ? good(name, `${where} can listen`)
    : bad(name, `${where} cannot listen`, 'choose another POLLUX_MQTT_LISTEN')
}

async function outsideBroker(url: string): Promise<Check> {
  const name = 'MQTT broker'
  try {
    const bus = connectBus({ url, clientId: `pollux-doctor-${process.pid}`, log })
    try {
      const isThere = await new Promise<boolean>(resolve => {
        bus.onState(connected => connected && resolve(true))
        if (bus.connected) resolve(true)
        setTimeout(resolve, waitMs, false)
      })
      return isThere
        ? good(name, 'it takes us')
        : bad(
            name,
            bus.lastError ?? 'it does not answer',
            'check POLLUX_MQTT_URL, the account and its rights',
          )
    } finally {
      await bus.close()
    }
  } catch (error) {
    return bad(name, messageOf(error), hintOf(error, 'check POLLUX_MQTT_URL'))
  }
}

async function redisCheck(url: string): Promise<Check> {
  try {
    await pingRedis(url)
    return good('Redis', 'it answers')
  } catch (error) {
    return bad('Redis', messageOf(error), 'check POLLUX_REDIS_URL; Pollux goes on without it')
  }
}

/** Only of a database that is up to date: opening another would change it. */
async function engineChecks(config: Config, catalogue: Catalogue): Promise<Check[]> {
  const { isThere, pending } = await inspectDatabase(config.databaseUrl)
  if (!isThere || pending > 0) return []
  const store = await openStore({ url: config.databaseUrl, log })
  try {
    const engines = (await store.devices.list())
      .filter(({ config: { kind, enabled } }) => kind === 'docker' && enabled)
      .slice(0, enginesMax)
    if (engines.length === 0) return []
    const { secretKey: key, secretKeyFile: file, dataDir } = config
    const vault = createVault(
      store.secrets,
      createSecrets(await loadMasterKey({ key, file, dataDir })),
    )
    const surroundings = { catalogue, addresses: addressPolicy(config.allowNetworks) }
    return await Promise.all(
      engines.map(async ({ config: device, version, identity }) => {
        const name = `Engine ${device.id}`
        try {
          const target = { config: device, version, identity, secrets: await vault.open(device) }
          const signal = AbortSignal.timeout(waitMs)
          const report = await collectors.docker.check(target, surroundings, signal)
          return report.ok
            ? good(name, report.identity.facts.version ?? 'it answers')
            : bad(name, report.error, report.hint)
        } catch (error) {
          return bad(name, messageOf(error), hintOf(error, 'see its page'))
        }
      }),
    )
  } finally {
    await store.close()
  }
}

const hintOf = (error: unknown, otherwise: string): string =>
  (error instanceof AppError ? error.hint : null) ?? otherwise

function answers(host: string, port: number): Promise<boolean> {
  if (port === 0) return Promise.resolve(false)
  const where = reachable(host).replace(/^\[(.*)\]$/, '$1')
  return new Promise(resolve => {
    const socket = connect({ host: where, port, timeout: waitMs })
    const end = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}

function isFree(host: string, port: number): Promise<boolean> {
  const probe = createServer()
  return new Promise(resolve => {
    probe.once('error', () => resolve(false))
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}
