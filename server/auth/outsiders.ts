// People whom an OpenID Connect provider vouches for: made at the first sign-in, known by issuer and
// subject alone, with the role that the provider's claim gives them each time.

import type { Audit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import type { User } from '../model/user.ts'
import type { UserStore } from '../store/contract.ts'
import type { Outsider } from './contract.ts'
import { sha256 } from './sessions.ts'

/** @throws AppError E_OIDC_DISABLED, E_OIDC_NAME, E_OIDC_ROLE */
export async function signInOutsider(
  { users, audit }: { users: UserStore; audit: Audit },
  { issuer, subject, name, role }: Outsider,
  address: string,
  at: number,
): Promise<User> {
  const key = sha256(JSON.stringify([issuer, subject]))
  const known = await users.byOrigin(key)
  if (!known) return create()
  if (known.disabled) {
    throw new AppError('E_OIDC_DISABLED', `the account "${known.name}" is disabled here`, {
      hint: 'ask an administrator of this site',
    })
  }
  if (known.role === role) return known
  if (!(await users.change(known.id, { role, disabled: false }))) {
    throw new AppError('E_OIDC_ROLE', `"${known.name}" is the last administrator here`, {
      hint: `the sign-in service says ${role} now: make somebody else an administrator first`,
    })
  }
  await audit.record({ name: known.name, address }, 'user.change', `user:${known.name}`, {
    before: { role: known.role },
    after: { role, by: issuer },
  })
  return { ...known, role }

  async function create(): Promise<User> {
    try {
      const made = await users.create({
        name,
        role,
        passwordHash: '',
        at,
        origin: { issuer, key },
      })
      await audit.record({ name, address }, 'user.create', `user:${name}`, {
        after: { role, by: issuer },
      })
      return made
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'E_USER_EXISTS') throw error
      // Never merged: whoever may choose a name there would become that user here.
      throw new AppError('E_OIDC_NAME', `there is another user "${name}" here already`, {
        hint: 'an administrator may rename one of the two, here or there',
      })
    }
  }
}
