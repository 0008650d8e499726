// One change of many devices, one after the other: what cannot be done for one is said, and the
// others go on.

import type { Device, DeviceConfig } from '../model/device.ts'
import { AppError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import type { Devices } from './contract.ts'

/** Devices of one change. */
export const bulkDevicesMax = 200

export type BulkChange =
  | { do: 'pause' }
  | { do: 'resume' }
  | { do: 'poll' }
  | { do: 'tag'; tag: string }
  | { do: 'untag'; tag: string }
  | { do: 'every'; every: string }
  | { do: 'delete'; history: boolean }

export interface BulkResult {
  id: string
  name: string
  /** null: done, or as wanted before. */
  problem: string | null
}

/** @throws AppError E_BULK for too many at once; a fault of ours or of the database as it is */
export async function changeMany(
  devices: Devices,
  ids: readonly string[],
  change: BulkChange,
  by: Actor,
): Promise<BulkResult[]> {
  if (ids.length > bulkDevicesMax) {
    throw new AppError('E_BULK', `more than ${bulkDevicesMax} devices at once`, {
      hint: 'choose fewer',
    })
  }
  const results: BulkResult[] = []
  for (const id of new Set(ids)) {
    const device = await devices.get(id)
    const name = device?.config.name ?? id
    try {
      if (!device) throw new AppError('E_DEVICE_UNKNOWN', 'there is no such device any more')
      await changeOne(devices, device, change, by)
      results.push({ id, name, problem: null })
    } catch (error) {
      if (!(error instanceof AppError) || error.passing) throw error
      results.push({ id, name, problem: problemOf(error) })
    }
  }
  return results
}

async function changeOne(
  devices: Devices,
  { config, version }: Device,
  change: BulkChange,
  by: Actor,
): Promise<void> {
  if (change.do === 'delete') return devices.remove(config.id, { history: change.history }, by)
  if (change.do === 'poll') return devices.pollNow(config.id, by)
  await devices.update(config.id, changed(config, change), version, by)
}

function changed(
  config: DeviceConfig,
  change: Exclude<BulkChange, { do: 'delete' } | { do: 'poll' }>,
): DeviceConfig {
  const others = (config.tags ?? []).filter(tag => !('tag' in change) || tag !== change.tag)
  switch (change.do) {
    case 'pause':
      return { ...config, enabled: false }
    case 'resume':
      return { ...config, enabled: true }
    case 'every':
      return { ...config, every: change.every }
    case 'tag':
      return { ...config, tags: [...others, change.tag] }
    case 'untag':
      return { ...config, tags: others }
  }
}

function problemOf(error: AppError): string {
  const [first] = error.errors
  return first
    ? `${first.path} ${first.message}`
    : [error.message, error.hint].filter(Boolean).join(': ')
}
