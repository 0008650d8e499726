// The search for devices. It asks as "Test" does, but a silent address is left at that: most of a
// range is silent, and a ping for each would start thousands of processes.

import { addressPolicy } from '../addresses.ts'
import type { Audit } from '../audit.ts'
import { createSnmpCollector } from '../collectors/snmp.ts'
import type { Devices } from '../devices/contract.ts'
import type { Directory } from '../devices/directory.ts'
import { createDiscovery, type Discovery } from '../devices/discovery.ts'
import type { Vault } from '../devices/vault.ts'
import type { Base } from './base.ts'
import type { Catalogues } from './catalogues.ts'

export interface DiscoveryParts {
  devices: Devices
  directory: Directory
  vault: Vault
  audit: Audit
  catalogues: Catalogues
}

export function startDiscovery(
  { config, life }: Base,
  { catalogues, ...parts }: DiscoveryParts,
): Discovery {
  const addresses = addressPolicy(config.allowNetworks)
  const collector = createSnmpCollector(async () => 'unknown')
  const discovery = createDiscovery({
    ...parts,
    addresses,
    check: (target, signal) =>
      collector.check(target, { catalogue: catalogues.watch.catalogue, addresses }, signal),
  })
  life.started('discovery', () => discovery.close())
  return discovery
}
