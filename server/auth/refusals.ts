// Refused sign-ins in the audit log, so many a minute and the rest as a number: a stranger, whatever
// he sends, cannot fill the log.

import type { Audit } from '../audit.ts'

const MINUTE_MS = 60_000
/** Refusals of a minute that get a line each. */
const refusalsPerMinuteMax = 30

export interface Refusals {
  /** @param waitMs how long that account must wait now, from there */
  record(name: string, address: string, waitMs: number): Promise<void>
}

export function createRefusals(audit: Audit, now: () => number): Refusals {
  let minute = 0
  let lines = 0
  let left = 0
  return {
    async record(name, address, waitMs) {
      const current = Math.floor(now() / MINUTE_MS)
      if (current !== minute) {
        const notListed = left
        minute = current
        lines = left = 0
        if (notListed > 0) {
          const system = { name: 'system', address: '' }
          await audit.record(system, 'session.refused', 'sign-in', { after: { notListed } })
        }
      }
      if (lines >= refusalsPerMinuteMax) {
        left++
        return
      }
      lines++
      const change = waitMs > 0 ? { after: { waitSeconds: Math.ceil(waitMs / 1000) } } : {}
      await audit.record({ name, address }, 'session.refused', 'sign-in', change)
    },
  }
}
