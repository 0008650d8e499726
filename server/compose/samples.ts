// The receiving end of the sample path: live values, ingest, and judge.

import { randomBytes } from 'node:crypto'
import { createStateHistory } from '../alarms/history.ts'
import { createStatusJudge } from '../alarms/status.ts'
import type { EventTeller } from '../alarms/teller.ts'
import type { MqttBus } from '../bus/client.ts'
import type { Bus } from '../bus/contract.ts'
import type { Config } from '../config.ts'
import type { Directory } from '../devices/directory.ts'
import { accept } from '../ingest/accept.ts'
import type { Ingest } from '../ingest/contract.ts'
import { createIngest } from '../ingest/ingest.ts'
import { acceptOnce } from '../ingest/once.ts'
import type { Live } from '../live/contract.ts'
import { fillLive } from '../live/fill.ts'
import { createMemoryLive } from '../live/memory.ts'
import { createRedisLive } from '../live/redis.ts'
import type { Logger } from '../log.ts'
import type { Accept, DeviceLookup, KnownDevice } from '../model/accepted.ts'
import type { Device } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import type { Store } from '../store/contract.ts'
import type { Base, Connect } from './base.ts'

/** A start waits so long for the broker, and then goes on without: parts connect by themselves. */
const BUS_WAIT_MS_MAX = 5000

export async function startLive({ config, log, life }: Base, store: Store): Promise<Live> {
  const live =
    config.redisUrl === null
      ? createMemoryLive({})
      : createRedisLive({ url: config.redisUrl, site: config.site, log })
  life.started('live', () => live.close())
  await fillLive(live, store)
  return live
}

/** Waits for the first connection; an outside broker that is away must not keep the pages away. */
export async function connected(bus: MqttBus, log: Logger): Promise<void> {
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

interface HearingParts extends Base {
  bus: Bus
  store: Store
  directory: Directory
}

/** Ingest and judge of one process hear the same: each message is checked once. */
export const sharedGate = (): Accept => acceptOnce(accept)

export async function startIngest(
  parts: HearingParts & { connect: Connect; live: Live; gate: Accept },
): Promise<Ingest> {
  const { config, log, life, refusals, bus, store, live, directory, gate } = parts
  const devices = deviceLookup(directory)
  const { site } = config
  const shared = { site, store, live, devices, consumers: [], log, accept: gate }
  const common = { ...shared, setAside: refusals }
  const ingest = createIngest(
    mayBeMany(config)
      ? { ...common, bus: ownBus(parts), share: await shareOf(store) }
      : { ...common, bus },
  )
  await ingest.start()
  life.started('ingest', () => ingest.close())
  return ingest
}

/** Judge of the states of devices, and whoever is told what it hears. */
export async function startStatusJudge(
  parts: HearingParts & { teller: EventTeller; gate: Accept },
): Promise<void> {
  const { config, log, life, bus, store, directory, teller, gate } = parts
  const judge = createStatusJudge({
    ...{ bus, site: config.site, store, accept: gate, teller, log },
    devices: deviceLookup(directory),
    history: createStateHistory({ store: store.states, log }),
  })
  await judge.start()
  life.started('judge', () => judge.close())
}

/** Several processes need all three; one alone is spared the second connection. */
function mayBeMany({ mqttUrl, databaseUrl, redisUrl }: Config): boolean {
  return mqttUrl !== null && redisUrl !== null && databaseUrl.startsWith('mysql:')
}

/** What comes by a shared subscription cannot be told from what judge hears on the same connection. */
function ownBus({ config, connect, life }: Base & { connect: Connect }): Bus {
  const root = `pollux/${config.site}`
  const bus = connect({
    username: 'ingest',
    publish: [`${root}/acks/+`],
    subscribe: [`${root}/devices/#`],
  })
  life.started('ingest bus', () => bus.close())
  return bus
}

/**
 * One share for each database: two installations of one site's name on one broker must not take each
 * other's collections. Where two first starts race, each has its own share until the next start: all is
 * written twice, and stored once.
 */
async function shareOf({ settings }: Store): Promise<string> {
  const name = 'ingest.share'
  const known = await settings.get(name)
  if (known !== null) return known
  await settings.put(name, `ingest-${randomBytes(6).toString('hex')}`)
  return (await settings.get(name)) ?? 'ingest'
}

/** Asked for each message: what a config says is worked out once. */
export function deviceLookup(directory: Directory): DeviceLookup {
  const known = new WeakMap<Device, KnownDevice>()
  const knownOf = (device: Device): KnownDevice => {
    const before = known.get(device)
    if (before) return before
    const { id, every, enabled, kind } = device.config
    const made = { id, uid: device.uid, everyMs: parseDuration(every), enabled, kind }
    known.set(device, made)
    return made
  }
  return {
    get(id) {
      const device = directory.get(id)
      return device && knownOf(device)
    },
    all: () => directory.all().map(knownOf),
  }
}
