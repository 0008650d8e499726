// A stand-in for ingest: acknowledges what it receives, as told, and remembers what it stored.

import type { Bus } from '../../server/bus/contract.ts'
import { ackTopic, samplesFilter } from '../../server/bus/topics.ts'

export interface Received {
  topic: string
  src: string
  boot: string
  seq: number
  n: number
}

export interface StandInIngest {
  /** Everything received, duplicates included. */
  received: Received[]
  /** `boot seq` of what was stored. */
  stored: Set<string>
  /** False: receives, and says nothing, as with a database that is away. */
  acknowledging: boolean
  /** Reason for which a message is refused; null stores it. */
  refuse: (message: Received) => string | null
}

export async function standInIngest(bus: Bus, site: string): Promise<StandInIngest> {
  const ingest: StandInIngest = {
    received: [],
    stored: new Set(),
    acknowledging: true,
    refuse: () => null,
  }
  await bus.subscribe(samplesFilter(site), async ({ topic, payload }) => {
    const message: Received = { topic, ...JSON.parse(payload.toString()) }
    ingest.received.push(message)
    if (!ingest.acknowledging) return
    const { src, boot, seq } = message
    const reason = ingest.refuse(message)
    if (reason === null) ingest.stored.add(`${boot} ${seq}`)
    const ack =
      reason === null ? { seq: [[seq, seq]], refused: [] } : { seq: [], refused: [[seq, reason]] }
    await bus.publish(ackTopic(site, src), JSON.stringify({ boot, ...ack })).catch(() => undefined)
  })
  return ingest
}
