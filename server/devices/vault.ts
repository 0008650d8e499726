// A device's secrets: plain strings of a document are sealed under `<id>.<field>` and replaced by
// their names; for a poll thread the names are opened again. It never logs or returns them otherwise.

import type { DeviceConfig, SecretRef } from '../model/device.ts'
import type { FieldError } from '../model/errors.ts'
import type { Secrets } from '../secrets.ts'
import type { SecretStore } from '../store/contract.ts'

export interface Vault {
  /** What the config would be with its secrets named; `sealed` is to be stored with it. */
  name(config: DeviceConfig): { config: DeviceConfig; sealed: Map<string, string> }
  /** Whether the store holds these very texts already, so that keeping them changes nothing. */
  holds(sealed: ReadonlyMap<string, string>): Promise<boolean>
  /** A named secret that neither exists nor is about to be kept is an error beside its field. */
  missing(config: DeviceConfig, sealed: ReadonlyMap<string, string>): Promise<FieldError[]>
  /**
   * Before a device is made: secrets that somebody keeps under `<id>.<field>` already would be its own,
   * to be written over and forgotten with it. Whoever means just these names them in the config.
   */
  foreign(config: DeviceConfig, sealed: ReadonlyMap<string, string>): Promise<FieldError[]>
  /** Secrets typed for a stored device that somebody keeps already, though `before` did not name them. */
  taken(
    config: DeviceConfig,
    before: DeviceConfig,
    sealed: ReadonlyMap<string, string>,
  ): Promise<{ path: string; name: string }[]>
  /** Secret name → text, for every secret of the config, plain ones included as `<id>.<field>`. */
  open(config: DeviceConfig): Promise<Record<string, string>>
  /** Names of the stored secrets that belong to the device alone. */
  own(id: string): Promise<string[]>
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

/** The secrets that a config names. */
export function secretNames(config: DeviceConfig): string[] {
  return places(config).flatMap(({ value }) => (typeof value === 'string' ? [] : [value.secret]))
}

/** A name that `name` above would give. */
export function isOwn(id: string, name: string): boolean {
  return (
    name.startsWith(`${id}.`) &&
    /^(community|auth|priv|tls\.(ca|cert|key)|ssh\.key)$/.test(name.slice(id.length + 1))
  )
}

export function createVault(store: SecretStore, secrets: Secrets): Vault {
  const own = async (id: string) => {
    const stored = await store.list(`${id}.`)
    return stored.map(({ name }) => name).filter(name => isOwn(id, name))
  }
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

    async foreign(config, sealed) {
      const named = places(config).flatMap(({ value }) =>
        typeof value !== 'string' && !sealed.has(value.secret) ? [value.secret] : [],
      )
      const taken = (await own(config.id)).find(name => !named.includes(name))
      if (taken === undefined) return []
      return [{ path: 'id', message: `would take over the secret "${taken}": choose another id` }]
    },

    async taken(config, before, sealed) {
      const known = new Set(secretNames(before))
      const found: { path: string; name: string }[] = []
      for (const { path, value } of places(config)) {
        if (typeof value === 'string' || !sealed.has(value.secret) || known.has(value.secret))
          continue
        if ((await store.get(value.secret)) !== null) found.push({ path, name: value.secret })
      }
      return found
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

    own,
  }
}
