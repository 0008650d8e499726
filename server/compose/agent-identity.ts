// What the page of a host tells of it: the profiles that fit, and what the host said of itself.

import { CONTAINERS_PROFILE } from '../model/agent.ts'
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

/** With the containers that its agent reads; null: it has them, or its config wants none. */
export function withContainers(
  identity: DeviceIdentity,
  config: DeviceConfig,
  catalogue: Catalogue,
): DeviceIdentity | null {
  const { profiles, chosenBecause } = identity
  const isUnwanted = config.profiles.includes(`-${CONTAINERS_PROFILE}`)
  if (isUnwanted || profiles.includes(CONTAINERS_PROFILE)) return null
  if (!catalogue.profiles.has(CONTAINERS_PROFILE)) return null
  const because = `${CONTAINERS_PROFILE}: its agent reads the Docker engine of the host`
  return {
    ...identity,
    profiles: [...profiles, CONTAINERS_PROFILE],
    chosenBecause: [...chosenBecause, because],
  }
}
