// An OpenID Connect provider on loopback: discovery, an authorization endpoint that agrees at once,
// PKCE (S256), a client secret, and ID tokens that are really signed. It can be told to lie.

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Teardown } from './find.ts'

export const CLIENT_ID = 'pollux-test'
export const CLIENT_SECRET = 'a-client-secret-of-the-test'

/** What the provider does at the next sign-in. */
export interface Mood {
  claims: Record<string, unknown>
  /** In place of the right claims of the ID token. */
  lies: Record<string, unknown>
  /** Signed by a key that is not the provider's. */
  forged: boolean
  /** The error that it sends back instead of a code. */
  error: string | null
}

export interface Provider {
  issuer: string
  mood: Mood
  /** How often a code was turned into tokens. */
  grants(): number
}

interface Grant {
  challenge: string
  nonce: string
  redirectUri: string
}

export async function startProvider(t: Teardown): Promise<Provider> {
  const keys = await generateKeyPair('RS256', { extractable: true })
  const others = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  const codes = new Map<string, Grant>()
  let grants = 0
  const mood: Mood = { claims: { sub: 'nobody' }, lies: {}, forged: false, error: null }

  const idToken = (nonce: string): Promise<string> => {
    const now = Math.floor(Date.now() / 1000)
    const times = { iat: now, exp: now + 300 }
    const payload = { iss: issuer, aud: CLIENT_ID, nonce, ...times, ...mood.claims, ...mood.lies }
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(mood.forged ? others.privateKey : keys.privateKey)
  }

  const authorize = (query: URLSearchParams, response: ServerResponse) => {
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('state', query.get('state') ?? '')
    if (mood.error !== null) back.searchParams.set('error', mood.error)
    else {
      const code = randomBytes(16).toString('hex')
      codes.set(code, {
        challenge: query.get('code_challenge') ?? '',
        nonce: query.get('nonce') ?? '',
        redirectUri: query.get('redirect_uri') ?? '',
      })
      back.searchParams.set('code', code)
    }
    response.writeHead(302, { location: back.href }).end()
  }

  const token = async (request: IncomingMessage, response: ServerResponse) => {
    const form = new URLSearchParams(await textOf(request))
    const grant = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const proof = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isRight =
      clientOf(request, form) === `${CLIENT_ID}:${CLIENT_SECRET}` &&
      grant?.challenge === proof &&
      grant.redirectUri === form.get('redirect_uri')
    if (!grant || !isRight) return json(response, 400, { error: 'invalid_grant' })
    grants++
    return json(response, 200, {
      access_token: 'unused',
      token_type: 'Bearer',
      expires_in: 60,
      id_token: await idToken(grant.nonce),
    })
  }

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer)
    if (pathname === '/.well-known/openid-configuration') {
      return json(response, 200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        code_challenge_methods_supported: ['S256'],
      })
    }
    if (pathname === '/jwks') return json(response, 200, { keys: [jwk] })
    if (pathname === '/authorize') return authorize(searchParams, response)
    if (pathname === '/token') return void token(request, response)
    return json(response, 404, {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const issuer = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  return { issuer, mood, grants: () => grants }
}

/** `client_secret_basic` or `client_secret_post` (RFC 6749, 2.3.1). */
function clientOf({ headers }: IncomingMessage, form: URLSearchParams): string {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1]
  if (basic === undefined) return `${form.get('client_id')}:${form.get('client_secret')}`
  return decodeURIComponent(Buffer.from(basic, 'base64').toString())
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
