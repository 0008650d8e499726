// The sending end of the sample path: the pollers and the agent of this machine, each with a user on
// the broker and a spool of its own.

import path from 'node:path'
import type { Bus, Sender } from '../bus/contract.ts'
import { createSender, type SpoolingSender } from '../bus/sender.ts'
import {
  ALL_NODES,
  commandTopic,
  eventTopic,
  receiptTopic,
  rowsTopic,
  sampleTopic,
} from '../bus/topics.ts'
import type { Target } from '../collectors/collector.ts'
import type { Directory } from '../devices/directory.ts'
import type { Vault } from '../devices/vault.ts'
import type { Logger } from '../log.ts'
import { hasChecksBeside } from '../model/beside.ts'
import { Command, type Receipt } from '../model/collection.ts'
import type { DeviceConfig } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { Poller, PollerOptions } from '../poll/contract.ts'
import { createPoller } from '../poll/poller.ts'
import type { Store } from '../store/contract.ts'
import { checker, parseJson } from '../validate.ts'
import type { Base, Connect } from './base.ts'
import type { Catalogues } from './catalogues.ts'
import { obey } from './devices.ts'
import { THIS_MACHINE } from './first-start.ts'
import { superviseLocalAgent } from './local-agent.ts'
import { createTuningKeeper } from './tuning.ts'

const checkCommand = checker(Command)

interface PollParts extends Base {
  connect: Connect
  directory: Directory
  store: Pick<Store, 'devices'>
  vault: Vault
  catalogues: Catalogues
}

export async function startPolling(
  parts: PollParts,
): Promise<{ poller: Poller; sender: SpoolingSender }> {
  const { config, log, life, connect, directory, store, vault, catalogues } = parts
  const { site } = config
  const bus = connect({
    username: 'poller',
    publish: [
      `pollux/${site}/devices/+/samples/+`,
      `pollux/${site}/devices/+/rows/+`,
      `pollux/${site}/devices/+/events`,
      `pollux/${site}/receipts/+`,
    ],
    subscribe: [`pollux/${site}/acks/+`, `pollux/${site}/commands/+`],
  })
  life.started('poll bus', () => bus.close())
  const sender = await createSender({
    bus,
    site,
    dir: path.join(config.dataDir, 'spool', 'poll'),
    order: config.spoolOrder,
    log,
  })
  life.started('poll spool', () => sender.close())
  const onReceipt = receiptPublisher(bus, site, log)
  const tunings = createTuningKeeper({ store: store.devices, directory, log })
  life.started('tunings', () => tunings.close())
  const poller = createPoller({
    node: sender.src,
    targets: async () => {
      await directory.refresh()
      return openTargets(directory, vault, onReceipt)
    },
    catalogue: catalogues.watch.catalogue,
    networks: config.allowNetworks,
    snmpTransport: config.snmpTransport,
    onCollection: spoolCollections(sender, site),
    onReceipt,
    onTuning: tunings.keep,
    log,
  })
  await poller.start()
  life.started('poller', () => poller.close())
  catalogues.onChange(catalogue => poller.setCatalogue(catalogue))
  await bus.subscribe(commandTopic(site, ALL_NODES), async ({ payload }) => {
    const checked = checkCommand(parseJson(payload))
    if (checked.ok) await obey(poller, checked.value)
  })
  // What changed while no command could be heard, at the start or behind a cut, is in the store.
  bus.onState(connected => {
    if (!connected) return
    poller.reload().catch((error: unknown) => {
      log.warn({ cause: messageOf(error) }, 'devices were not re-read after the broker came back')
    })
  })
  return { poller, sender }
}

/** What a poller gives goes to the spool, under its topic. */
export function spoolCollections(sender: Sender, site: string): PollerOptions['onCollection'] {
  const topicOf = {
    samples: (device: string, group: string) => sampleTopic(site, device, group),
    rows: (device: string, group: string) => rowsTopic(site, device, group),
    inventory: (device: string, group: string) => rowsTopic(site, device, group),
    events: (device: string) => eventTopic(site, device),
  }
  return ({ device, group, channel }, body) => {
    sender.send(topicOf[channel](device, group), body, { retain: channel === 'rows' })
  }
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

/** Agents and senders on MQTT send by themselves: here only their checks are read. */
const isPolled = (config: DeviceConfig): boolean =>
  hasChecksBeside(config) || (config.kind !== 'agent' && config.kind !== 'mqtt')

/**
 * Targets of every device that a collector reads; one whose secret does not open says so. A paused
 * one is among them, without its secrets: the poller tells it from a deleted one.
 */
async function openTargets(
  directory: Directory,
  vault: Vault,
  onReceipt: PublishReceipt,
): Promise<Target[]> {
  const targets: Target[] = []
  for (const { config, version, identity, tuning } of directory.all()) {
    if (!isPolled(config)) continue
    try {
      const secrets = config.enabled ? await vault.open(config) : {}
      targets.push({ config, version, identity, tuning, secrets })
    } catch (error) {
      onReceipt(config.id, { stage: 'failed', at: Date.now(), version, error: messageOf(error) })
    }
  }
  return targets
}

export async function startLocalAgent(
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
    order: config.spoolOrder,
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
