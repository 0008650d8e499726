// Agents on other hosts: their enrolment with what it needs of the rest, and the broker's address as
// they reach it.

import { createBrokerAccounts } from '../agents/accounts.ts'
import { createEnrolment, type Enrolment } from '../agents/enrolment.ts'
import { type SettingsTeller, tellSettings } from '../agents/settings.ts'
import type { Audit } from '../audit.ts'
import type { Accounts } from '../bus/accounts.ts'
import type { Bus } from '../bus/contract.ts'
import { receiptTopic } from '../bus/topics.ts'
import { type Config, isLoopback } from '../config.ts'
import type { Devices } from '../devices/contract.ts'
import type { Directory } from '../devices/directory.ts'
import type { Receipt } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'
import type { WebAgents } from '../web/context.ts'
import { agentIdentity, withContainers } from './agent-identity.ts'
import type { Base } from './base.ts'
import type { Catalogues } from './catalogues.ts'

interface AgentParts extends Base {
  store: Store
  accounts: Accounts
  bus: Bus
  audit: Audit
  devices: Devices
  directory: Directory
  catalogues: Catalogues
  /** Where the embedded broker listens; null: there is an outside one. */
  brokerPort: number | null
}

export function startAgents(parts: AgentParts): WebAgents {
  const { config, log, life, store, accounts, audit, devices, directory, catalogues } = parts
  const enrolment = createEnrolment({
    ...{ store: store.enrolment, accounts, audit, site: config.site, log },
    addDevice: (document, by) => devices.create({ ...document, kind: 'agent' }, by, 'api'),
    removeDevice: (id, by) => devices.remove(id, { history: true }, by),
    device: id => devices.get(id),
    async identify({ uid, config: device }, facts, hasContainers) {
      const { catalogue } = catalogues.watch
      const host = await agentIdentity(device, catalogue, facts)
      const identity = (hasContainers && withContainers(host, device, catalogue)) || host
      await store.devices.setIdentity(uid, identity)
      await directory.refresh()
      await tellReceipts(parts, device.id)
    },
  })
  const settings = tellSettings({
    ...{ bus: parts.bus, site: config.site, log },
    agents: () => store.enrolment.agents(),
    device: id => directory.get(id),
  })
  let last = Promise.resolve()
  const unfollow = directory.onRefresh(() => {
    settings.changed()
    last = last
      .then(() => enrolment.revokeGone(one => directory.get(one.deviceId)?.uid === one.deviceUid))
      .catch(error => log.error({ err: error }, 'agents of deleted devices were not revoked'))
  })
  life.started('agents', async () => {
    unfollow()
    await settings.close()
    await last
  })
  const { site } = config
  return {
    enrolment: followedBy(enrolment, settings),
    accounts: createBrokerAccounts({ accounts, enrolment: store.enrolment, audit, site }),
    mqttUrl: (host, isHere) => mqttUrl(config, parts.brokerPort, host, isHere),
  }
}

/** Who is revoked has no settings left on the broker. */
function followedBy(enrolment: Enrolment, settings: SettingsTeller): Enrolment {
  return {
    ...enrolment,
    async revoke(deviceId, by) {
      await enrolment.revoke(deviceId, by)
      settings.changed()
    },
  }
}

/** For the page of the new device: nobody polls it, the agent has what it needs. */
async function tellReceipts(
  { bus, config, directory, log }: AgentParts,
  id: string,
): Promise<void> {
  const device = directory.get(id)
  if (!device) return
  const { version, identity } = device
  const steps: Receipt[] = [
    { stage: 'loaded', at: Date.now(), version },
    { stage: 'identified', at: Date.now(), version, identity },
  ]
  for (const step of steps) {
    await bus.publish(receiptTopic(config.site, id), JSON.stringify(step)).catch(error => {
      log.debug({ device: id, cause: messageOf(error) }, 'a receipt was not sent')
    })
  }
}

/**
 * @param host the name or address by which the asker reached us
 * @throws AppError E_AGENT_BROKER where it cannot reach the broker
 */
function mqttUrl(config: Config, port: number | null, host: string, isHere: boolean): string {
  if (config.agentMqttUrl !== null) return config.agentMqttUrl
  if (config.mqttUrl !== null) {
    const url = new URL(config.mqttUrl)
    return `${url.protocol}//${url.host}`
  }
  if (isLoopback(config.mqttListen.host) && !isHere) {
    throw new AppError('E_AGENT_BROKER', `the broker listens on ${config.mqttListen.host} alone`, {
      hint: 'start Pollux with POLLUX_MQTT_LISTEN=0.0.0.0:1883, or name the broker that agents reach in POLLUX_AGENT_MQTT_URL',
    })
  }
  return `mqtt://${host}:${port}`
}
