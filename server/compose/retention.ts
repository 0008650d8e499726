// Says the store which class of retention each group of each device belongs to: what its config says,
// else what its profiles say. Asked for each collection, so it is worked out once for each device.

import type { Directory } from '../devices/directory.ts'
import { shownProfiles } from '../model/beside.ts'
import type { Device } from '../model/device.ts'
import type { RetentionClass, RetentionPolicy } from '../model/retention.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { chosenGroups } from '../profiles/profileset.ts'

/** Sets of profiles that are remembered; a fleet uses few. */
const setsMax = 500

type ClassOf = (group: string) => RetentionClass | null

export function retentionPolicy(
  directory: Pick<Directory, 'all' | 'onRefresh'>,
  catalogue: () => Catalogue,
): RetentionPolicy {
  let version = ''
  let devices: Map<number, ClassOf> | null = null
  const sets = new Map<string, ClassOf>()
  directory.onRefresh(() => {
    devices = null
  })

  const ofProfiles = (current: Catalogue, ids: readonly string[]): ClassOf => {
    const key = ids.join(' ')
    const known = sets.get(key) ?? classesOf(current, ids)
    if (sets.size >= setsMax) sets.clear()
    sets.set(key, known)
    return known
  }
  const ofDevice = (current: Catalogue, { config, identity }: Device): ClassOf => {
    const { retention } = config
    if (retention !== undefined) return () => retention
    const profiles = shownProfiles(config, identity?.profiles ?? [])
    return profiles.length === 0 ? () => null : ofProfiles(current, profiles)
  }
  return (deviceUid, group) => {
    const current = catalogue()
    if (current.version !== version) {
      version = current.version
      sets.clear()
      devices = null
    }
    devices ??= new Map(directory.all().map(device => [device.uid, ofDevice(current, device)]))
    return devices.get(deviceUid)?.(group) ?? null
  }
}

/** A profile that is broken or gone may have said something: then nobody knows. */
function classesOf({ profiles }: Catalogue, ids: readonly string[]): ClassOf {
  const found = ids.flatMap(id => profiles.get(id) ?? [])
  if (found.length < ids.length) return () => null
  const groups = new Map(chosenGroups(found).map(group => [group.id, group.retention]))
  return group => groups.get(group) ?? 'default'
}
