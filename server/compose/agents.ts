// Agents on other hosts: their enrolment with what it needs of the rest, and the broker's address as
// they reach it.

import { createEnrolment } from '../agents/enrolment.ts'
import type { Audit } from '../audit.ts'
import type { Accounts } from '../bus/accounts.ts'
import { type Config, isLoopback } from '../config.ts'
import type { Devices } from '../devices/contract.ts'
import type { Directory } from '../devices/directory.ts'
import { AppError } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'
import type { WebAgents } from '../web/context.ts'
import { agentIdentity } from './agent-identity.ts'
import type { Base } from './base.ts'
import type { Catalogues } from './catalogues.ts'

interface AgentParts extends Base {
  store: Store
  accounts: Accounts
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
    async identify({ uid, config: device }, facts) {
      const identity = await agentIdentity(device, catalogues.watch.catalogue, facts)
      await store.devices.setIdentity(uid, identity)
      await directory.refresh()
    },
  })
  let last = Promise.resolve()
  const unfollow = directory.onRefresh(() => {
    last = last
      .then(() => enrolment.revokeGone(one => directory.get(one.deviceId)?.uid === one.deviceUid))
      .catch(error => log.error({ err: error }, 'agents of deleted devices were not revoked'))
  })
  life.started('agents', () => {
    unfollow()
    return last
  })
  return {
    enrolment,
    mqttUrl: (host, isHere) => mqttUrl(config, parts.brokerPort, host, isHere),
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
