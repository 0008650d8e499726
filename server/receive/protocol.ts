// What the main thread and the thread of the receivers say to each other: plain data.

import type { ListenAddress } from '../config.ts'
import type { EventBody } from '../model/event.ts'
import type { CompiledNotification } from '../profiles/notification.ts'
import type { SnmpCredentials } from '../snmp/session.ts'
import type { KeptClock } from './engine-clocks.ts'

export const PROTOCOLS = ['trap', 'syslog'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** Why something was not taken; `trap-…` and `syslog-…` of model/setaside.ts. */
export type AsideReason =
  | 'trap-sender'
  | 'trap-credentials'
  | 'trap-format'
  | 'syslog-sender'
  | 'syslog-stream'
  | 'receive-rate'

/** A device that may send, under which addresses and names. */
export interface Sender {
  device: string
  addresses: readonly string[]
  /** For lines that come through a relay, in lower case. */
  names: readonly string[]
  /** Null: it sends no traps. */
  credentials: SnmpCredentials | null
}

/** Places to listen on, the first that is to be had. Empty: not at all. */
export type Places = readonly ListenAddress[]

export interface ReceiverInit {
  places: Record<Protocol, Places>
  /** Networks of proxies and relays whose word on who sent first counts. */
  relays: readonly string[]
  /** snmpEngineID and snmpEngineBoots; process.hrtime of its start, ms. */
  engine: { id: Uint8Array; boots: number; startedAt: number }
  /** Of the devices' engines, from before the start. */
  clocks: readonly KeptClock[]
}

export type ToReceiver =
  | { do: 'senders'; senders: readonly Sender[] }
  | { do: 'notifications'; notifications: readonly CompiledNotification[] }
  /** Tells what it holds, and ends. */
  | { do: 'stop' }

export interface Told {
  device: string
  /** Other devices with the same address that it may as well be of: it stands at each. */
  others: readonly string[]
  event: EventBody
  /** The row that it is about, by its index. */
  row: { table: string; index: string } | null
  /** The device is to be read at once. */
  poll: boolean
}

export interface AsideCount {
  reason: AsideReason
  count: number
  /** Of the last one. A trap's octets are never shown: they hold a community. */
  sender: string
  detail: string
  payload: Uint8Array | null
}

/** received = offered + discovery + set aside, for each protocol; `offered` as in StormCounts. */
export interface ReceiverStats {
  received: Record<Protocol, number>
  /** Messages of SNMPv3 that only asked for our engine. */
  discovery: number
  setAside: number
  offered: number
  told: number
  summed: number
  waiting: number
  sums: number
  /** Octets of lines that were longer than is read. */
  cut: number
  /** Dropped by the kernel, as nobody read in time; null where it does not say. */
  kernelDrops: number | null
  connections: number
}

export type FromReceiver =
  /** To be kept for the next start. */
  | { clocks: readonly KeptClock[] }
  | { told: readonly Told[]; aside: readonly AsideCount[]; stats: ReceiverStats }
  /** Null address: `problem` keeps it from listening. */
  | { protocol: Protocol; address: ListenAddress | null; problem: string | null }
