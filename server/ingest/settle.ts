// What became of each message: counted in the ledger, acknowledged or refused to its sender, and
// kept from entering twice while it waits.

import type { Logger } from '../log.ts'
import type { RefusalReason, SenderNumber } from '../model/accepted.ts'
import { messageOf } from '../model/errors.ts'
import type { SetAside, SetAsideMessage } from '../model/setaside.ts'
import type { Acks } from './acks.ts'
import type { Ledger } from './ledger.ts'
import type { Settled } from './writer.ts'

/** One log line for each reason in this time, ms: a flood must not flood the log too. */
const logEveryMs = 60_000
const reasonCharsMax = 100

/** The messages that something came in. */
export interface Messages {
  numbers: readonly SenderNumber[]
  messages: number
}

export interface Settler {
  /**
   * False: this very message waits here already. It is then counted as a duplicate, and acknowledged
   * when the first one is committed.
   */
  isNew(number: SenderNumber | null): boolean
  settle(what: Messages, outcome: Settled): void
  /** @param message what it came in, for people to look at */
  refuse(
    what: Messages,
    reason: RefusalReason,
    detail: string,
    message?: Pick<SetAsideMessage, 'topic' | 'payload'>,
  ): void
}

export interface SettlerOptions {
  acks: Acks
  ledger: Ledger
  setAside: SetAside
  log: Logger
  now: () => number
}

export function createSettler({ acks, ledger, setAside, log, now }: SettlerOptions): Settler {
  /** Bounded by what waits: the queue, the parts held and the callers that wait for a place. */
  const waiting = new Set<string>()
  const loggedAt = new Map<RefusalReason, number>()

  const warn = (reason: RefusalReason, detail: string) => {
    const at = now()
    if (at - (loggedAt.get(reason) ?? Number.NEGATIVE_INFINITY) < logEveryMs) return
    loggedAt.set(reason, at)
    log.warn({ reason, detail, count: ledger.counts.refused[reason] }, 'a message was refused')
  }
  const refuseAs = (what: Messages, reason: RefusalReason, said: string) => {
    ledger.refused(reason, what.messages)
    for (const number of what.numbers) {
      waiting.delete(keyOf(number))
      acks.refuse(number, said)
    }
  }

  return {
    isNew(number) {
      if (!number) return true
      const key = keyOf(number)
      if (waiting.has(key)) {
        ledger.duplicate(1)
        return false
      }
      waiting.add(key)
      return true
    },
    refuse(what, reason, detail, message) {
      refuseAs(what, reason, reason)
      setAside.note(reason, { ...message, sender: senderOf(what), detail })
      warn(reason, detail)
    },
    settle(what, outcome) {
      if (outcome === 'stored' || outcome === 'duplicate') {
        ledger[outcome](what.messages)
        for (const number of what.numbers) {
          waiting.delete(keyOf(number))
          acks.done(number)
        }
      } else if (outcome === 'dropped') {
        ledger.dropped(what.messages)
        for (const number of what.numbers) waiting.delete(keyOf(number))
      } else if ('storeError' in outcome) {
        refuseAs(what, 'store-error', 'store-error')
        const detail = messageOf(outcome.storeError)
        setAside.note('store-error', { sender: senderOf(what), detail })
      } else {
        refuseAs(what, 'store-refused', outcome.refused.slice(0, reasonCharsMax))
        setAside.note('store-refused', { sender: senderOf(what), detail: outcome.refused })
        warn('store-refused', outcome.refused)
      }
    },
  }
}

function senderOf({ numbers }: Messages): string | null {
  return numbers[0]?.src ?? null
}

function keyOf({ src, boot, seq }: SenderNumber): string {
  return `${src} ${boot} ${seq}`
}
