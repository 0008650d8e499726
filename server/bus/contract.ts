// What the rest of Pollux may ask of MQTT: the same over the embedded broker and an outside one.

import type { Payload } from './payload.ts'

export interface BusMessage {
  topic: string
  payload: Buffer
  retained: boolean
}

export interface Bus {
  readonly connected: boolean
  /** Resolves when the broker has acknowledged (QoS 1) or the client took it (QoS 0); while offline it rejects with E_BUS_OFFLINE. */
  publish(
    topic: string,
    payload: Payload,
    options?: { retain?: boolean; qos?: 0 | 1 },
  ): Promise<void>
  /**
   * Subscriptions survive reconnects. The handler must not throw; it is awaited for back-pressure where
   * it gives a promise. A shared filter needs a connection without the same filter unshared, for its
   * messages cannot be told from those; where the broker shares none, all messages come.
   */
  subscribe(
    filter: string,
    handler: (message: BusMessage) => void | Promise<void>,
  ): Promise<() => Promise<void>>
  /** Called with the state now and at each change. Returns how to stop. */
  onState(listener: (connected: boolean) => void): () => void
  close(): Promise<void>
}

/** Sends collections and keeps each on disk until ingest has acknowledged it (DESIGN, rule 3). */
export interface Sender {
  /** `src` of everything it sends; kept in the data dir. */
  readonly src: string
  /** `body` is a JSON object's text without `v`, `src`, `boot`, `seq`. Never blocks; returns its seq. */
  send(topic: string, body: Uint8Array, options?: { retain?: boolean }): number
  readonly ledger: Readonly<SenderLedger>
  /** Flushes to disk; what is unacknowledged is sent by the next start. */
  close(): Promise<void>
}

/** sent = stored + refused + dropped + waiting, at any moment. */
export interface SenderLedger {
  sent: number
  stored: number
  refused: number
  dropped: number
  waiting: number
}
