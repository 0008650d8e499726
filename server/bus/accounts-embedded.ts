// Accounts on the embedded broker: kept in the database, looked up in memory, in force at once.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { AppError } from '../model/errors.ts'
import type { AccountRow, AccountStore } from '../store/accounts.ts'
import {
  ACCOUNT_ROLES,
  type Account,
  type AccountRole,
  type Accounts,
  accountsMax,
  checkAccount,
  digestOf,
  newPassword,
} from './accounts.ts'
import { packetBytesMax } from './client.ts'
import type { Principal } from './principals.ts'

/** What one account may send in a second; a node that polls for thousands sends more. */
const messagesPerSecondMax: Record<AccountRole, number> = {
  ...{ agent: 1000, sensor: 200, guest: 20, poller: 10_000 },
}
const bytesPerSecondMax: Record<AccountRole, number> = {
  ...{ agent: 8e6, sensor: 1e6, guest: 1e5, poller: 50e6 },
}

/** Row names of thousands of devices; the others have the broker's own bound. */
const pollerRetainedMax = { topics: 50_000, bytes: 128 * 1024 * 1024 }

export interface EmbeddedAccounts extends Accounts {
  authenticate(username: string, password: string): Principal | null
  /** Takes over what another process changed (`pollux account`); whom it removed is cut off. */
  refresh(): Promise<void>
}

/**
 * Reads the accounts that there are.
 * @param options.isReserved names of Pollux' own parts
 * @param options.disconnect cuts every connection of a user
 */
export async function loadAccounts(options: {
  store: AccountStore
  isReserved(username: string): boolean
  disconnect(username: string): void
  now?: () => number
}): Promise<EmbeddedAccounts> {
  const { store, isReserved, disconnect, now = Date.now } = options
  const known = new Map<string, { row: AccountRow; principal: Principal; digest: Buffer }>()
  // Compared against where the name is unknown, so that the time tells nothing.
  const nobody = randomBytes(32)
  const remember = (row: AccountRow) => {
    const digest = Buffer.from(row.passwordSha256, 'hex')
    // Rows without one were made over another broker.
    if (digest.length !== 32) return
    known.set(row.username, { row, principal: principalOf(row), digest })
  }
  let mark = await store.mark()
  for (const row of await store.list()) remember(row)
  // Changes of our own: what was read while one ran may be from before it.
  const own = { running: 0, done: 0 }
  // Revoked here while the database was away: what it still has of them counts for nothing.
  const ended = new Set<string>()

  async function changing<T>(work: () => Promise<T>): Promise<T> {
    own.running++
    try {
      return await work()
    } finally {
      own.running--
      own.done++
    }
  }

  function takeOver(rows: readonly AccountRow[]): void {
    const now = new Map(rows.map(row => [row.username, row]))
    for (const [username, { row }] of known) {
      if (now.get(username)?.passwordSha256 === row.passwordSha256) continue
      known.delete(username)
      disconnect(username)
    }
    for (const row of rows) if (!known.has(row.username) && !ended.has(row.username)) remember(row)
  }

  return {
    async issue(account) {
      checkAccount(account)
      const { username, role, publish, subscribe } = account
      if (isReserved(username) || (!known.has(username) && known.size >= accountsMax)) {
        throw new AppError('E_ACCOUNT', `the broker takes no account "${username}"`, {
          hint: 'one of Pollux’ own parts has this name, or there are too many accounts',
        })
      }
      const password = newPassword()
      const salt = randomBytes(16).toString('hex')
      const secret = { salt, passwordSha256: digestOf(password, salt).toString('hex') }
      const row = { username, role, publish, subscribe, ...secret, createdAt: now() }
      await changing(async () => {
        await store.put(row)
        ended.delete(username)
        remember(row)
      })
      disconnect(username)
      return { username, password }
    },
    async revoke(username) {
      // Cut off first: a database that is away must not keep it in.
      known.delete(username)
      disconnect(username)
      ended.add(username)
      return changing(async () => {
        const removed = await store.remove(username)
        ended.delete(username)
        return removed
      })
    },
    list: async () => [...known.values()].map(({ row }) => accountOf(row)),
    authenticate(username, password) {
      const found = known.get(username)
      const same = timingSafeEqual(
        digestOf(password, found?.row.salt ?? ''),
        found?.digest ?? nobody,
      )
      return same && found ? found.principal : null
    },
    async refresh() {
      const { done } = own
      const seen = await store.mark()
      if (seen === mark) return
      const rows = await store.list()
      if (own.running > 0 || own.done !== done) return
      mark = seen
      takeOver(rows)
    },
  }
}

function principalOf(row: AccountRow): Principal {
  const { username, role, publish, subscribe } = accountOf(row)
  const limits = {
    packetBytesMax,
    messagesPerSecondMax: messagesPerSecondMax[role],
    bytesPerSecondMax: bytesPerSecondMax[role],
    ...(role === 'poller' && { retainedMax: pollerRetainedMax }),
  }
  return { username, publish, subscribe, ...limits }
}

/** An unknown role, of a newer Pollux, has the narrowest limits; its topics are what they are. */
export function accountOf({ username, role, publish, subscribe, createdAt }: AccountRow): Account {
  const known = ACCOUNT_ROLES.find(one => one === role) ?? 'guest'
  return { username, role: known, publish, subscribe, createdAt }
}
