// An engine's socket over ssh: one connection, and over it a channel to the socket for each call
// (direct-streamlocal@openssh.com, as `ssh -L` does it), so that nothing runs on the other machine.
// The host's key must be in the device's known_hosts; the only way in is the device's key.

import http from 'node:http'
import type { Duplex } from 'node:stream'
import ssh2, { type Client, type ConnectConfig } from 'ssh2'
import { AppError, messageOf } from '../model/errors.ts'
import { connectionError, timeoutError } from './errors.ts'
import { algorithmsOf, type HostVerdict, judgeHost, keysOf } from './known-hosts.ts'

/** Channels to one engine at a time; more calls wait for a free one. */
const channelsMax = 50
/** A connection that does not answer is given up after three of these. */
const keepaliveMs = 15_000

export interface SshTexts {
  /** A private key in OpenSSH's or PEM format, without a passphrase. */
  key: string
  /** Lines of a known_hosts file. */
  knownHosts: string
}

export interface SshEndpoint {
  /** The checked address. */
  address: string
  host: string
  port: number
  user: string
  socketPath: string
}

export interface Tunnel {
  /** For requests of http: each connects to the engine's socket. */
  agent: http.Agent
  /** How people know it: for error texts. */
  name: string
  close(): void
}

/**
 * Connects with the first request, and again with the next one after the connection broke.
 * @throws AppError E_DOCKER_SSH where the key cannot be read or no key of the host is known
 */
export function openTunnel(endpoint: SshEndpoint, texts: SshTexts, timeoutMs: number): Tunnel {
  const name = `${endpoint.user}@${endpoint.host}:${endpoint.port}`
  const config = configOf(endpoint, texts, timeoutMs, name)
  let connecting: Promise<Client> | null = null

  const connected = (): Promise<Client> => {
    connecting ??= connect(config, timeoutMs, name, () => {
      connecting = null
    })
    return connecting
  }

  const open = async (): Promise<Duplex> => {
    const client = await connected()
    return new Promise((resolve, reject) => {
      client.openssh_forwardOutStreamLocal(endpoint.socketPath, (error, channel) => {
        if (error) reject(channelError(error, endpoint.socketPath, name))
        else resolve(channel)
      })
    })
  }

  const agent = new TunnelAgent(open)
  return {
    agent,
    name,
    close() {
      agent.destroy()
      void connecting?.then(
        client => client.end(),
        () => {},
      )
    },
  }
}

class TunnelAgent extends http.Agent {
  readonly #open: () => Promise<Duplex>

  constructor(open: () => Promise<Duplex>) {
    super({ maxSockets: channelsMax })
    this.#open = open
  }

  override createConnection(
    _: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): null {
    this.#open().then(
      channel => callback?.(null, channel),
      // Node's own agent gives no stream with an error either.
      error => callback?.(error, undefined as unknown as Duplex),
    )
    return null
  }
}

function configOf(
  { address, host, port, user }: SshEndpoint,
  { key, knownHosts }: SshTexts,
  timeoutMs: number,
  name: string,
): ConnectConfig & { verdict: () => HostVerdict | null } {
  const parsed = ssh2.utils.parseKey(key)
  if (parsed instanceof Error) {
    throw sshError(`the ssh key of ${name} cannot be read`, {
      hint: 'give a private key without a passphrase, from -----BEGIN to END-----',
    })
  }
  const keys = keysOf(knownHosts, host, port)
  const algorithms = algorithmsOf(keys)
  if (algorithms.length === 0) throw hostError('unknown', name, host, port)
  let verdict: HostVerdict | null = null
  return {
    host: address,
    port,
    username: user,
    privateKey: key,
    readyTimeout: timeoutMs,
    keepaliveInterval: keepaliveMs,
    algorithms: { serverHostKey: algorithms as never },
    hostVerifier: (shown: Buffer) => {
      verdict = judgeHost(keys, shown)
      return verdict === 'known'
    },
    verdict: () => verdict,
  }
}

function connect(
  config: ReturnType<typeof configOf>,
  timeoutMs: number,
  name: string,
  onEnd: () => void,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.on('ready', () => resolve(client))
    client.on('error', error => {
      onEnd()
      const verdict = config.verdict()
      const isRefused = verdict !== null && verdict !== 'known'
      reject(
        isRefused
          ? hostError(verdict, name, name.split('@')[1] ?? name, config.port ?? 22)
          : clientError(error, timeoutMs, name),
      )
      client.destroy()
    })
    client.on('close', () => {
      onEnd()
      reject(connectionError(new Error('the ssh connection was closed'), name))
    })
    client.connect(config)
  })
}

function clientError(error: Error & { level?: string }, timeoutMs: number, name: string): AppError {
  if (error.level === 'client-timeout') return timeoutError(name, timeoutMs)
  if (error.level === 'client-authentication') {
    return sshError(`${name} refuses our ssh key`, {
      cause: messageOf(error),
      hint: 'add its public half to ~/.ssh/authorized_keys of that user',
    })
  }
  if (/no matching host key format/i.test(error.message)) {
    return sshError(`${name} shows a host key of another kind than its known_hosts line`, {
      cause: messageOf(error),
      hint: 'look at the machine, then take its lines anew: ssh-keyscan HOST',
    })
  }
  return connectionError(error, name)
}

function hostError(verdict: HostVerdict, name: string, host: string, port: number): AppError {
  const scan = `ssh-keyscan -p ${port} ${host.replace(/:\d+$/, '')}`
  const what = {
    known: '',
    unknown: `no key of ${name} is in the device's known_hosts`,
    changed: `${name} shows another host key than the device's known_hosts has`,
    revoked: `${name} shows a host key that is marked as revoked`,
  }[verdict]
  const hint = {
    known: '',
    unknown: `take its lines (${scan}), compare them with the machine, and give them to the device`,
    changed: `somebody may stand between, or the machine was made anew: compare its key, then ${scan}`,
    revoked: 'give the machine a new host key',
  }[verdict]
  return sshError(what, { hint })
}

/** sshd does not tell why it opens no channel. */
function channelError(error: Error, socketPath: string, name: string): AppError {
  return new AppError(
    'E_DOCKER_UNREACHABLE',
    `${name} does not open ${socketPath}: ${messageOf(error)}`,
    {
      cause: messageOf(error),
      passing: true,
      hint: 'is Docker running there, is the user in the group "docker", and do sshd (AllowStreamLocalForwarding) and the key (port-forwarding) allow it?',
    },
  )
}

function sshError(message: string, more: { cause?: string; hint: string }): AppError {
  return new AppError('E_DOCKER_SSH', message, more)
}
