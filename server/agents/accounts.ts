// Accounts on the broker that people make: for sensors, guests and pollers. Accounts of agents come with
// their enrolment and go with it; only one that its enrolment left behind is removed here.

import type { Audit } from '../audit.ts'
import { type AccountWish, rightsOf } from '../bus/account-rights.ts'
import type { Account, Accounts } from '../bus/accounts.ts'
import type { Credentials } from '../bus/principals.ts'
import { AppError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import type { EnrolmentStore } from '../store/enrolment.ts'

/** `isLeft`: of an agent that never enrolled, or whose enrolment ended half way. */
export type ListedAccount = Account & { isLeft: boolean }

export interface BrokerAccounts {
  /**
   * Makes an account; its password is told this once.
   * @throws AppError E_ACCOUNT_INVALID, E_ACCOUNT_EXISTS, E_ACCOUNT (the broker did not take it)
   */
  add(wish: AccountWish, by: Actor): Promise<Credentials>
  /**
   * Ends one and cuts it off.
   * @throws AppError E_ACCOUNT_UNKNOWN, E_ACCOUNT_AGENT (an agent has it: revoke that), E_ACCOUNT
   */
  remove(username: string, by: Actor): Promise<void>
  /** All but those of agents that are enrolled. */
  list(): Promise<ListedAccount[]>
}

export function createBrokerAccounts(options: {
  accounts: Accounts
  enrolment: Pick<EnrolmentStore, 'agents'>
  audit: Audit
  site: string
}): BrokerAccounts {
  const { accounts, enrolment, audit, site } = options

  async function ofAgents(): Promise<Set<string>> {
    const agents = await enrolment.agents()
    return new Set(agents.filter(one => one.revokedAt === null).map(one => one.username))
  }

  return {
    async add(wish, by) {
      const account = rightsOf(site, wish)
      const { username, role, publish, subscribe } = account
      if ((await accounts.list()).some(one => one.username === username)) {
        throw new AppError('E_ACCOUNT_EXISTS', `there is an account "${username}"`, {
          hint: 'choose another name, or remove it first: its password ends then',
        })
      }
      const made = await accounts.issue(account)
      const after = { role, publish, subscribe }
      await audit.record(by, 'account.create', `account:${username}`, { after })
      return made
    },

    async remove(username, by) {
      if ((await ofAgents()).has(username)) {
        throw new AppError('E_ACCOUNT_AGENT', `"${username}" belongs to an agent`, {
          hint: 'revoke the agent on the page Agents',
        })
      }
      if (!(await accounts.revoke(username))) {
        throw new AppError('E_ACCOUNT_UNKNOWN', `there is no account "${username.slice(0, 128)}"`, {
          hint: 'it may have been removed before',
        })
      }
      await audit.record(by, 'account.remove', `account:${username}`)
    },

    async list() {
      const enrolled = await ofAgents()
      const shown = (await accounts.list()).filter(one => !enrolled.has(one.username))
      return shown.map(one => ({ ...one, isLeft: one.role === 'agent' }))
    },
  }
}
