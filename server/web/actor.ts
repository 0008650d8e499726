// Who does something, for the audit log.

import type { FastifyRequest } from 'fastify'
import { type Actor, can } from '../model/user.ts'

export function actorOf(request: FastifyRequest): Actor {
  const { viewer, ip } = request
  const movesSecrets = can(viewer?.role ?? null, 'secrets.write')
  return { name: viewer?.name ?? 'nobody', address: ip, movesSecrets }
}
