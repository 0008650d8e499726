// Who may send traps and lines of syslog: every enabled device with an address, its host name looked
// up, its credentials opened. Read anew when devices change, and from time to time.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { sessionOptions } from '../collectors/snmp-options.ts'
import type { Directory } from '../devices/directory.ts'
import type { Vault } from '../devices/vault.ts'
import type { Logger } from '../log.ts'
import type { Device, DeviceConfig } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { Sender } from '../receive/protocol.ts'
import { plainAddress } from '../receive/senders.ts'

/** Secrets are opened and host names looked up anew after this, ms. */
const keptMs = 5 * 60_000
/** Lookups under way at once: each takes a thread of Node's pool. */
const lookupsMax = 2
/** Host names looked up in one reading: a name server that is slow must not keep new devices away. */
const namesPerReadingMax = 200

interface Known {
  version: number
  until: number
  sender: Sender
}

export interface SenderDirectory {
  /** Resolves when what was to be read has been. */
  refresh(): Promise<void>
  close(): void
}

export function followSenders(parts: {
  directory: Directory
  vault: Vault
  give: (senders: readonly Sender[]) => void
  log: Logger
}): SenderDirectory {
  const { directory, vault, give, log } = parts
  const known = new Map<number, Known>()
  let given: readonly Sender[] = []
  let running: Promise<void> | null = null
  let again = false
  let isClosed = false

  const senderOf = async (device: Device): Promise<Sender> => ({
    device: device.config.id,
    addresses: await addressesOf(device.config, known.get(device.uid)?.sender.addresses ?? []),
    names: namesOf(device),
    credentials: await credentialsOf(device, vault),
  })

  const isFresh = ({ uid, version }: Device): boolean => {
    const before = known.get(uid)
    return before?.version === version && Date.now() < before.until
  }

  const readAll = async (devices: readonly Device[]) => {
    const queue = devices.filter(device => !isFresh(device))
    const work = async () => {
      for (let device = queue.shift(); device && !isClosed; device = queue.shift()) {
        const { uid, version } = device
        const sender = await senderOf(device)
        // Not all at one time.
        const until = Date.now() + keptMs * (1 + Math.random() / 5)
        known.set(uid, { version, until, sender })
      }
    }
    await Promise.all(Array.from({ length: lookupsMax }, work))
  }

  const giveKnown = (devices: readonly Device[]) => {
    const senders = devices.flatMap(({ uid }) => known.get(uid)?.sender ?? [])
    const isSame = senders.length === given.length && senders.every((one, i) => one === given[i])
    given = senders
    if (!isSame && !isClosed) give(senders)
  }

  const read = async () => {
    const devices = directory.all().filter(({ config }) => config.enabled)
    const living = new Set(devices.map(({ uid }) => uid))
    for (const uid of known.keys()) if (!living.has(uid)) known.delete(uid)
    const isNamed = ({ config }: Device) => isIP(hostOf(config) ?? '0.0.0.0') === 0
    await readAll(devices.filter(device => !isNamed(device)))
    giveKnown(devices)
    const named = devices.filter(device => isNamed(device) && !isFresh(device))
    await readAll(named.slice(0, namesPerReadingMax))
    giveKnown(devices)
  }

  const refresh = (): Promise<void> => {
    again = running !== null
    running ??= (async () => {
      do {
        again = false
        await read()
      } while (again && !isClosed)
    })()
      .catch((error: unknown) => {
        log.warn({ cause: messageOf(error) }, 'who may send traps and syslog was not read anew')
      })
      .finally(() => {
        running = null
      })
    return running
  }
  const stop = directory.onRefresh(() => void refresh())
  return {
    refresh,
    close() {
      isClosed = true
      stop()
    },
  }
}

/** The addresses that were known stay where a name cannot be looked up now. */
async function addressesOf(
  config: DeviceConfig,
  before: readonly string[],
): Promise<readonly string[]> {
  const host = hostOf(config)
  if (host === null) return []
  if (isIP(host)) return [plainAddress(host)]
  const found = await lookup(host, { all: true }).catch(() => null)
  return found?.map(({ address }) => plainAddress(address)) ?? before
}

/**
 * An engine's address is a URL; a socket on this machine is no host. A check stands beside the device
 * that it asks: what that one sends is that one's own.
 */
function hostOf({ address = '', kind }: DeviceConfig): string | null {
  if (kind === 'check') return null
  if (kind !== 'docker') return address.replace(/^\[(.*)\]$/, '$1') || null
  if (!URL.canParse(address)) return null
  return new URL(address).hostname.replace(/^\[(.*)\]$/, '$1') || null
}

function namesOf({ config, identity }: Device): string[] {
  const names = [config.id, config.name, config.address, identity?.facts.name]
  return [...new Set(names.flatMap(name => (name ? [name.toLowerCase()] : [])))]
}

/** Null also where a secret is missing: then nothing that it sends can be believed. */
async function credentialsOf({ config, version, identity, tuning }: Device, vault: Vault) {
  if (config.kind !== 'snmp' || !config.credentials) return null
  try {
    const secrets = await vault.open(config)
    return sessionOptions({ config, version, identity, tuning, secrets }, '').credentials
  } catch {
    return null
  }
}
