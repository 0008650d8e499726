// How datagrams leave and come in: a few UDP sockets that all devices of a thread share. It knows
// nothing of SNMP. Behind it node:dgram (udp.ts) serves everywhere; batched system calls
// (batched.ts: sendmmsg, recvmmsg) where they can be had.

/** Where a device is reached; made once a session, its address resolved. */
export interface Peer {
  /** In the form in which the transport names senders: IPv6 shortened (RFC 5952), without brackets. */
  readonly address: string
  readonly port: number
  readonly family: 4 | 6
  /** Which of the sockets of its family it uses, always the same: 0 to `socketsPerFamily` - 1. */
  readonly socket: number
}

export interface TransportEvents {
  /**
   * A datagram came. `bytes` is valid during the call only. The address is canonical as in Peer.
   * Must not throw.
   */
  message(bytes: Uint8Array, address: string, port: number): void
  /** Sending to this peer failed (no route, no permission); null: a socket failed as a whole. */
  fault(error: Error, peer: Peer | null): void
}

export interface TransportCounters {
  sent: number
  received: number
  /** System calls made, where they are batched. */
  calls: number
}

export interface Transport {
  readonly kind: 'dgram' | 'batched'
  readonly socketsPerFamily: number
  /** Answers that one socket's receive buffer holds for certain: more must not be on the way. */
  readonly outstandingPerSocketMax: number
  readonly counters: Readonly<TransportCounters>
  /** Takes the bytes over: the caller does not change them any more. Never throws. */
  send(bytes: Uint8Array, peer: Peer): void
  /** While true, answers are expected: only then may it keep the process alive or look for them. */
  expect(answers: boolean): void
  close(): void
}

export type OpenTransport = (events: TransportEvents) => Transport
