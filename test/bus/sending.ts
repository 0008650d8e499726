// What the sender's tests share: a sender in a folder, messages that are numbered, and their order.

import type { Bus, SenderLedger } from '../../server/bus/contract.ts'
import { createSender, type SenderOptions, type SpoolingSender } from '../../server/bus/sender.ts'
import { sampleTopic } from '../../server/bus/topics.ts'
import { SITE, silentLog } from '../parts/broker.ts'
import { type Teardown, until as untilWithin } from '../parts/find.ts'
import type { Received } from '../parts/ingest.ts'

/** With patience: on a busy machine everything takes its time, and nothing is asserted of it. */
export const until: typeof untilWithin = (probe, what) => untilWithin(probe, what, 60_000)

export const balanced = ({ sent, stored, refused, dropped, waiting }: SenderLedger) =>
  sent === stored + refused + dropped + waiting

export async function senderIn(
  t: Teardown,
  bus: Bus,
  dir: string,
  options: Partial<SenderOptions> = {},
): Promise<SpoolingSender> {
  const sender = await createSender({
    bus,
    site: SITE,
    dir,
    log: silentLog,
    resend: { msMin: 300, msMax: 2000 },
    ...options,
  })
  t.teardown(() => sender.close())
  return sender
}

export function send(sender: SpoolingSender, from: number, to: number): void {
  for (let n = from; n <= to; n++) {
    sender.send(sampleTopic(SITE, `d${n % 10}`, 'g'), Buffer.from(`{"n":${n}}`))
  }
}

/** Is each topic's first sight of every message in the order of sending? */
export function orderKept(received: readonly Received[]): boolean {
  const last = new Map<string, number>()
  const seen = new Set<number>()
  for (const { topic, n } of received) {
    if (seen.has(n)) continue
    seen.add(n)
    if (n < (last.get(topic) ?? 0)) return false
    last.set(topic, n)
  }
  return true
}
