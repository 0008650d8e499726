// A device config with its opened secrets, as the options of an SNMP session.

import { AUTH_PROTOCOLS, DEVICE_DEFAULTS, PRIV_PROTOCOLS, SNMP_PORT } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError } from '../model/errors.ts'
import type { Plan } from '../profiles/face.ts'
import type { SessionOptions, SnmpCredentials } from '../snmp/session.ts'
import type { Target } from './collector.ts'

/** @throws AppError E_SNMP_CONFIG where the config names none */
export function addressOf({ config }: Target): string {
  if (config.address !== undefined) return config.address
  throw new AppError('E_SNMP_CONFIG', 'the device has no address', {
    hint: 'write an IP address or a host name',
  })
}

/**
 * Time limits that profiles ask for hold where the config says nothing but the default.
 * @throws AppError E_SNMP_CONFIG where a credential or its secret is missing
 */
export function sessionOptions(
  target: Target,
  address: string,
  quirks: Plan['quirks'] = {},
): SessionOptions {
  const { config } = target
  const { timeoutMs, retries, ...ofAgent } = quirks
  const timeoutIsDefault = config.timeout === DEVICE_DEFAULTS.timeout
  const { repetitions, inFlight, timeout } = config.tuning ?? {}
  const retriesIsDefault = config.retries === DEVICE_DEFAULTS.retries
  const tryMs = (timeoutIsDefault ? timeoutMs : undefined) ?? parseDuration(config.timeout)
  return {
    address,
    port: config.port ?? SNMP_PORT,
    credentials: openCredentials(target),
    timeoutMs: tryMs,
    retries: (retriesIsDefault ? retries : undefined) ?? config.retries,
    quirks: ofAgent,
    pinned: {
      ...(repetitions !== undefined && { repetitions }),
      ...(inFlight !== undefined && { inFlight }),
      ...(timeout === 'fixed' && { timeoutMs: tryMs }),
    },
  }
}

function openCredentials({ config, secrets }: Target): SnmpCredentials {
  const { credentials } = config
  if (!credentials) {
    throw new AppError('E_SNMP_CONFIG', 'the device has no credentials', {
      hint: 'give a version and a community, or a v3 user',
    })
  }
  const opened = (input: string | { secret: string }, field: string): string => {
    const text = typeof input === 'string' ? input : secrets[input.secret]
    if (text !== undefined && text !== '') return text
    throw new AppError('E_SNMP_CONFIG', `the secret of credentials.${field} is not there`, {
      hint: 'enter the text again in the device form',
    })
  }
  if (credentials.version !== '3') {
    const { version, community } = credentials
    return { version, community: opened(community, 'community') }
  }
  const { version, user, level, auth, priv, context } = credentials
  return {
    version,
    user,
    level,
    ...(auth && {
      auth: {
        protocol: oneOf(AUTH_PROTOCOLS, auth.protocol, 'auth'),
        key: opened(auth.key, 'auth.key'),
      },
    }),
    ...(priv && {
      priv: {
        protocol: oneOf(PRIV_PROTOCOLS, priv.protocol, 'priv'),
        key: opened(priv.key, 'priv.key'),
      },
    }),
    ...(context !== undefined && { context }),
  }
}

function oneOf<T extends string>(known: readonly T[], protocol: string, field: string): T {
  const found = known.find(one => one === protocol)
  if (found !== undefined) return found
  throw new AppError('E_SNMP_CONFIG', `credentials.${field}.protocol "${protocol}" is not known`, {
    hint: `one of ${known.join(', ')}`,
  })
}
