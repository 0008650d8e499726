// Tells senders which of their numbers are committed or refused. Nothing is queued for later: a
// sender whose ack was lost sends again, and that is acknowledged as a duplicate.

import type { Bus } from '../bus/contract.ts'
import { ackTopic } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import type { SenderNumber } from '../model/accepted.ts'
import type { Ack } from '../model/collection.ts'
import { messageOf } from '../model/errors.ts'

/** Numbers gathered before they are published at once. */
const numbersMax = 1000
/** Acks published and not yet taken by the broker: one batch may hold a number of each of 1,000 senders. */
const publishingMax = 1000

export interface Acks {
  /** Acks that did not reach the broker. */
  readonly lost: number
  done(number: SenderNumber): void
  refuse(number: SenderNumber, reason: string): void
  /** Publishes what is gathered; resolves when the broker has it or it is lost. Never rejects. */
  flush(): Promise<void>
}

interface Gathered {
  src: string
  boot: string
  done: number[]
  refused: [number, string][]
}

export function createAcks({ bus, site, log }: { bus: Bus; site: string; log: Logger }): Acks {
  let gathered = new Map<string, Gathered>()
  let numbers = 0
  let lost = 0
  const publishing = new Set<Promise<void>>()

  const of = ({ src, boot }: SenderNumber): Gathered => {
    const key = `${src} ${boot}`
    const found = gathered.get(key) ?? { src, boot, done: [], refused: [] }
    gathered.set(key, found)
    numbers++
    return found
  }
  const publish = async ({ src, boot, done, refused }: Gathered) => {
    const ack: Ack = { boot, seq: rangesOf(done), refused, at: Date.now() }
    try {
      await bus.publish(ackTopic(site, src), JSON.stringify(ack), { qos: 1 })
    } catch (error) {
      lost++
      log.debug({ src, error: messageOf(error) }, 'an acknowledgement was lost')
    }
  }
  const flush = async () => {
    const all = gathered
    gathered = new Map()
    numbers = 0
    for (const one of all.values()) {
      if (publishing.size >= publishingMax) {
        lost++
        continue
      }
      const promise = publish(one).finally(() => publishing.delete(promise))
      publishing.add(promise)
    }
    await Promise.all(publishing)
  }
  const flushIfMany = () => {
    if (numbers >= numbersMax) void flush()
  }

  return {
    get lost() {
      return lost
    },
    done(number) {
      of(number).done.push(number.seq)
      flushIfMany()
    },
    refuse(number, reason) {
      of(number).refused.push([number.seq, reason])
      flushIfMany()
    },
    flush,
  }
}

/** Inclusive ranges of the numbers: 1, 2, 3, 7 are [[1, 3], [7, 7]]. */
export function rangesOf(numbers: readonly number[]): [number, number][] {
  const ranges: [number, number][] = []
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && number <= last[1] + 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges
}
