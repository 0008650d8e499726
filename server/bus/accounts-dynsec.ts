// Accounts on Mosquitto by its dynamic-security plugin, which disconnects whom it deletes: a reload of
// a password file would not. What they are is kept in our database; the password only there.

import { AppError } from '../model/errors.ts'
import type { AccountStore } from '../store/accounts.ts'
import { type Account, type Accounts, accountsMax, checkAccount, newPassword } from './accounts.ts'
import { accountOf } from './accounts-embedded.ts'
import type { Dynsec } from './dynsec.ts'

/** Words of the plugin for what is as we want it already. */
const GONE = /not found/i

export function createDynsecAccounts(options: {
  store: AccountStore
  dynsec: Dynsec
  now?: () => number
}): Accounts {
  const { store, dynsec, now = Date.now } = options

  /** Deletes user and role; it is then cut off. */
  async function drop(username: string): Promise<void> {
    const rolename = roleOf(username)
    const errors = await dynsec.run([
      { command: 'deleteClient', ...{ username } },
      { command: 'deleteRole', ...{ rolename } },
    ])
    const failed = errors.find(error => error !== null && !GONE.test(error))
    if (failed) throw refused(username, failed)
  }

  async function make(
    account: Omit<Account, 'createdAt'> & { clientId?: string },
    password: string,
  ): Promise<void> {
    const { username } = account
    const errors = await dynsec.run([roleCommand(account), clientCommand(account, password)])
    const failed = errors.find(error => error !== null)
    if (failed) throw refused(username, failed)
  }

  /** Users that somebody else made are not ours to replace. */
  async function refuseOthers(username: string): Promise<void> {
    const [error = null] = await dynsec.run([{ command: 'getClient', ...{ username } }])
    if (error === null) throw refused(username, 'a user of this name is there already')
    if (!GONE.test(error)) throw refused(username, error)
  }

  return {
    async issue(account) {
      checkAccount(account)
      const { username, role, publish, subscribe } = account
      const known = await store.list()
      if (known.length >= accountsMax) throw refused(username, 'there are too many accounts')
      if (!known.some(one => one.username === username)) await refuseOthers(username)
      const row = { username, role, publish, subscribe, salt: '', passwordSha256: '' }
      // The row first: whatever fails after it, the name is known as ours and can be issued again.
      await store.put({ ...row, createdAt: now() })
      const password = newPassword()
      try {
        await drop(username)
        await make(account, password)
      } catch (error) {
        // Where the broker is away the row stays, as what is there cannot be told.
        const gone = drop(username).then(() => store.remove(username))
        await gone.catch(() => undefined)
        throw error
      }
      return { username, password }
    },
    async revoke(username) {
      const known = await store.list()
      if (!known.some(one => one.username === username)) return false
      await drop(username)
      return store.remove(username)
    },
    list: async () => (await store.list()).map(accountOf),
  }
}

function roleOf(username: string): string {
  return `pollux-${username}`
}

function roleCommand({ username, publish, subscribe }: Omit<Account, 'createdAt'>) {
  const allow = (acltype: string) => (topic: string) => ({ acltype, topic, allow: true })
  const acls = [
    ...publish.map(allow('publishClientSend')),
    ...subscribe.map(allow('subscribePattern')),
    ...subscribe.map(allow('publishClientReceive')),
  ]
  return { command: 'createRole', rolename: roleOf(username), acls }
}

/**
 * Mosquitto lets whoever brings a client id take its connection over: it is bound to the user. A
 * poller has several connections, and is trusted with that.
 */
function clientCommand(
  { username, role, clientId = username }: Omit<Account, 'createdAt'> & { clientId?: string },
  password: string,
) {
  const roles = [{ rolename: roleOf(username) }]
  const bound = role === 'poller' ? {} : { clientid: clientId }
  return { command: 'createClient', username, password, ...bound, roles }
}

function refused(username: string, why: string): AppError {
  return new AppError('E_ACCOUNT', `the MQTT broker refused the account "${username}": ${why}`, {
    hint: 'see the log of Mosquitto, and docs/brokers.md',
  })
}
