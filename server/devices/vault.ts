// A device's secrets: plain strings of a document are sealed under `<id>.<field>` and replaced by
// their names; for a poll thread the names are opened again. It never logs or returns them otherwise.

import type { DeviceConfig, SecretRef } from '../model/device.ts'
import type { FieldError } from '../model/errors.ts'
import type { Secrets } from '../secrets.ts'
import type { SecretStore } from '../store/contract.ts'

export interface Vault {
  /** What the config would be with its secrets named; `sealed` is to be stored with it. */
  name(config: DeviceConfig): { config: DeviceConfig; sealed: Map<string, string> }
  keep(sealed: ReadonlyMap<string, string>, at: number): Promise<void>
  /** Whether the store holds these very texts already, so that keeping them changes nothing. */
  holds(sealed: ReadonlyMap<string, string>): Promise<boolean>
  /** A named secret that neither exists nor is about to be kept is an error beside its field. */
  missing(config: DeviceConfig, sealed: ReadonlyMap<string, string>): Promise<FieldError[]>
  /** Secret name → text, for every secret of the config, plain ones included as `<id>.<field>`. */
  open(config: DeviceConfig): Promise<Record<string, string>>
  /** Forgets the secrets that belong to the device alone. */
  forget(id: string): Promise<void>
}

/** A place in a config that holds a secret: its field name, path, and how to read and replace it. */
interface Place {
  field: string
  path: string
  value: string | SecretRef
  replace: (ref: SecretRef) => void
}

function places(config: DeviceConfig): Place[] {
  const found: Place[] = []
  const credentials = config.credentials
  if (credentials && credentials.version !== '3') {
    found.push({
      field: 'community',
      path: 'credentials.community',
      value: credentials.community,
      replace: ref => {
        credentials.community = ref
      },
    })
  }
  if (credentials && credentials.version === '3') {
    for (const part of ['auth', 'priv'] as const) {
      const keyed = credentials[part]
      if (!keyed) continue
      found.push({
        field: part,
        path: `credentials.${part}.key`,
        value: keyed.key,
        replace: ref => {
          keyed.key = ref
        },
      })
    }
  }
  const { tls, ssh } = config
  if (ssh) {
    found.push({
      field: 'ssh.key',
      path: 'ssh.key',
      value: ssh.key,
      replace: ref => {
        ssh.key = ref
      },
    })
  }
  for (const part of ['ca', 'cert', 'key'] as const) {
    const value = tls?.[part]
    if (tls && value !== undefined) {
      found.push({
        field: `tls.${part}`,
        path: `tls.${part}`,
        value,
        replace: ref => {
          tls[part] = ref
        },
      })
    }
  }
  return found
}

/** Paths of the secrets that the config only names: all but those that were typed with it. */
export function storedSecrets(config: DeviceConfig, sealed: ReadonlyMap<string, string>): string[] {
  return places(config)
    .filter(({ value }) => typeof value !== 'string' && !sealed.has(value.secret))
    .map(({ path }) => path)
}

export function createVault(store: SecretStore, secrets: Secrets): Vault {
  return {
    name(config) {
      const named = structuredClone(config)
      const sealed = new Map<string, string>()
      for (const place of places(named)) {
        if (typeof place.value !== 'string') continue
        const name = `${config.id}.${place.field}`
        sealed.set(name, secrets.seal(name, place.value))
        place.replace({ secret: name })
      }
      return { config: named, sealed }
    },

    async keep(sealed, at) {
      for (const [name, text] of sealed) await store.put(name, text, at)
    },

    async holds(sealed) {
      for (const [name, text] of sealed) {
        const stored = await store.get(name)
        if (stored === null || secrets.open(name, stored) !== secrets.open(name, text)) return false
      }
      return true
    },

    async missing(config, sealed) {
      const errors: FieldError[] = []
      for (const { path, value } of places(config)) {
        if (typeof value === 'string' || sealed.has(value.secret)) continue
        if ((await store.get(value.secret)) === null) {
          errors.push({ path, message: `there is no secret named "${value.secret}"` })
        }
      }
      return errors
    },

    async open(config) {
      const opened: Record<string, string> = {}
      for (const { field, value } of places(config)) {
        if (typeof value === 'string') {
          opened[`${config.id}.${field}`] = value
          continue
        }
        const sealed = await store.get(value.secret)
        if (sealed !== null) opened[value.secret] = secrets.open(value.secret, sealed)
      }
      return opened
    },

    async forget(id) {
      for (const { name } of await store.list()) {
        if (
          name.startsWith(`${id}.`) &&
          /^(community|auth|priv|tls\.(ca|cert|key)|ssh\.key)$/.test(name.slice(id.length + 1))
        ) {
          await store.remove(name)
        }
      }
    },
  }
}
