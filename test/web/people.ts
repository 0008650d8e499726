// People and requests for tests of the web server: one user and one token of each role, and a client
// that sends exactly the headers it is told, as an attacker's would.

import { request as send } from 'node:http'
import path from 'node:path'
import { addUser } from '../../server/auth/auth.ts'
import { addToken } from '../../server/auth/tokens.ts'
import { ROLES, type Role } from '../../server/model/user.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { signIn, type TestProgram } from './program.ts'

export interface Person {
  role: Role
  password: string
  cookie: string
  csrf: string
  /** Of an API token of the same role. */
  bearer: string
}

export async function people(test: TestProgram): Promise<Record<Role, Person>> {
  const store = await openStore({
    url: `sqlite:${path.join(test.dataDir, 'pollux.db')}`,
    log: silentLog,
  })
  try {
    const found: Partial<Record<Role, Person>> = {}
    for (const role of ROLES) {
      const at = Date.now()
      const name = `test-${role}`
      const { password } = await addUser(store.users, { name, role, password: null, at })
      const { token } = await addToken(store.users, { name, role, expiresInMs: 3_600_000, at })
      found[role] = {
        role,
        password,
        bearer: `Bearer ${token}`,
        ...(await signIn(test.url, password, name)),
      }
    }
    return found as Record<Role, Person>
  } finally {
    await store.close()
  }
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface Asked {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** The path goes out as it is, without a browser's tidying; a stream is cut after its headers. */
export function ask(url: string, pathname: string, asked: Asked = {}): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const { method = 'GET', headers = {}, body } = asked
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const options = { hostname, port, path: pathname, method, headers: { ...headers, ...length } }
    const request = send(options, response => {
      const answer = (text: string) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      if (/event-stream/.test(response.headers['content-type'] ?? '')) {
        response.destroy()
        return answer('')
      }
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => answer(text))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** As the browser of a signed-in person asks. */
export function as(url: string, person: Person, asked: Asked = {}): Asked {
  return {
    ...asked,
    headers: {
      cookie: person.cookie,
      origin: url,
      'sec-fetch-site': 'same-origin',
      'x-csrf-token': person.csrf,
      ...asked.headers,
    },
  }
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
