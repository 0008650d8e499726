// Hosts as Zabbix exports them (Data collection → Hosts → Export, in YAML or JSON; versions 5.4 to 7). Elements that
// have their default are not in an export. Pure.

import Type, { type Static } from 'typebox'
import { type Found, type Placed, refusedFor, said, tagsOf, textOf } from './found.ts'

const Text = Type.Optional(Type.Union([Type.String(), Type.Number()]))

const Interface = Type.Object({
  type: Text,
  useip: Text,
  ip: Text,
  dns: Text,
  port: Text,
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})
type Interface = Static<typeof Interface>

const Host = Type.Object({
  host: Type.String({ minLength: 1 }),
  name: Text,
  status: Text,
  groups: Type.Optional(Type.Array(Type.Object({ name: Text }))),
  interfaces: Type.Optional(Type.Array(Interface)),
  tags: Type.Optional(Type.Array(Type.Object({ tag: Text, value: Text }))),
  macros: Type.Optional(Type.Array(Type.Object({ macro: Text, value: Text }))),
  inventory: Type.Optional(Type.Unknown()),
})
type Host = Static<typeof Host>

export const Zabbix = Type.Object({
  zabbix_export: Type.Object({ hosts: Type.Array(Host) }),
})

export const foundInZabbix = ({ zabbix_export: { hosts } }: Static<typeof Zabbix>): Placed[] =>
  hosts.map((host, index) => ({ ...foundOf(host), path: ['zabbix_export', 'hosts', index] }))

function foundOf(host: Host): Found {
  const snmp = host.interfaces?.find(({ type }) => textOf(type) === 'SNMP')
  if (!snmp) {
    const mend = "for what Zabbix' agent measures, run Pollux' own there (docs/agent.md)"
    return refusedFor(host.host, `the host has no SNMP interface; ${mend}`)
  }
  const macros = new Map(host.macros?.map(({ macro, value }) => [textOf(macro), textOf(value)]))
  const open = (value: unknown) => macros.get(textOf(value)) || textOf(value)
  const isByName = textOf(snmp.useip) === 'NO'
  const location = locationOf(host.inventory)
  const document = said({
    kind: 'snmp',
    name: textOf(host.name) || host.host,
    address: open(isByName ? snmp.dns : (snmp.ip ?? '127.0.0.1')),
    port: Number(open(snmp.port) || 161),
    location: location.slice(0, 100),
    tags: tagsOf([
      ...(host.groups ?? []).map(({ name }) => textOf(name)),
      ...(host.tags ?? []).map(({ tag, value }) =>
        [textOf(tag), textOf(value)].filter(Boolean).join('='),
      ),
    ]),
    enabled: textOf(host.status) !== 'DISABLED',
  })
  return {
    called: host.host,
    document: { ...document, credentials: credentialsOf(snmp, macros) },
    problem: null,
  }
}

function locationOf(inventory: unknown): string {
  if (typeof inventory !== 'object' || inventory === null || !('location' in inventory)) return ''
  return textOf(inventory.location)
}

function credentialsOf(
  { details = {} }: Interface,
  macros: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const secret = (value: unknown) => secretOf(textOf(value), macros)
  const version = textOf(details.version) || 'SNMPV2'
  if (version === 'SNMPV1' || /^SNMPV2C?$/.test(version)) {
    return { version: version === 'SNMPV1' ? '1' : '2c', community: secret(details.community) }
  }
  const level = LEVELS[textOf(details.securitylevel)] ?? 'noAuthNoPriv'
  const auth = {
    protocol: AUTH[textOf(details.authprotocol)] ?? 'md5',
    key: secret(details.authpassphrase),
  }
  const priv = {
    protocol: PRIV[textOf(details.privprotocol)] ?? 'des',
    key: secret(details.privpassphrase),
  }
  const user = textOf(details.securityname)
  const context = textOf(details.contextname)
  return {
    ...{ version: '3', user: macros.get(user) || user, level },
    ...(level === 'noAuthNoPriv' ? {} : { auth }),
    ...(level === 'authPriv' ? { priv } : {}),
    ...(context ? { context } : {}),
  }
}

/** A macro whose value is not in the export (a global or a secret one) becomes a stored secret of its name. */
function secretOf(text: string, macros: ReadonlyMap<string, string>): string | { secret: string } {
  const name = /^\{\$([^}]+)\}$/.exec(text)?.[1]
  if (name === undefined) return text
  return macros.get(text) || { secret: name.toLowerCase() }
}

const LEVELS: Record<string, string> = {
  NOAUTHNOPRIV: 'noAuthNoPriv',
  AUTHNOPRIV: 'authNoPriv',
  AUTHPRIV: 'authPriv',
}
const AUTH: Record<string, string> = {
  MD5: 'md5',
  SHA1: 'sha',
  SHA224: 'sha224',
  SHA256: 'sha256',
  SHA384: 'sha384',
  SHA512: 'sha512',
}
const PRIV: Record<string, string> = {
  DES: 'des',
  AES128: 'aes',
  AES192: 'aes192b',
  AES256: 'aes256b',
  AES192C: 'aes192r',
  AES256C: 'aes256r',
}
