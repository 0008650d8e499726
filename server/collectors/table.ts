// All collectors by the kind of device that they read: adding a protocol is one line here.

import type { DeviceKind } from '../model/device.ts'
import { onlyChecks, withChecks } from './beside.ts'
import type { Collector } from './collector.ts'
import { loadedLater } from './loaded-later.ts'
import { snmpCollector } from './snmp.ts'

const check = loadedLater('check', async () => (await import('./check.ts')).checkCollector)
const docker = loadedLater('docker', async () => (await import('./docker.ts')).dockerCollector)

export const collectors: Record<DeviceKind, Collector> = {
  snmp: withChecks(snmpCollector, check),
  docker: withChecks(docker, check),
  agent: withChecks(onlyChecks('agent'), check),
  mqtt: withChecks(onlyChecks('mqtt'), check),
  check,
}
