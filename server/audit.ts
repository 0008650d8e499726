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
