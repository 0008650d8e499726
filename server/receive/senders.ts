// Who sent: devices by the address that a datagram came from, or by what a relay says of it. Pure.

import { BlockList, isIP } from 'node:net'
import { type NotificationUser, notificationUser } from '../snmp/notification-usm.ts'
import type { EngineClocks, KeptClock, Moment } from './engine-clocks.ts'
import type { Sender } from './protocol.ts'

/** Numbers of informs that are remembered of a device: one that comes again is the same. */
const informsMax = 16

export interface KnownSender extends Sender {
  /** Of v3 alone, with the engines that were learned. */
  user: NotificationUser | null
  informs: string[]
}

export interface Senders {
  set(senders: readonly Sender[]): void
  byAddress(address: string): readonly KnownSender[]
  byName(name: string): readonly KnownSender[]
  isRelay(address: string): boolean
  /** Clocks of engines that changed the picture; null: none did. */
  clocks(): KeptClock[] | null
}

const NOBODY: readonly KnownSender[] = []

export function createSenders(
  relays: readonly string[],
  engines: EngineClocks,
  now: () => Moment,
): Senders {
  const allowed = new BlockList()
  for (const network of relays) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    allowed.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  let addresses = new Map<string, KnownSender[]>()
  let names = new Map<string, KnownSender[]>()
  let known = new Map<string, KnownSender>()
  const learn = () => {
    for (const { device, user } of known.values()) if (user) engines.learn(device, user, now())
  }
  return {
    clocks() {
      learn()
      return engines.take(now())
    },
    set(senders) {
      const before = known
      learn()
      known = new Map(
        senders.map(one => [one.device, knownOf(one, before.get(one.device), engines, now())]),
      )
      addresses = new Map()
      names = new Map()
      for (const one of known.values()) {
        for (const address of one.addresses) put(addresses, address, one)
        for (const name of one.names) put(names, name, one)
      }
    },
    byAddress: address => addresses.get(address) ?? NOBODY,
    byName: name => names.get(name.toLowerCase()) ?? NOBODY,
    isRelay: address =>
      relays.length > 0 && allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  }
}

/** What was learned of its engines stays while its credentials are the same. */
function knownOf(
  sender: Sender,
  before: KnownSender | undefined,
  engines: EngineClocks,
  now: Moment,
): KnownSender {
  const { credentials, device } = sender
  const isSame =
    before !== undefined && JSON.stringify(before.credentials) === JSON.stringify(credentials)
  if (before?.credentials && credentials && !isSame) engines.forget(device)
  const user =
    credentials?.version !== '3'
      ? null
      : isSame && before.user
        ? before.user
        : notificationUser(credentials, engines.of(device, now))
  return { ...sender, user, informs: before?.informs ?? [] }
}

function put(map: Map<string, KnownSender[]>, key: string, sender: KnownSender): void {
  const there = map.get(key)
  if (there) there.push(sender)
  else map.set(key, [sender])
}

/** Whether this inform came before; from now on it has. */
export function isRepeated({ informs }: KnownSender, inform: string): boolean {
  if (informs.includes(inform)) return true
  informs.push(inform)
  if (informs.length > informsMax) informs.shift()
  return false
}

/** An IPv4 address as an IPv6 socket tells it is the same address; a zone is no part of one. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, '')
}
