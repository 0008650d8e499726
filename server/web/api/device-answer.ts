// A device as the API shows it: its config (secrets are names in it, never texts) and beside it what
// Pollux knows. Both lie on one level, so that GET, PUT and PATCH speak of the same document.

import Type from 'typebox'
import type { DeviceStatus } from '../../model/collection.ts'
import type {
  Device,
  DeviceConfig,
  DeviceIdentity,
  DeviceSource,
  DeviceTuning,
} from '../../model/device.ts'
import { AppError } from '../../model/errors.ts'
import type { WebContext } from '../context.ts'
import { closed } from './call.ts'

export const DeviceParams = Type.Object({ id: Type.String() }, closed)

/** What Pollux adds; nobody can write it. */
interface Added {
  /** Counts up with each change of the config; the entity tag. */
  version: number
  source: DeviceSource
  status: DeviceStatus
  identity: DeviceIdentity | null
  /** How it is asked, learned from its answers; what is fixed stands under `tuning`. */
  learned: DeviceTuning | null
  /** Unix ms, as all times. */
  createdAt: number
  updatedAt: number
}

export type DeviceAnswer = DeviceConfig & Added

const ADDED: ReadonlySet<string> = new Set([
  'version',
  'source',
  'status',
  'identity',
  'learned',
  'createdAt',
  'updatedAt',
] satisfies (keyof Added)[])

/** Judge has not spoken of it yet. */
const NOT_JUDGED = { state: 'unknown', reason: null } as const

export function deviceAnswer(web: WebContext, device: Device): DeviceAnswer {
  const { config, version, source, identity, tuning: learned } = device
  const { createdAt, updatedAt } = device
  const { id, name, kind, ...rest } = config
  const status = web.devices.status(id) ?? { ...NOT_JUDGED, since: updatedAt }
  const added = { version, source, status, identity, learned, createdAt, updatedAt }
  return { id, name, kind, ...rest, ...added }
}

/**
 * The config in what a PUT brought: a client may send back what GET had added, and leave out the id.
 * `version`, where it is sent, is what the client believes the device to be at.
 * @throws AppError E_DEVICE_INVALID
 */
export function sentConfig(
  body: unknown,
  { config: { id }, version }: Device,
): { document: unknown; version: number } {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return { document: body, version }
  const believed = 'version' in body ? body.version : version
  if (typeof believed !== 'number' || !Number.isInteger(believed)) {
    throw new AppError('E_DEVICE_INVALID', 'the device is not valid: version must be an integer', {
      errors: [{ path: 'version', message: 'must be an integer, or be left out' }],
    })
  }
  const config = Object.entries(body).filter(([key]) => !ADDED.has(key))
  return { document: { id, ...Object.fromEntries(config) }, version: believed }
}

/** @throws AppError E_DEVICE_UNKNOWN */
export async function knownDevice(web: WebContext, id: string): Promise<Device> {
  const device = await web.devices.get(id)
  if (device) return device
  throw new AppError('E_DEVICE_UNKNOWN', `there is no device "${id}"`, {
    hint: 'GET /api/v1/devices lists them',
  })
}
