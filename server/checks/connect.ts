// A TCP connection, and TLS on it, to an address that was checked before; the certificate is looked at
// whether or not it is believed.

import { connect, isIP, type Socket } from 'node:net'
import {
  type ConnectionOptions,
  rootCertificates,
  type TLSSocket,
  connect as tlsConnect,
} from 'node:tls'
import { CheckFailed, type Found } from './outcome.ts'

const dayMs = 86_400_000

/** @throws CheckFailed, or what the system says; the socket is closed when the signal ends */
export function connectTcp(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  return opened(connect({ host: address, port, signal }), 'connect')
}

export interface TlsWish {
  socket: Socket
  /** The name that the certificate must have. */
  host: string
  /** PEM of an authority beside those of the system; absent: none. */
  ca: string | undefined
  verify: boolean
}

/** @throws CheckFailed naming what is wrong with the certificate, where it is to be verified */
export async function connectTls(wish: TlsWish, found: Found): Promise<TLSSocket> {
  const { socket, host, ca, verify } = wish
  const options: ConnectionOptions = {
    socket,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
    // What fails is looked at first, then refused below.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  }
  let secure: TLSSocket
  try {
    secure = await opened(tlsConnect(options), 'secureConnect')
  } catch (error) {
    throw new CheckFailed(`TLS failed: ${error instanceof Error ? error.message : 'unknown'}`)
  }
  noteCertificate(secure, found)
  const wrong = secure.authorized ? null : tlsWords(String(secure.authorizationError), host)
  found.text('tls.problem', wrong ?? '')
  if (wrong !== null && verify) {
    secure.destroy()
    throw new CheckFailed(wrong)
  }
  return secure
}

function noteCertificate(secure: TLSSocket, found: Found): void {
  const certificate = secure.getPeerCertificate()
  const until = Date.parse(certificate.valid_to ?? '')
  found.number('cert.days', Math.floor((until - Date.now()) / dayMs))
  found.text('cert.subject', nameOf(certificate.subject))
  found.text('cert.issuer', nameOf(certificate.issuer))
}

/** The common name, or what else there is. A field given twice is a list. */
function nameOf(name: object | undefined): string {
  const fields = new Map<string, unknown>(Object.entries(name ?? {}))
  const best = fields.get('CN') ?? fields.get('O') ?? [...fields.values()][0] ?? ''
  return Array.isArray(best) ? best.join(', ') : String(best)
}

const TLS_WORDS: Record<string, string> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is signed by itself, not by a known authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'no known authority signed the certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no known authority signed the certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'no known authority signed the certificate',
}

function tlsWords(code: string, host: string): string {
  if (code.includes('ALTNAME_INVALID')) return `the certificate is not for ${host}`
  const known = Object.keys(TLS_WORDS).find(one => code.includes(one))
  return known === undefined ? `the certificate is not valid: ${code}` : (TLS_WORDS[known] ?? code)
}

function opened<T extends Socket>(socket: T, event: 'connect' | 'secureConnect'): Promise<T> {
  return new Promise((resolve, reject) => {
    // It stays: a later error is that of who uses the socket, and without a listener ends the process.
    socket.on('error', reject)
    socket.once('close', () => reject(new CheckFailed('the connection was closed')))
    socket.once(event, () => resolve(socket))
  })
}
