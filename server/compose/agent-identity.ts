// What the page of a host tells of it: the profiles that fit, and what the host said of itself.

import type { DeviceConfig, DeviceIdentity } from '../model/device.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { chooseProfiles } from '../profiles/choose.ts'

export async function agentIdentity(
  config: DeviceConfig,
  catalogue: Catalogue,
  facts: Record<string, string>,
): Promise<DeviceIdentity> {
  const { profiles, because } = await chooseProfiles(catalogue, config.profiles, {
    source: 'agent',
    sysObjectID: '',
    sysDescr: '',
    exists: async () => new Set(),
  })
  return { at: Date.now(), profiles, chosenBecause: because, facts }
}
