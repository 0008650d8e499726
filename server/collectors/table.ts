// All collectors by the kind of device that they read: adding a protocol is one line here.

import type { Collector } from './collector.ts'
import { loadedLater } from './loaded-later.ts'
import { snmpCollector } from './snmp.ts'

export const collectors: Record<'snmp' | 'docker' | 'check', Collector> = {
  snmp: snmpCollector,
  docker: loadedLater('docker', async () => (await import('./docker.ts')).dockerCollector),
  check: loadedLater('check', async () => (await import('./check.ts')).checkCollector),
}
