// Where both receivers hand in what they took and what they did not: counted, summed by storm.ts, and
// kept until the next message to the main thread.

import { createBudget } from './budget.ts'
import type { AsideCount, AsideReason, FromReceiver, Protocol, Told } from './protocol.ts'
import type { Senders } from './senders.ts'
import { createStorm } from './storm.ts'

const payloadBytesMax = 300

export interface Desk {
  received(protocol: Protocol): void
  mayRead(address: string, octets: number): boolean
  /** Above what is read of one sender: of a device's storm where it is one device's address. */
  unread(protocol: Protocol, address: string, senders: Senders): void
  tell(device: string, protocol: Protocol, sort: string, what: Omit<Told, 'device'>): void
  aside(reason: AsideReason, sender: string, detail: string, payload?: Uint8Array): void
  discovery(): void
  /** An inform that was told and answered, whose answer was lost. */
  repeated(): void
  cut(octets: number): void
  connections(count: number): void
  kernelDrops(count: number): void
  /** What came since the last call; null: nothing. */
  take(settleAll?: boolean): Extract<FromReceiver, { told: unknown }> | null
}

export function createDesk(): Desk {
  let told: Told[] = []
  let aside = new Map<AsideReason, AsideCount>()
  let isNews = false
  const received: Record<Protocol, number> = { trap: 0, syslog: 0 }
  const counts = { discovery: 0, setAside: 0, repeated: 0, cut: 0, connections: 0 }
  let kernelDrops: number | null = null
  const budget = createBudget()
  const storm = createStorm(one => void told.push(one))

  const setAside: Desk['aside'] = (reason, sender, detail, payload) => {
    counts.setAside++
    const count = (aside.get(reason)?.count ?? 0) + 1
    const some = payload ? Uint8Array.from(payload.subarray(0, payloadBytesMax)) : null
    aside.set(reason, { reason, count, sender, detail, payload: some })
  }

  return {
    received(protocol) {
      received[protocol]++
      isNews = true
    },
    mayRead: (address, octets) => budget.takes(address, octets),
    unread(protocol, address, senders) {
      const [one, other] = senders.byAddress(address)
      if (one && !other && !senders.isRelay(address)) storm.unread(one.device, protocol)
      else setAside('receive-rate', address, 'more came in a second than is read of one sender')
    },
    tell: (device, protocol, sort, what) => storm.offer(device, protocol, sort, what),
    aside: setAside,
    discovery: () => void counts.discovery++,
    repeated: () => void counts.repeated++,
    cut(octets) {
      counts.cut += octets
    },
    connections(count) {
      counts.connections = count
    },
    kernelDrops(count) {
      if (count !== kernelDrops) isNews = true
      kernelDrops = count
    },
    take(settleAll = false) {
      storm.settle(settleAll)
      if (!isNews && told.length === 0 && aside.size === 0) return null
      const { discovery, setAside, repeated, cut, connections } = counts
      const stats = {
        received: { ...received },
        ...{ discovery: discovery + repeated, setAside, cut, connections, kernelDrops },
        ...storm.counts,
      }
      const taken = { told, aside: [...aside.values()], stats }
      told = []
      aside = new Map()
      isNews = false
      return taken
    },
  }
}
