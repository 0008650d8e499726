// A GET of a page: the time of each phase, the status, a text in its body. Every address, that of a
// redirect too, is asked of the same policy as polled devices, and is the one that is connected to.

import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { isCheckUrl } from '../model/check.ts'
import { connectTcp, connectTls } from './connect.ts'
import { CheckFailed, type Found } from './outcome.ts'

const redirectsMax = 5
/** So much of a body is searched for the text, bytes. */
export const bodyBytesMax = 1_048_576

/** The address of a host that may be asked. @throws AppError E_ADDRESS_… */
export type Resolve = (host: string) => Promise<string>

export interface HttpWish {
  url: string
  status: number | undefined
  text: string | undefined
  verify: boolean
  ca: string | undefined
}

/** @throws CheckFailed and whatever the network says */
export async function checkHttp(
  wish: HttpWish,
  resolve: Resolve,
  found: Found,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  let url = new URL(wish.url)
  for (let redirects = 0; ; redirects++) {
    const next = await visit(url, wish, resolve, found, signal)
    if (next === null) break
    if (redirects === redirectsMax) throw new CheckFailed(`more than ${redirectsMax} redirects`)
    url = next
  }
  found.number('time', (performance.now() - started) / 1000)
}

/** One answer. @returns where it leads to, or null where it was the last */
async function visit(
  url: URL,
  wish: HttpWish,
  resolve: Resolve,
  found: Found,
  signal: AbortSignal,
): Promise<URL | null> {
  const phase = phases(found)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const address = await resolve(host)
  phase('http.lookup')
  const isTls = url.protocol === 'https:'
  const plain = await connectTcp(address, Number(url.port) || (isTls ? 443 : 80), signal)
  phase('http.connect')
  try {
    const { verify, ca } = wish
    const socket = isTls ? await connectTls({ socket: plain, host, ca, verify }, found) : plain
    if (isTls) phase('http.tls')
    const answer = await get(url, socket)
    phase('http.wait')
    found.number('http.status', answer.statusCode ?? 0)
    const next = redirectOf(answer, url, wish)
    if (next === null) await judge(answer, wish)
    return next
  } finally {
    plain.destroy()
  }
}

function phases(found: Found): (path: string) => void {
  let since = performance.now()
  return path => {
    const now = performance.now()
    found.number(path, (now - since) / 1000)
    since = now
  }
}

function get(url: URL, socket: Socket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: url.hostname,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'user-agent': 'Pollux',
        accept: '*/*',
        'accept-encoding': 'identity',
        connection: 'close',
      },
      createConnection: () => socket,
    })
    sent.once('response', resolve)
    sent.on('error', reject)
    // Whether the time is over or the server hung up, there will be no answer.
    socket.once('close', () => reject(new CheckFailed('the connection was closed')))
    sent.end()
  })
}

function redirectOf(answer: IncomingMessage, url: URL, wish: HttpWish): URL | null {
  const { statusCode = 0, headers } = answer
  if (wish.status === statusCode || ![301, 302, 303, 307, 308].includes(statusCode)) return null
  const { location } = headers
  if (location === undefined) return null
  if (!URL.canParse(location, url.href)) throw new CheckFailed('a redirect to no address')
  const next = new URL(location, url)
  if (!isCheckUrl(next.href))
    throw new CheckFailed(`a redirect to ${next.protocol} is not followed`)
  return next
}

async function judge(answer: IncomingMessage, { status, text }: HttpWish): Promise<void> {
  const { statusCode = 0 } = answer
  if (status === undefined ? statusCode < 200 || statusCode > 299 : statusCode !== status)
    throw new CheckFailed(`status ${statusCode} instead of ${status ?? '200 to 299'}`)
  if (text !== undefined && !(await isInBody(answer, Buffer.from(text))))
    throw new CheckFailed(`the text "${text}" is not in the page`)
}

/** Looked for chunk by chunk: what was searched is let go, but for what may begin the text. */
async function isInBody(answer: IncomingMessage, text: Buffer): Promise<boolean> {
  let rest = Buffer.alloc(0)
  let bytes = 0
  for await (const chunk of answer) {
    if (!Buffer.isBuffer(chunk)) continue
    const part = chunk.subarray(0, bodyBytesMax - bytes)
    const searched = Buffer.concat([rest, part])
    if (searched.includes(text)) return true
    bytes += part.length
    if (bytes >= bodyBytesMax) return false
    rest = searched.subarray(Math.max(0, searched.length - text.length + 1))
  }
  return false
}
