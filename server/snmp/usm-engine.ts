// What is known of one authoritative engine: its ID, the keys that a user has on it, and our notion of
// its clock (RFC 3414, sections 2.2 and 2.3). Pure: the caller says what time it is here.

import type { SnmpCredentials } from './session.ts'
import { type AuthKey, authKey, privKeyBytes } from './usm-keys.ts'
import { createPrivacy, type Privacy } from './usm-privacy.ts'

/** How far a message may lie behind the engine's clock, seconds (RFC 3414, section 2.2.3). */
const timeWindowSeconds = 150
/** An engine whose boots came here is out of order until an admin gives it new keys. */
const bootsMax = 2_147_483_647
/** Asks for the clock: RFC 3414, section 4. */
export const ZEROS: Stamp = { boots: 0, time: 0 }

export type UsmCredentials = Extract<SnmpCredentials, { version: '3' }>

/** snmpEngineBoots and snmpEngineTime (seconds), as a message carries them. */
export interface Stamp {
  readonly boots: number
  readonly time: number
}

export interface Clock {
  readonly boots: number
  /** snmpEngineTime when it was heard, and the highest ever heard under these boots. */
  readonly time: number
  /** performance.now() when it was heard. */
  readonly heardAt: number
}

export interface Engine {
  readonly id: Uint8Array
  readonly auth: AuthKey | null
  readonly privacy: Privacy | null
  /** Null until an authenticated message told it; without authentication always. */
  clock: Clock | null
  /** Whether it was asked for its clock by zeros, and has not told it. */
  ignoresZeros: boolean
}

export function createEngine(id: Uint8Array, credentials: UsmCredentials): Engine {
  const { level, auth, priv } = credentials
  const authenticates = level !== 'noAuthNoPriv' && auth
  return {
    id: Uint8Array.from(id),
    auth: authenticates ? authKey(auth.protocol, auth.key, id) : null,
    privacy:
      authenticates && level === 'authPriv' && priv
        ? createPrivacy(priv.protocol, privKeyBytes(priv.protocol, auth.protocol, priv.key, id))
        : null,
    clock: null,
    ignoresZeros: false,
  }
}

/** What the engine's clock shows now. */
export function stampAt(clock: Clock, now: number): Stamp {
  const { boots, time, heardAt } = clock
  return { boots, time: Math.min(time + Math.floor((now - heardAt) / 1000), bootsMax) }
}

/** The clock with what an authenticated message said: RFC 3414, section 3.2, step 7 b 1. */
export function advanced(clock: Clock | null, heard: Stamp, now: number): Clock {
  const isNewer =
    clock === null ||
    heard.boots > clock.boots ||
    (heard.boots === clock.boots && heard.time > clock.time)
  return isNewer ? { ...heard, heardAt: now } : clock
}

/**
 * Not older than the time window: RFC 3414, section 3.2, step 7 b 2.
 * @param clock as the message has advanced it
 */
export function isTimely(clock: Clock, heard: Stamp, now: number): boolean {
  if (clock.boots === bootsMax || heard.boots !== clock.boots) return false
  return heard.time >= stampAt(clock, now).time - timeWindowSeconds
}
