// Accounts on the broker for agents and other senders: of the embedded broker, or of an outside one.

import type { Accounts } from '../bus/accounts.ts'
import { type EmbeddedAccounts, loadAccounts } from '../bus/accounts-embedded.ts'
import type { Broker } from '../bus/broker.ts'
import type { Principal, Principals } from '../bus/principals.ts'
import { AppError } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'

export interface SignIn {
  authenticate(username: string, password: string): Principal | null | Promise<Principal | null>
  /** Lets those in who waited for their account to be read. */
  use(accounts: EmbeddedAccounts): void
}

/**
 * Pollux' own parts first, then accounts. The broker listens before the database is open: an agent
 * that comes in between waits, as "wrong password" would be a lie.
 */
export function signInWith(principals: Principals): SignIn {
  const { promise, resolve } = Promise.withResolvers<EmbeddedAccounts>()
  let loaded: EmbeddedAccounts | null = null
  return {
    authenticate(username, password) {
      if (principals.has(username)) return principals.authenticate(username, password)
      if (loaded) return loaded.authenticate(username, password)
      return promise.then(accounts => accounts.authenticate(username, password))
    },
    use(accounts) {
      loaded = accounts
      resolve(accounts)
    },
  }
}

export async function brokerAccounts(parts: {
  store: Store
  broker: Broker | null
  principals: Principals
  signIn: SignIn
}): Promise<Accounts> {
  const { store, broker, principals, signIn } = parts
  if (!broker) return noAccounts
  const accounts = await loadAccounts({
    store: store.accounts,
    isReserved: principals.has,
    disconnect: broker.disconnect,
  })
  signIn.use(accounts)
  return accounts
}

const noAccounts: Accounts = {
  issue: () => Promise.reject(notYet()),
  revoke: () => Promise.reject(notYet()),
  list: async () => [],
}

function notYet(): AppError {
  return new AppError('E_ACCOUNT', 'this broker gives no accounts', {
    hint: 'make a user on the broker by hand',
  })
}
