// What goes wrong between the client and its broker, in words: a URL that names none, a refused user,
// a broker that is away, a message too large for it.

import { AppError } from '../model/errors.ts'
import type { LinkEnd } from './link.ts'

/**
 * Host and port of the URL, for logs: never its password.
 * @throws AppError E_BUS_URL when it names no MQTT broker
 */
export function brokerOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (!parsed?.host || !/^(mqtts?|wss?|tcp|ssl|tls):$/.test(parsed.protocol)) {
    throw new AppError('E_BUS_URL', 'the address of the MQTT broker is not a URL of one', {
      hint: 'write POLLUX_MQTT_URL as mqtt://host:1883, mqtts://host:8883 or ws://host/path',
    })
  }
  return parsed.host
}

/** Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3) and reason codes (MQTT 5, 3.2.2.2). */
export function isCredentials(code: number | null): boolean {
  return code === 4 || code === 5 || code === 134 || code === 135
}

/** Why a connection ended or never was. */
export function explain(
  end: LinkEnd,
  { url, username }: { url: string; username?: string | undefined },
): string {
  if (isCredentials(end.code)) {
    const user = username ?? (decodeURIComponent(new URL(url).username) || '(none)')
    return `the broker refused the user "${user}": wrong name or password`
  }
  return end.error ?? 'the broker closed the connection'
}

export function brokerOffline(where: string): AppError {
  return new AppError('E_BUS_OFFLINE', `the MQTT broker ${where} is not connected`, {
    passing: true,
    hint: 'check that the broker runs and that POLLUX_MQTT_URL names it',
  })
}

export function tooLarge(bytes: number, bytesMax: number): AppError {
  return new AppError(
    'E_BUS_TOO_LARGE',
    `a message of ${bytes} bytes is above the broker's ${bytesMax}`,
    { hint: 'send it in parts' },
  )
}
