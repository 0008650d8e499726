// The second step as a person with an authenticator app goes through it, for tests.

import { codeAt } from '../../server/auth/totp.ts'
import { type Answer, as, ask, FORM, type Person } from './people.ts'

export const hidden = (answer: Answer, name: string): string =>
  new RegExp(`name="${name}" value="([^"]+)"`).exec(answer.body)?.[1] ?? ''
export const stepNow = () => Math.floor(Date.now() / 30_000)

/** A plain form, sent as a browser does. */
export type Post = (path: string, fields: Record<string, string>, by?: Person) => Promise<Answer>

export function poster(url: string): Post {
  return (path, fields, person) => {
    const asked = { method: 'POST', headers: { ...FORM, origin: url } }
    return ask(url, path, {
      ...(person ? as(url, person, asked) : asked),
      body: new URLSearchParams({ ...fields, _csrf: person?.csrf ?? '' }).toString(),
    })
  }
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
export function keyIn({ body }: Answer): Buffer {
  const text = (/id="totp-key">([A-Z2-7 ]+)</.exec(body)?.[1] ?? '').replaceAll(' ', '')
  const bits = [...text].map(one => BASE32.indexOf(one).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2)))
}

/** The key and the recovery codes of somebody who switched the second step on. */
export async function switchOn(
  post: Post,
  person: Person,
): Promise<{ key: Buffer; codes: string[]; used: string }> {
  const begun = await post('/account/totp/begin', { current: person.password }, person)
  const key = keyIn(begun)
  const used = codeAt(key, stepNow())
  const done = await post(
    '/account/totp/confirm',
    { setup: hidden(begun, 'setup'), code: used },
    person,
  )
  const codes = [...done.body.matchAll(/<li>([a-z0-9]{5}-[a-z0-9]{5})<\/li>/g)].map(
    one => one[1] ?? '',
  )
  if (codes.length !== 10) throw new Error(`no recovery codes: ${done.status}`)
  return { key, codes, used }
}
