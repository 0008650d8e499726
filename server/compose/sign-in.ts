// Signing in, as the settings say: how long sessions last, and by which provider beside passwords.

import type { Audit } from '../audit.ts'
import { createAuth } from '../auth/auth.ts'
import type { Auth } from '../auth/contract.ts'
import { createOpenId, type OpenId } from '../auth/openid.ts'
import { createThrottle } from '../auth/throttle.ts'
import type { Config } from '../config.ts'
import type { Secrets } from '../secrets.ts'
import type { Store } from '../store/contract.ts'

export function signInBy(
  config: Config,
  { store, audit, secrets }: { store: Store; audit: Audit; secrets: Secrets },
): { auth: Auth; openId: OpenId | null } {
  const auth = createAuth({
    users: store.users,
    audit,
    secrets,
    throttle: createThrottle(),
    ages: { idleMs: config.sessionIdle, mostMs: config.sessionMax },
  })
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret } = config
  const openId =
    issuer === null || clientId === null || clientSecret === null
      ? null
      : createOpenId({
          issuer,
          clientId,
          clientSecret,
          claim: config.oidcClaim,
          roles: config.oidcRoles,
          secrets,
        })
  return { auth, openId }
}
