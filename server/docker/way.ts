// The way to an engine from its address: a socket of this machine, TCP, TLS, or a tunnel of ssh. Names
// are resolved and checked here; nothing is connected yet.

import { AppError } from '../model/errors.ts'
import { parseEngineAddress } from './address.ts'
import type { EngineOptions } from './engine.ts'
import { openTunnel, type Tunnel } from './ssh.ts'
import type { Endpoint } from './transport.ts'

export interface Way {
  /** Behind a tunnel: its name. */
  endpoint: Endpoint
  tunnel: Tunnel | null
}

/** @throws AppError E_DOCKER_ADDRESS, E_DOCKER_SSH, E_ADDRESS_REFUSED, E_ADDRESS_UNKNOWN (passing) */
export async function wayTo(options: EngineOptions): Promise<Way> {
  const { tls, ssh, addresses, timeoutMs } = options
  const parsed = parseEngineAddress(options.address, tls !== undefined, options.port)
  if (parsed.kind === 'unix') {
    return { endpoint: { socketPath: parsed.socketPath }, tunnel: null }
  }
  if (parsed.kind === 'ssh') {
    if (ssh === undefined) {
      throw new AppError('E_DOCKER_SSH', `there is no key for ${options.address}`, {
        hint: 'give the device its "ssh": { "key", "knownHosts" }',
      })
    }
    const address = await addresses.resolve(parsed.host)
    const tunnel = openTunnel({ ...parsed, address }, ssh, timeoutMs)
    return { endpoint: { socketPath: tunnel.name }, tunnel }
  }
  const address = await addresses.resolve(parsed.host)
  const { host, port } = parsed
  return { endpoint: { address, host, port, tls: parsed.tls ? (tls ?? {}) : null }, tunnel: null }
}
