// Who does something, for the audit log.

import type { FastifyRequest } from 'fastify'
import type { Actor } from '../model/user.ts'

export function actorOf(request: FastifyRequest): Actor {
  return { name: request.viewer?.name ?? '', address: request.ip }
}
