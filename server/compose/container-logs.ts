// The way from a page to the log of a container: the engine's address and TLS texts as its device
// has them, and the entry in the audit log.

import { addressPolicy } from '../addresses.ts'
import type { Audit } from '../audit.ts'
import { engineOptions } from '../collectors/docker.ts'
import type { Config } from '../config.ts'
import type { Vault } from '../devices/vault.ts'
import { openLog } from '../docker/logs.ts'
import type { ContainerLogs } from '../web/container-log.ts'

export function containerLogs(config: Config, vault: Vault, audit: Audit): ContainerLogs {
  const addresses = addressPolicy(config.allowNetworks)
  return {
    async open(device, asked) {
      const secrets = await vault.open(device.config)
      return openLog(engineOptions({ config: device.config, secrets }, { addresses }), asked)
    },
    record: (by, device, container) =>
      audit.record(by, 'container.log', `device:${device}`, { after: { container } }),
  }
}
