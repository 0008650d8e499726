// One check of an address without SNMP, as it stands in a device config: what is asked, and what is
// expected. Pure: nothing is asked here.

import Type, { type Static } from 'typebox'
import type { FieldError } from './errors.ts'

export const CHECK_TYPES = ['ping', 'tcp', 'http', 'dns'] as const
export const DNS_RECORDS = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT'] as const
export type DnsRecord = (typeof DNS_RECORDS)[number]

/** Checks of one device: each may take its whole time limit at the same moment. */
export const checksMax = 20

/** Host names and addresses; never with a dash in front, which a program would read as an option. */
const HOST = '^[A-Za-z0-9_.:\\[\\]][A-Za-z0-9_.:\\[\\]%-]*$'

export const Check = Type.Object(
  {
    /** Its row's key: unique in the device. */
    name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
    type: Type.Enum(CHECK_TYPES),
    /** ping, tcp: another host than the device's address. */
    host: Type.Optional(Type.String({ maxLength: 255, pattern: HOST })),
    /** tcp: the port; dns: that of `server`, else 53. */
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    /** http: http:// or https://. */
    url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
    /** http: the status that is expected; absent: any of 200 to 299. */
    status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
    /** http: found in the first megabyte of the body. */
    text: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    /** http: `off` lets a certificate pass that cannot be verified. It is named all the same. */
    verify: Type.Optional(Type.Enum(['on', 'off'] as const)),
    /** dns: the name that is asked for. */
    query: Type.Optional(Type.String({ maxLength: 253, pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*$' })),
    record: Type.Optional(Type.Enum(DNS_RECORDS)),
    /** dns: one of the answers must be this; absent: any answer will do. */
    answer: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    /** dns: the server that is asked; absent: those of the system. */
    server: Type.Optional(Type.String({ maxLength: 255, pattern: HOST })),
  },
  { additionalProperties: false },
)
export type Check = Static<typeof Check>

/** Which keys belong to which type. */
export const CHECK_KEYS: Record<Check['type'], { needed: (keyof Check)[]; may: (keyof Check)[] }> =
  {
    ping: { needed: [], may: ['host'] },
    tcp: { needed: ['port'], may: ['host'] },
    http: { needed: ['url'], may: ['status', 'text', 'verify'] },
    dns: { needed: ['query'], may: ['record', 'answer', 'server', 'port'] },
  }

/** What is wrong with checks that are each of the right form. */
export function checkErrors(checks: readonly Check[]): FieldError[] {
  const errors: FieldError[] = []
  const names = new Set<string>()
  for (const [i, check] of checks.entries()) {
    const add = (key: string, message: string) =>
      errors.push({ path: `checks.${i}.${key}`, message })
    if (names.has(check.name)) add('name', `"${check.name}" is there twice`)
    names.add(check.name)
    const { needed, may } = CHECK_KEYS[check.type]
    for (const key of needed)
      if (check[key] === undefined) add(key, `is missing: a check of type ${check.type} needs it`)
    for (const [key, value] of Object.entries(check)) {
      const known: readonly string[] = ['name', 'type', ...needed, ...may]
      if (value !== undefined && !known.includes(key))
        add(key, `is not for a check of type ${check.type}`)
    }
    if (check.url !== undefined && !isCheckUrl(check.url))
      add('url', 'must be http:// or https:// with a host, without user and password')
  }
  return errors
}

/** Credentials in a URL would be stored and shown as they are. */
export function isCheckUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && hostname !== '' && username === '' && password === ''
}
