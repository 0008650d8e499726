// Devices as LibreNMS' API gives them (`GET /api/v0/devices`): one object each, numbers often as texts. Pure.

import Type, { type Static } from 'typebox'
import { type Found, type Placed, refusedFor, said, tagsOf, textOf } from './found.ts'

const Text = Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Null()]))

const Device = Type.Object({
  hostname: Type.String({ minLength: 1 }),
  sysName: Text,
  display: Text,
  overwrite_ip: Text,
  snmpver: Text,
  community: Text,
  authlevel: Text,
  authname: Text,
  authpass: Text,
  authalgo: Text,
  cryptopass: Text,
  cryptoalgo: Text,
  port: Text,
  transport: Text,
  location: Text,
  type: Text,
  disabled: Text,
  snmp_disable: Text,
})
type Device = Static<typeof Device>

export const LibreNms = Type.Object({ devices: Type.Array(Device) })

export const foundInLibreNms = ({ devices }: Static<typeof LibreNms>): Placed[] =>
  devices.map((device, index) => ({ ...foundOf(device), path: ['devices', index] }))

function foundOf(device: Device): Found {
  const called = textOf(device.hostname)
  const transport = textOf(device.transport)
  if (transport.startsWith('tcp')) return refusedFor(called, `SNMP over ${transport} is not spoken`)
  const common = said({
    name: nameOf(device),
    address: textOf(device.overwrite_ip) || called,
    location: textOf(device.location).slice(0, 100),
    tags: tagsOf([textOf(device.type)]),
  })
  const enabled = textOf(device.disabled) !== '1'
  if (textOf(device.snmp_disable) === '1') {
    const checks = [{ name: 'ping', type: 'ping' }]
    return { called, document: { ...common, kind: 'check', checks, enabled }, problem: null }
  }
  const credentials = credentialsOf(device)
  if (typeof credentials === 'string') return refusedFor(called, credentials)
  const port = Number(textOf(device.port) || 161)
  return {
    called,
    document: { ...common, kind: 'snmp', port, credentials, enabled },
    problem: null,
  }
}

/** `display` may be a template such as `{{ $hostname }}`. */
function nameOf({ display, sysName, hostname }: Device): string {
  const shown = textOf(display)
  return (shown.includes('{') ? '' : shown) || textOf(sysName) || hostname
}

/** A text says why there are none. */
function credentialsOf(device: Device): Record<string, unknown> | string {
  const version = textOf(device.snmpver).replace(/^v/, '')
  if (version === '1' || version === '2c') {
    const community = textOf(device.community)
    return community === '' ? 'the export has no community' : { version, community }
  }
  if (version !== '3') return `SNMP version "${textOf(device.snmpver)}" is not known`
  const level = ['noAuthNoPriv', 'authNoPriv', 'authPriv'].find(
    one => one.toLowerCase() === textOf(device.authlevel).toLowerCase(),
  )
  if (!level) return `the security level "${textOf(device.authlevel)}" is not known`
  const auth = { protocol: authOf(textOf(device.authalgo)), key: textOf(device.authpass) }
  const priv = { protocol: privOf(textOf(device.cryptoalgo)), key: textOf(device.cryptopass) }
  return {
    ...{ version: '3', user: textOf(device.authname), level },
    ...(level === 'noAuthNoPriv' ? {} : { auth }),
    ...(level === 'authPriv' ? { priv } : {}),
  }
}

/** `SHA`, `SHA-256`, `MD5`; what is not known is refused with its field. */
const authOf = (algorithm: string) => algorithm.toLowerCase().replace('-', '') || 'md5'

/** `AES`, `AES-192`, `AES-256` as the draft lengthens keys, `…-C` as Cisco does, `DES`. */
function privOf(algorithm: string): string {
  const found = /^aes-?(192|256)(-?c)?$/i.exec(algorithm)
  if (found) return `aes${found[1]}${found[2] ? 'r' : 'b'}`
  return algorithm.toLowerCase().replace(/^aes-?128$/, 'aes') || 'des'
}
