// The device service with what it needs from the rest: identities kept, commands announced, "Test".

import { addressPolicy } from '../addresses.ts'
import type { Bus } from '../bus/contract.ts'
import { ALL_NODES, commandTopic } from '../bus/topics.ts'
import type { Target } from '../collectors/collector.ts'
import { collectors } from '../collectors/table.ts'
import type { Config } from '../config.ts'
import type { Devices } from '../devices/contract.ts'
import type { Directory } from '../devices/directory.ts'
import { type DeviceFiles, watchDeviceFiles } from '../devices/files.ts'
import { Command } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Poller } from '../poll/contract.ts'
import type { Store } from '../store/contract.ts'
import { checker, parseJson } from '../validate.ts'
import type { Base } from './base.ts'
import type { Catalogues } from './catalogues.ts'

const checkCommand = checker(Command)

/** The poller that named a device also tells what it is: kept, so that pages and restarts know. */
export function identityKeeper(store: Store, directory: Directory) {
  return async (id: string, identity: Parameters<Store['devices']['setIdentity']>[1]) => {
    const device = directory.get(id)
    if (!device) return
    await store.devices.setIdentity(device.uid, identity)
    await directory.refresh()
  }
}

export function checkOf(config: Config, catalogues: Catalogues) {
  const addresses = addressPolicy(config.allowNetworks)
  return async (target: Target, signal: AbortSignal) => {
    const { kind } = target.config
    if (kind === 'snmp' || kind === 'docker' || kind === 'check') {
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

/** A change reaches every process by MQTT, and our poller even while the broker is away. */
export function announcer(parts: Base & { bus: Bus; poller: Poller | null }) {
  const { config, log, bus, poller } = parts
  return async (command: Command): Promise<void> => {
    try {
      await bus.publish(commandTopic(config.site, ALL_NODES), JSON.stringify(command))
    } catch (error) {
      log.warn(
        { cause: messageOf(error) },
        'a command goes to this process alone: the broker is away',
      )
      if (poller) await obey(poller, command)
    }
  }
}

/** A process without a poller re-reads the devices at once when another one changed them. */
export async function followChanges(
  { config, life, log }: Base,
  { bus, directory }: { bus: Bus; directory: Directory },
): Promise<void> {
  const stop = await bus.subscribe(commandTopic(config.site, ALL_NODES), async ({ payload }) => {
    const checked = checkCommand(parseJson(payload))
    if (!checked.ok || checked.value.do !== 'config-changed') return
    await directory.refresh().catch((error: unknown) => {
      log.warn({ cause: messageOf(error) }, 'devices were not re-read after a change')
    })
  })
  life.started('changes of devices', stop)
}

export async function obey(poller: Poller, command: Command): Promise<void> {
  const { device, everyMs, forMs } = command
  if (command.do === 'config-changed') await poller.reload()
  else if (device === undefined) return
  else if (command.do === 'poll-now') poller.pollNow(device)
  else if (everyMs !== undefined && forMs !== undefined) poller.watch(device, everyMs, forMs)
}

export async function startDeviceFiles(
  { config, log, life }: Base,
  devices: Devices,
): Promise<DeviceFiles | null> {
  if (config.devicesDir === null) return null
  const files = await watchDeviceFiles({ dir: config.devicesDir, devices, log })
  life.started('device files', () => files.close())
  return files
}
