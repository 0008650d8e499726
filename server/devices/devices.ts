// The commands behind the device form, the API and the files: check, seal, store, audit, announce.
// Polling follows by itself: a change is announced, and whoever polls re-reads the store.

import { isDeepStrictEqual } from 'node:util'
import type { Audit } from '../audit.ts'
import type { CheckReport, Target } from '../collectors/collector.ts'
import type { Command } from '../model/collection.ts'
import type { Device, DeviceConfig } from '../model/device.ts'
import { AppError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import type { DeviceStore } from '../store/contract.ts'
import type { Devices } from './contract.ts'
import { secretsAstray, takeovers } from './custody.ts'
import type { Directory } from './directory.ts'
import { deviceConfig, invalid } from './document.ts'
import type { News } from './news.ts'
import { isOwn, secretNames, type Vault } from './vault.ts'

export interface DevicesOptions {
  store: DeviceStore
  directory: Directory
  vault: Vault
  news: News
  audit: Audit
  /** Tells the pollers, here and elsewhere. */
  announce: (command: Command) => Promise<void>
  /** One quick look at a device by its collector; the address policy holds there too. */
  check: (target: Target, signal: AbortSignal) => Promise<CheckReport>
  now?: () => number
}

export function createDevices(options: DevicesOptions): Devices {
  const { store, directory, vault, news, audit, announce, check, now = Date.now } = options

  const known = async (id: string): Promise<Device> => {
    const device = await store.get(id)
    if (device) return device
    throw new AppError('E_DEVICE_UNKNOWN', `there is no device "${id}"`, {
      hint: 'it may have been deleted: look at the list of devices',
    })
  }
  const editable = async (id: string, by: Actor): Promise<Device> => {
    const device = await known(id)
    if (device.source === 'file' && by !== FILES_ACTOR) throw fromFile(id)
    return device
  }
  const prepare = async (document: unknown, by: Actor) => {
    const plain = deviceConfig(document)
    const named = vault.name(plain)
    const before = (await store.get(plain.id))?.config ?? null
    const astray = secretsAstray(named.config, before, named.sealed, by)
    if (astray.length > 0) throw invalid(astray)
    const missing = await vault.missing(named.config, named.sealed)
    if (missing.length > 0) throw invalid(missing)
    return { ...named, plain }
  }
  const assertFree = async (config: DeviceConfig, sealed: ReadonlyMap<string, string>) => {
    const foreign = await vault.foreign(config, sealed)
    if (foreign.length > 0) throw invalid(foreign)
  }
  const isUsedElsewhere = (id: string) => (name: string) =>
    directory.all().some(({ config }) => config.id !== id && secretNames(config).includes(name))
  const assertOwn = async (
    config: DeviceConfig,
    before: DeviceConfig,
    sealed: ReadonlyMap<string, string>,
    by: Actor,
  ) => {
    const taken = await vault.taken(config, before, sealed)
    const errors = takeovers(taken, isUsedElsewhere(config.id), by)
    if (errors.length > 0) throw invalid(errors)
  }
  /** Its own secrets that the config does not name any more, nor any other device. */
  const letGo = (config: DeviceConfig, before: DeviceConfig): string[] => {
    const kept = new Set(secretNames(config))
    const isElsewhere = isUsedElsewhere(config.id)
    return secretNames(before).filter(
      name => isOwn(config.id, name) && !kept.has(name) && !isElsewhere(name),
    )
  }
  const changed = async (device: Device) => {
    await directory.refresh()
    news.add(device.config.id, { stage: 'accepted', at: now(), version: device.version })
    await announce({ do: 'config-changed', device: device.config.id })
  }

  return {
    list: async () => directory.all(),
    get: id => store.get(id),

    async create(document, by, source) {
      const { config, sealed } = await prepare(document, by)
      if (await store.get(config.id)) throw exists(config.id)
      await assertFree(config, sealed)
      const device = await store.create(config, source, now(), sealed)
      news.forget(config.id)
      await changed(device)
      await audit.record(by, 'device.create', `device:${config.id}`, { after: config })
      return device
    },

    async update(id, document, expectedVersion, by) {
      const before = await editable(id, by)
      const { config, sealed } = await prepare(document, by)
      if (config.id !== id)
        throw invalid([{ path: 'id', message: 'never changes: add a new device instead' }])
      if (config.kind !== before.config.kind)
        throw invalid([{ path: 'kind', message: 'never changes: add a new device instead' }])
      if (isDeepStrictEqual(config, before.config) && (await vault.holds(sealed))) return before
      await assertOwn(config, before.config, sealed, by)
      const forgotten = letGo(config, before.config)
      const device = await store.update(config, expectedVersion, now(), sealed, forgotten)
      await changed(device)
      await audit.record(by, 'device.update', `device:${id}`, {
        before: before.config,
        after: config,
      })
      return device
    },

    async remove(id, { history }, by) {
      const before = await editable(id, by)
      await store.remove(id, { history, at: now(), secrets: await vault.own(id) })
      news.forget(id)
      await directory.refresh()
      await announce({ do: 'config-changed', device: id })
      await audit.record(by, 'device.remove', `device:${id}`, {
        before: before.config,
        after: { history },
      })
    },

    async preview(document, by) {
      const { config, sealed } = await prepare(document, by)
      const stored = await store.get(config.id)
      if (!stored) await assertFree(config, sealed)
      if (stored?.source === 'file') throw fromFile(config.id)
      if (stored && stored.config.kind !== config.kind)
        throw invalid([{ path: 'kind', message: 'never changes: add a new device instead' }])
      if (stored) await assertOwn(config, stored.config, sealed, by)
      return { config, hasNewSecret: !(await vault.holds(sealed)) }
    },

    async check(document, by, signal) {
      const { plain } = await prepare(document, by)
      const secrets = await vault.open(plain)
      return check({ config: plain, version: 0, secrets, identity: null }, signal)
    },

    async watch(id, everyMs, forMs, by) {
      assertPolled(await known(id))
      if (by) await audit.record(by, 'device.watch', `device:${id}`)
      await announce({ do: 'watch', device: id, everyMs, forMs })
    },

    async pollNow(id, by) {
      assertPolled(await known(id))
      await audit.record(by, 'device.poll', `device:${id}`)
      await announce({ do: 'poll-now', device: id })
    },

    receipts: id => news.receipts(id),
    status: id => pausedStatus(directory.get(id)) ?? news.status(id),
    onChange: listener => news.onChange(listener),
  }
}

/** Who the watcher of the devices folder is: this very object, since a person may have any name. */
export const FILES_ACTOR: Actor = { name: 'files', address: '' }

function assertPolled({ config: { id, enabled, kind } }: Device): void {
  if (enabled && kind !== 'agent' && kind !== 'mqtt') return
  throw new AppError('E_NOT_POLLED', `"${id}" is not polled`, {
    hint: enabled ? 'it sends by itself' : 'it is paused: resume it first',
  })
}

export function exists(id: string): AppError {
  return new AppError('E_DEVICE_EXISTS', `there is already a device "${id}"`, {
    errors: [{ path: 'id', message: 'is taken by another device' }],
    hint: 'choose another id, or edit that device',
  })
}

function fromFile(id: string): AppError {
  return new AppError('E_DEVICE_FROM_FILE', `"${id}" comes from a file`, {
    hint: 'change its file in the devices folder instead',
  })
}

/** A pause is known the moment it is saved; judge's word comes a little later. */
function pausedStatus(device: Device | undefined) {
  if (!device || device.config.enabled) return null
  return { state: 'paused' as const, since: device.updatedAt, reason: null }
}
