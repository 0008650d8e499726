// Who asks: what they may do, and their name for the audit log.

import type { FastifyRequest } from 'fastify'
import { type Actor, can, type Permission } from '../model/user.ts'
import type { Viewer } from './context.ts'

/** By their role, and by the scope of their token. */
export function mayDo(viewer: Viewer | null, permission: Permission): boolean {
  return can(viewer?.role ?? null, permission, viewer?.scope ?? null)
}

export function actorOf(request: FastifyRequest): Actor {
  const { viewer, ip } = request
  const movesSecrets = mayDo(viewer, 'secrets.write')
  return { name: viewer?.name ?? 'nobody', address: ip, movesSecrets }
}
