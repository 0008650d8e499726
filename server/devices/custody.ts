// A stored secret stays where it was typed for: who may not write secrets cannot send one to another
// address, nor name that of another device. Such a change asks for the secret to be typed again. Nor is
// a secret written over that belongs to something else.

import { isDeepStrictEqual } from 'node:util'
import type { DeviceConfig } from '../model/device.ts'
import type { FieldError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import { storedSecrets } from './vault.ts'

/** Where a device's secrets go to, and how they are used there. */
function destination({ kind, address, port, credentials, tls, ssh }: DeviceConfig) {
  return { kind, address, port, credentials, tls, ssh }
}

/**
 * What must be typed again before `config` may be used, beside its fields; empty: it may be.
 * @param before the stored config of the same device; null: there is none
 * @param sealed the secrets that were typed with `config`, by name
 */
export function secretsAstray(
  config: DeviceConfig,
  before: DeviceConfig | null,
  sealed: ReadonlyMap<string, string>,
  by: Actor,
): FieldError[] {
  if (by.movesSecrets !== false) return []
  if (before && isDeepStrictEqual(destination(config), destination(before))) return []
  return storedSecrets(config, sealed).map(path => ({
    path,
    message: before
      ? 'must be typed again, as it would go to another place than the stored one was for'
      : 'must be typed: your role may not use a secret that is stored already',
  }))
}

/**
 * Secrets typed for a stored device whose names are somebody else's: that of another device, or one that
 * was stored by hand, which only who may write secrets writes over. Empty: none.
 * @param taken typed, though the name is kept already and was not this device's
 */
export function takeovers(
  taken: readonly { path: string; name: string }[],
  isUsedElsewhere: (name: string) => boolean,
  by: Actor,
): FieldError[] {
  return taken.flatMap(({ path, name }) => {
    if (isUsedElsewhere(name))
      return [{ path, message: `would write over the secret "${name}" of another device` }]
    if (by.movesSecrets !== false) return []
    const message = `would write over the secret "${name}", which is stored already: an administrator may`
    return [{ path, message }]
  })
}
