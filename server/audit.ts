// The audit log's one door: who did what, on what, from where. It is written after the change is in
// force; where it cannot be written the caller fails, so that somebody hears of it.

import type { Actor } from './model/user.ts'
import type { AuditStore } from './store/contract.ts'

export interface Audit {
  /** `thing` as `device:core-sw-1`; `before` and `after` must hold no secret. */
  record(
    by: Actor,
    action: string,
    thing: string,
    change?: { before?: unknown; after?: unknown },
  ): Promise<void>
}

const DAY_MS = 86_400_000

/**
 * Deletes what is older than it is kept, by whole days; that it did so is an entry of its own, without
 * which nothing goes. How long
 * is a setting of the server and no form: who wants to hide what they did cannot shorten it.
 */
export function auditTrim(
  store: AuditStore,
  keptMs: number,
): { trim(now: number): Promise<number> } {
  return {
    trim(now) {
      const before = Math.floor((now - keptMs) / DAY_MS) * DAY_MS
      const by = { actor: 'system', address: '' }
      return store.trim(before, deleted => ({
        ...{ at: now, ...by, action: 'audit.trim', thing: 'audit', before: null },
        after: { deleted, before: new Date(before).toISOString() },
      }))
    },
  }
}

export function createAudit(store: AuditStore, now: () => number = Date.now): Audit {
  return {
    record: (by, action, thing, change = {}) =>
      store.append({
        at: now(),
        actor: by.name,
        action,
        thing,
        address: by.address,
        before: change.before ?? null,
        after: change.after ?? null,
      }),
  }
}
