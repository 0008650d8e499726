// What an outage is, in one sentence: whether the host is there while its SNMP is silent. Asked once
// an outage, then seldom; what was found is said until it is asked again.

import type { Ping } from './ping.ts'

const askAgainMs = 10 * 60_000
/** A read waits so long for the sentence at most; one that comes later is said the next time. */
const waitMsMax = 2000

const SENTENCES = {
  answers: 'the host answers ping, SNMP does not: check community, access list, agent',
  silent: 'the host does not answer ping either',
  unknown: '',
} as const

export interface Reach {
  /** The sentence, or '' where nothing can be said. Never rejects. @param waitMs at most so long */
  explain(address: string, waitMs: number): Promise<string>
  /** The outage is over. */
  answered(): void
}

/** @param now monotonic ms */
export function createReach(ping: Ping, now: () => number = () => performance.now()): Reach {
  let askedAt: number | null = null
  let sentence = ''
  /** An answer that comes when the outage is over belongs to none. */
  let outage = 0

  const ask = async (address: string) => {
    const asked = outage
    askedAt = now()
    const answer = await ping(address)
    if (asked !== outage) return
    if (answer === 'busy') askedAt = null
    else sentence = SENTENCES[answer]
  }

  return {
    async explain(address, waitMs) {
      if (askedAt === null || now() - askedAt >= askAgainMs) {
        let timer: NodeJS.Timeout | undefined
        const enough = new Promise<void>(resolve => {
          timer = setTimeout(resolve, Math.min(waitMsMax, Math.max(0, waitMs)))
        })
        await Promise.race([ask(address), enough])
        clearTimeout(timer)
      }
      return sentence
    },
    answered() {
      outage++
      askedAt = null
      sentence = ''
    },
  }
}
