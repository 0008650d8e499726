// Signing in by an OpenID Connect provider: the authorization code flow with PKCE, state and nonce,
// by openid-client, which checks the ID token. Nobody gets in whose claim names no role.

import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client'
import Type from 'typebox'
import { AppError, messageOf } from '../model/errors.ts'
import { ROLES, type Role } from '../model/user.ts'
import type { Secrets } from '../secrets.ts'
import { checker } from '../validate.ts'
import type { Outsider } from './contract.ts'

const ANSWER_SECONDS_MAX = 10
/** Between leaving for the provider and coming back. */
const WAIT_MS_MAX = 10 * 60_000
const NAME_LENGTH_MAX = 64

export interface OpenIdOptions {
  issuer: string
  clientId: string
  clientSecret: string
  /** The claim that says what somebody may do; a text or a list of texts. */
  claim: string
  /** Which of its values gives which role. */
  roles: readonly { role: Role; value: string }[]
  secrets: Secrets
  now?: () => number
}

export interface OpenId {
  readonly issuer: string
  /**
   * Where to send the browser, and what it must bring back, sealed.
   * @throws AppError E_OIDC_PROVIDER
   */
  begin(redirectUri: string, next: string): Promise<{ url: string; sealed: string }>
  /**
   * Who came back to `url`, and where they wanted to go.
   * @throws AppError E_OIDC_PROVIDER, E_OIDC_STATE, E_OIDC_REFUSED, E_OIDC_NO_ROLE
   */
  finish(url: URL, sealed: string): Promise<{ outsider: Outsider; next: string }>
}

const checkPending = checker(
  Type.Object({
    at: Type.Number(),
    state: Type.String(),
    nonce: Type.String(),
    verifier: Type.String(),
    redirectUri: Type.String(),
    next: Type.String(),
  }),
)
const checkClaim = checker(Type.Union([Type.String(), Type.Array(Type.String())]))
const checkText = checker(Type.String({ minLength: 1 }))

export function createOpenId(options: OpenIdOptions): OpenId {
  const { issuer, clientId, clientSecret, secrets, now = Date.now } = options
  let known: Promise<Configuration> | null = null
  /** Read when first needed, and again after a failure: a provider that is away stops no start. */
  const provider = (): Promise<Configuration> => {
    known ??= discovery(new URL(issuer), clientId, clientSecret, undefined, {
      timeout: ANSWER_SECONDS_MAX,
      // An ID token's signature is checked too, though it comes straight from the provider.
      execute: isLoopbackHttp(issuer)
        ? [enableNonRepudiationChecks, allowInsecureRequests]
        : [enableNonRepudiationChecks],
    }).catch((cause: unknown) => {
      known = null
      throw new AppError('E_OIDC_PROVIDER', `the sign-in service ${issuer} does not answer`, {
        cause,
        passing: true,
        hint: `check POLLUX_OIDC_ISSUER and that this server reaches it: ${messageOf(cause)}`,
      })
    })
    return known
  }

  return {
    issuer,
    async begin(redirectUri, next) {
      const config = await provider()
      const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()]
      const url = buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid profile email',
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      const pending = { at: now(), state, nonce, verifier, redirectUri, next }
      return { url: url.href, sealed: secrets.seal('openid', JSON.stringify(pending)) }
    },

    async finish(url, sealed) {
      const pending = pendingOf(secrets, sealed)
      if (!pending || now() - pending.at > WAIT_MS_MAX) {
        throw new AppError('E_OIDC_STATE', 'this sign-in is too old, or began in another browser', {
          hint: 'begin again on the sign-in page, with cookies allowed',
        })
      }
      const config = await provider()
      // The address as the provider knew it: behind a proxy ours may look otherwise.
      const called = new URL(pending.redirectUri)
      called.search = url.search
      try {
        const tokens = await authorizationCodeGrant(config, called, {
          pkceCodeVerifier: pending.verifier,
          expectedState: pending.state,
          expectedNonce: pending.nonce,
          idTokenExpected: true,
        })
        const claims = tokens.claims() ?? {}
        return { outsider: outsiderOf(options, claims), next: pending.next }
      } catch (cause) {
        if (cause instanceof AppError) throw cause
        throw refused(cause)
      }
    },
  }
}

/** Plain http is for a provider on this very machine alone. */
export function isLoopbackHttp(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer)
  return protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

function pendingOf(secrets: Secrets, sealed: string) {
  try {
    const checked = checkPending(JSON.parse(secrets.open('openid', sealed)))
    return checked.ok ? checked.value : null
  } catch {
    return null
  }
}

function refused(cause: unknown): AppError {
  const said =
    cause instanceof AuthorizationResponseError
      ? (cause.error_description ?? cause.error)
      : messageOf(cause)
  return new AppError('E_OIDC_REFUSED', 'the sign-in service did not vouch for you', {
    cause,
    hint: `what was wrong: ${said.slice(0, 200)}. Try again; an administrator may check the client id, its secret and the address of return`,
  })
}

/** @throws AppError E_OIDC_NO_ROLE */
function outsiderOf(
  { issuer, claim, roles }: OpenIdOptions,
  claims: Record<string, unknown>,
): Outsider {
  const checked = checkClaim(claims[claim])
  const values = checked.ok ? [checked.value].flat() : []
  const role = ROLES.find(one =>
    roles.some(rule => rule.role === one && values.includes(rule.value)),
  )
  const subject = checkText(claims.sub)
  if (!role || !subject.ok) {
    throw new AppError('E_OIDC_NO_ROLE', 'your account there has no role here', {
      hint: `its claim "${claim}" names none of the values of POLLUX_OIDC_ROLES: ask an administrator`,
    })
  }
  const texts = [claims.preferred_username, claims.email, claims.sub].map(checkText)
  const named = texts.find(text => text.ok)
  const name = named?.ok ? named.value : subject.value
  return { issuer, subject: subject.value, name: plainName(name), role }
}

/** As names are here: letters, digits, dots, dashes, @ and blanks. */
function plainName(name: string): string {
  const plain = name
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}._@ -]/gu, '-')
    .replace(/^[^\p{L}\p{N}]+/u, '')
  return plain.slice(0, NAME_LENGTH_MAX).trim() || 'somebody'
}
