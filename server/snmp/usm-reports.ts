// What an SNMPv3 agent's reports mean (RFC 3414, section 5; RFC 3412 and 3413), in an admin's words.

import { AppError } from '../model/errors.ts'
import type { UsmCredentials } from './usm-engine.ts'

const USM_STATS = '1.3.6.1.6.3.15.1.1'
export const NOT_IN_TIME_WINDOWS = `${USM_STATS}.2.0`
export const UNKNOWN_ENGINE_IDS = `${USM_STATS}.4.0`

interface Reason {
  /** After `192.0.2.1:161 `. */
  what: string
  hint: string
}

const REASONS: Record<string, (credentials: UsmCredentials) => Reason> = {
  // usmStatsUnsupportedSecLevels
  [`${USM_STATS}.1.0`]: ({ user, level }) => ({
    what: `does not offer the level ${level} to the user "${user}"`,
    hint: 'the level is too high: give the user its keys on the device, or choose a lower level here',
  }),
  // usmStatsNotInTimeWindows, where a new clock was of no use
  [NOT_IN_TIME_WINDOWS]: () => ({
    what: 'refuses our time (usmStatsNotInTimeWindows)',
    hint: 'its SNMP engine must be restarted, or its engineBoots reached their end',
  }),
  // usmStatsUnknownUserNames
  [`${USM_STATS}.3.0`]: ({ user }) => ({
    what: `does not know the user "${user}"`,
    hint: 'make this user on the device, or correct credentials.user',
  }),
  // usmStatsWrongDigests
  [`${USM_STATS}.5.0`]: ({ user }) => ({
    what: `refused the authentication key of the user "${user}"`,
    hint: 'credentials.auth: protocol and key must be those that the device has for this user',
  }),
  // usmStatsDecryptionErrors
  [`${USM_STATS}.6.0`]: ({ user }) => ({
    what: `could not decrypt the request of the user "${user}"`,
    hint: 'credentials.priv: protocol and key must be those that the device has for this user',
  }),
  // snmpUnavailableContexts, snmpUnknownContexts
  '1.3.6.1.6.3.12.1.4.0': context,
  '1.3.6.1.6.3.12.1.5.0': context,
}

function context(credentials: UsmCredentials): Reason {
  return {
    what: `does not know the context "${credentials.context ?? ''}"`,
    hint: 'correct credentials.context, or leave it out',
  }
}

/** The error that a report is, where it cannot be mended by asking again. */
export function reportError(where: string, credentials: UsmCredentials, oid: string): AppError {
  const { what, hint } = REASONS[oid]?.(credentials) ?? {
    what: `refused the request with the report ${oid}`,
    hint: 'user, level, protocols, keys and context must be those set on the device',
  }
  return new AppError('E_SNMP_AUTH', `${where} ${what}`, { hint })
}

/**
 * Agents say nothing where decryption gave no sense or the context is not theirs, so silence after
 * a good digest means that. Null where it means nothing.
 */
export function silentAfterDigest(where: string, credentials: UsmCredentials): AppError | null {
  const { user, level, context = '' } = credentials
  const suspects = [
    ...(level === 'authPriv' ? ['credentials.priv (protocol or key)'] : []),
    ...(context === '' ? [] : [`credentials.context ("${context}")`]),
  ]
  if (suspects.length === 0) return null
  return new AppError(
    'E_SNMP_AUTH',
    `${where} accepted the user "${user}" and its authentication key, but answers none of its requests`,
    { hint: `${suspects.join(' or ')} is probably not what the device has for this user` },
  )
}

/** The agent's own answer, authentic, decrypts to no SNMP. */
export function undecryptable(where: string, { user }: UsmCredentials): AppError {
  return new AppError(
    'E_SNMP_AUTH',
    `${where} answered the user "${user}" with a text that our key does not decrypt`,
    {
      hint: 'credentials.priv: protocol or key is not the one that the device has for this user',
    },
  )
}
