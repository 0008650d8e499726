// Where a Docker engine listens, as an admin writes it: unix:///path, tcp://host:port or
// ssh://user@host. Pure.

import { AppError } from '../model/errors.ts'

/** Bytes of a unix socket's path: sun_path of unix(7) less its closing NUL. */
const socketPathBytesMax = 107

/** Ports that Docker itself uses, plain and with TLS. */
const PLAIN_PORT = 2375
const TLS_PORT = 2376
const SSH_PORT = 22
/** Where the engine listens on a machine that ssh reaches. */
const SOCKET_PATH = '/var/run/docker.sock'

export type EngineAddress =
  | { kind: 'unix'; socketPath: string }
  | { kind: 'tcp'; host: string; port: number; tls: boolean }
  | { kind: 'ssh'; host: string; port: number; user: string; socketPath: string }

/**
 * Reads an engine's address. A TCP address is spoken to with TLS where the device has TLS texts.
 * @throws AppError E_DOCKER_ADDRESS, which names what is wrong and what may stand there
 */
export function parseEngineAddress(text: string, hasTls: boolean, port?: number): EngineAddress {
  if (text.startsWith('unix://')) return unixAddress(text.slice('unix://'.length), hasTls)
  if (text.startsWith('tcp://')) return tcpAddress(text, hasTls, port)
  if (text.startsWith('ssh://')) return sshAddress(text, hasTls, port)
  throw refused(
    `"${text}" is not the address of a Docker engine`,
    'write unix:///var/run/docker.sock, tcp://host:2375, tcp://host:2376 with TLS texts, or ssh://user@host',
  )
}

function unixAddress(socketPath: string, hasTls: boolean): EngineAddress {
  if (hasTls) throw refused('a unix socket has no TLS', 'leave out "tls", or use a tcp:// address')
  checkSocketPath(socketPath)
  return { kind: 'unix', socketPath }
}

/** `ssh://user@host[:port][/path/of/the.sock]`, as the docker command takes it. */
function sshAddress(text: string, hasTls: boolean, port: number | undefined): EngineAddress {
  if (hasTls) throw refused('ssh has no TLS', 'leave out "tls", or use a tcp:// address')
  const url = URL.parse(text.replace('ssh:', 'http:'))
  const isBare = url !== null && !url.search && !url.hash && url.password === ''
  if (!isBare || url.hostname === '' || !/^[A-Za-z0-9._-]{1,64}$/.test(url.username)) {
    throw refused(
      `"${text}" is not an address`,
      'write ssh://user@host, with a key and no password',
    )
  }
  const written = /@(?:\[[^\]]*\]|[^/:]*):([0-9]+)/.exec(text)?.[1]
  const socketPath = ['', '/'].includes(url.pathname) ? SOCKET_PATH : decoded(url.pathname)
  checkSocketPath(socketPath)
  return {
    kind: 'ssh',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: written !== undefined ? Number(written) : (port ?? SSH_PORT),
    user: url.username,
    socketPath,
  }
}

function decoded(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    throw refused(`"${path}" is not a path`, 'a "%" is written as %25')
  }
}

function checkSocketPath(socketPath: string): void {
  if (!socketPath.startsWith('/') || socketPath.includes('\0')) {
    throw refused(
      `"unix://${socketPath}" has no absolute path`,
      'write three slashes: unix:///var/run/docker.sock',
    )
  }
  if (Buffer.byteLength(socketPath) > socketPathBytesMax) {
    throw refused(
      `the socket's path is longer than ${socketPathBytesMax} bytes`,
      'make a symbolic link with a shorter path',
    )
  }
}

function tcpAddress(text: string, tls: boolean, port: number | undefined): EngineAddress {
  // An http: URL is parsed by the host rules that a request follows; tcp: would keep any host.
  const url = URL.parse(text.replace('tcp:', 'http:'))
  const bare = url !== null && ['', '/'].includes(url.pathname) && !url.search && !url.hash
  if (!bare || url.hostname === '' || url.username !== '' || url.password !== '') {
    throw refused(`"${text}" is not an address`, 'write tcp://host:2376')
  }
  const written = /:([0-9]+)\/?$/.exec(text)?.[1]
  return {
    kind: 'tcp',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: written !== undefined ? Number(written) : (port ?? (tls ? TLS_PORT : PLAIN_PORT)),
    tls,
  }
}

function refused(message: string, hint: string): AppError {
  return new AppError('E_DOCKER_ADDRESS', message, { hint })
}
