// Publishes of QoS 1 on one connection, from the packet to its PUBACK. mqtt.js could do it, at one and a half
// times the CPU time: it keeps each packet in a store for a session that we do not resume (the spool does).

import type { MqttClient } from 'mqtt'
import { createOutgoing } from './outgoing.ts'
import type { Pieces } from './payload.ts'

/** Reason codes from here up are failures (MQTT 5, 2.4). */
const failureMin = 0x80

interface Pending {
  resolve: () => void
  reject: (error: Error) => void
}

export interface Published {
  /** Resolves with the broker's PUBACK. Rejects when the broker refuses it or the connection ends. */
  send(topic: string, payload: Pieces, retain: boolean): Promise<void>
  acknowledged(packet: { messageId?: number; reasonCode?: number }): void
  /** The connection is gone: whoever waits is told. */
  lost(): void
  /** What was sent is written now. */
  flush(): void
}

/** Packet identifiers come from the client, which numbers its subscriptions from the same set. */
export function createPublished(client: MqttClient, version: 4 | 5): Published {
  const pending = new Map<number, Pending>()
  const outgoing = createOutgoing({
    version,
    write: bytes => void client.stream.write(bytes),
  })

  /** Its numbers come round again after 65,535: those in use, a few hundred, are left out. */
  const freeId = (): number => {
    for (;;) {
      const id = client.messageIdProvider.allocate()
      if (id !== null && !pending.has(id) && !(id in client.outgoing)) return id
    }
  }

  return {
    send: (topic, payload, retain) =>
      new Promise((resolve, reject) => {
        const id = freeId()
        outgoing.publish(topic, payload, id, retain)
        pending.set(id, { resolve, reject })
      }),
    acknowledged({ messageId = 0, reasonCode = 0 }) {
      const one = pending.get(messageId)
      if (!one) return
      pending.delete(messageId)
      if (reasonCode < failureMin) one.resolve()
      else one.reject(new Error(`the broker refused a message (reason code ${reasonCode})`))
    },
    lost() {
      for (const { reject } of pending.values()) reject(new Error('connection closed'))
      pending.clear()
    },
    flush: outgoing.flush,
  }
}
