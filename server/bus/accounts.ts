// Accounts on the broker for senders outside of this process (agents, edge pollers, guests): the
// same interface over the embedded broker and over Mosquitto's dynamic-security plugin.

import type { Credentials, Principal } from './principals.ts'

/** Who an account is for: shown to admins, and part of what it may do. */
export const ACCOUNT_ROLES = ['agent', 'poller', 'sensor', 'guest'] as const
export type AccountRole = (typeof ACCOUNT_ROLES)[number]

export interface Account extends Pick<Principal, 'username' | 'publish' | 'subscribe'> {
  role: AccountRole
  /** Unix ms. */
  createdAt: number
}

export interface Accounts {
  /**
   * Makes an account with a password of 256 random bits, told this once; an earlier one of the name
   * is replaced and cut off. In force when the promise resolves.
   * @throws AppError E_ACCOUNT where the broker did not take it
   */
  issue(account: Omit<Account, 'createdAt'>): Promise<Credentials>
  /** Ends it and cuts off its connections at once; false: there is none of that name. */
  revoke(username: string): Promise<boolean>
  list(): Promise<Account[]>
}
