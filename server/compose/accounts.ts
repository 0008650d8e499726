// Accounts on the broker for agents and other senders: of the embedded broker, or of an outside one.

import type { Accounts } from '../bus/accounts.ts'
import { createDynsecAccounts } from '../bus/accounts-dynsec.ts'
import { type EmbeddedAccounts, loadAccounts } from '../bus/accounts-embedded.ts'
import type { Broker } from '../bus/broker.ts'
import { createDynsec } from '../bus/dynsec.ts'
import type { Principal, Principals } from '../bus/principals.ts'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'
import type { Connect } from './base.ts'
import type { Lifecycle } from './lifecycle.ts'

/** How soon an account that a command made is let in, ms. */
const followMs = 2000

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

/** @param parts.connect for an outside broker: a connection of the user of POLLUX_MQTT_URL */
export async function brokerAccounts(parts: {
  store: Store
  broker: Broker | null
  principals: Principals
  signIn: SignIn
  connect: Connect
  life: Lifecycle
  log: Logger
}): Promise<Accounts> {
  const { store, broker, principals, signIn, connect, life, log } = parts
  if (!broker) {
    const bus = connect({ username: 'accounts', publish: [], subscribe: [] })
    life.started('accounts', () => bus.close())
    return createDynsecAccounts({ store: store.accounts, dynsec: createDynsec(bus) })
  }
  const accounts = await loadAccounts({
    store: store.accounts,
    isReserved: principals.has,
    disconnect: broker.disconnect,
  })
  signIn.use(accounts)
  followChanges(accounts, life, log)
  return {
    ...accounts,
    async revoke(username) {
      try {
        return await accounts.revoke(username)
      } finally {
        // Cut off also where the database is away.
        await broker.forget(username)
      }
    },
  }
}

/** `pollux account` writes to the database of a server that runs. */
function followChanges(accounts: EmbeddedAccounts, life: Lifecycle, log: Logger): void {
  let isAway = false
  let running: Promise<void> | null = null
  const look = async () => {
    try {
      await accounts.refresh()
      isAway = false
    } catch (cause) {
      if (!isAway) log.warn({ cause: messageOf(cause) }, 'accounts of the broker were not re-read')
      isAway = true
    } finally {
      running = null
    }
  }
  const timer = setInterval(() => {
    running ??= look()
  }, followMs)
  life.started('following accounts', async () => {
    clearInterval(timer)
    await running
  })
}
