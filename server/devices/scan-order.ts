// What a person asks of a scan: the ranges and credentials to try, and which of the found to add. Here it
// is checked, and its credentials become targets that can be asked.

import Type, { type Static } from 'typebox'
import type { Target } from '../collectors/collector.ts'
import { DeviceConfig } from '../model/device.ts'
import { AppError } from '../model/errors.ts'
import { checker } from '../validate.ts'
import type { ScanCredentials } from './discovery-view.ts'
import { deviceConfig, invalid } from './document.ts'
import type { Vault } from './vault.ts'

/** Credentials of one scan. */
const credentialsMax = 8
/** Devices that are added at once. */
const addedMax = 200
/** One datagram a question: a lost one is made good by another scan, not by haste. */
const QUESTION = { timeout: '1s', retries: 0, tuning: { timeout: 'fixed' } } as const

export const ScanOrder = Type.Object(
  {
    /** As `192.0.2.0/24 192.0.2.7-20`. */
    ranges: Type.String({ maxLength: 4000 }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    /** As a device's `credentials`: named secrets, or texts that are kept with what is added. */
    credentials: Type.Array(DeviceConfig.properties.credentials, {
      minItems: 1,
      maxItems: credentialsMax,
    }),
  },
  { additionalProperties: false },
)
type ScanOrder = Static<typeof ScanOrder>

export const AddChoice = Type.Object(
  {
    addresses: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: addedMax }),
    every: Type.Optional(DeviceConfig.properties.every),
    location: Type.Optional(DeviceConfig.properties.location),
    tags: Type.Optional(DeviceConfig.properties.tags),
  },
  { additionalProperties: false },
)
export type AddChoice = Static<typeof AddChoice>

const checkOrder = checker(ScanOrder)
const checkChoice = checker(AddChoice)

/** @throws AppError E_DISCOVERY_INVALID */
export function orderOf(order: unknown): ScanOrder {
  const checked = checkOrder(order)
  if (checked.ok) return checked.value
  throw orderInvalid(checked.errors)
}

/** @throws AppError E_DISCOVERY_INVALID */
export function choiceOf(choice: unknown): AddChoice {
  const checked = checkChoice(choice)
  if (checked.ok) return checked.value
  throw orderInvalid(checked.errors)
}

function orderInvalid(errors: AppError['errors']): AppError {
  return new AppError('E_DISCOVERY_INVALID', 'the scan is not valid', {
    errors,
    hint: 'mend the fields named',
  })
}

/**
 * What to ask with, by the place of the credentials.
 * @throws AppError E_DEVICE_INVALID: credentials that lack a key, or name a secret that is not there
 */
export async function targetsOf(
  vault: Vault,
  credentials: readonly ScanCredentials[],
  port: number,
): Promise<Target[]> {
  const targets: Target[] = []
  for (const one of credentials) {
    const config = deviceConfig({
      ...{ id: 'scan', kind: 'snmp', address: '0.0.0.0', port, credentials: one },
      ...QUESTION,
    })
    const named = vault.name(config)
    const missing = await vault.missing(named.config, named.sealed)
    if (missing.length > 0) throw invalid(missing)
    targets.push({ config, version: 0, secrets: await vault.open(config), identity: null })
  }
  return targets
}
