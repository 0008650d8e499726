// Accounts on the broker for senders outside of this process (agents, edge pollers, guests): the
// same interface over the embedded broker and over Mosquitto's dynamic-security plugin.

import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../model/errors.ts'
import type { Credentials, Principal } from './principals.ts'

/** Who an account is for: shown to admins, and part of what it may do. */
export const ACCOUNT_ROLES = ['agent', 'poller', 'sensor', 'guest'] as const
export type AccountRole = (typeof ACCOUNT_ROLES)[number]

/** Accounts of one installation. */
export const accountsMax = 20_000
/** Topic filters of one account. */
const filtersMax = 50
const USERNAME = /^[A-Za-z0-9._-]{1,128}$/

export interface Account extends Pick<Principal, 'username' | 'publish' | 'subscribe'> {
  role: AccountRole
  /** Unix ms. */
  createdAt: number
}

export interface Accounts {
  /**
   * Makes an account with a password of 256 random bits, told this once; an earlier one of the name
   * is replaced and cut off. In force when the promise resolves. On Mosquitto its MQTT client id must be
   * its user name, or `clientId`: nobody else can then take over its connection.
   * @throws AppError E_ACCOUNT where the broker did not take it
   */
  issue(account: Omit<Account, 'createdAt'> & { clientId?: string }): Promise<Credentials>
  /**
   * Ends it and cuts off its connections at once; false: there is none of that name.
   * @throws AppError E_ACCOUNT where the broker did not do it
   */
  revoke(username: string): Promise<boolean>
  list(): Promise<Account[]>
}

/** @throws AppError E_ACCOUNT for a name or a topic filter that no broker should get */
export function checkAccount({ username, publish, subscribe }: Omit<Account, 'createdAt'>): void {
  const filters = [...publish, ...subscribe]
  if (USERNAME.test(username) && filters.length <= filtersMax && filters.every(isFilter)) return
  throw new AppError(
    'E_ACCOUNT',
    `"${username.slice(0, 128)}" cannot be an account on the broker`,
    {
      hint: 'its name holds letters, digits, dots, hyphens and underscores; its topic filters have no "$"',
    },
  )
}

/** Inside of the tree of ordinary topics, with wildcards as whole levels (MQTT 3.1.1, 4.7.1). */
function isFilter(filter: string): boolean {
  const levels = filter.split('/')
  return (
    /^[^$\0]{1,1024}$/s.test(filter) &&
    levels.every((level, i) =>
      level === '#' ? i === levels.length - 1 : level === '+' || !/[+#]/.test(level),
    )
  )
}

/** 256 random bits, as text. */
export function newPassword(): string {
  return randomBytes(32).toString('base64url')
}

/**
 * Salted SHA-256. A slow hash protects words that people choose; 256 random bits cannot be guessed,
 * and a site's agents sign in all at once after a restart.
 */
export function digestOf(password: string, salt: string): Buffer {
  return createHash('sha256').update(`${salt}:${password}`).digest()
}
