// How an agent that asks reached us: the address to put into its command line, and whether it is on
// this very machine.

import type { FastifyRequest } from 'fastify'
import type { WebContext } from './context.ts'

/** Where people and agents reach the pages. */
export function serverUrl(web: Pick<WebContext, 'publicUrl'>, request: FastifyRequest): string {
  return web.publicUrl?.replace(/\/$/, '') ?? `${request.protocol}://${request.host}`
}

/** Name or address without the port. */
export function askedHost(request: FastifyRequest): string {
  return request.hostname
}

export function isFromHere({ ip }: FastifyRequest): boolean {
  return ip === '::1' || ip.startsWith('127.') || ip.startsWith('::ffff:127.')
}
