// How a MIB's table is indexed, as the `index` of a profile.

import type { MibSyntax, MibTable } from '../model/mib.ts'
import { snake, unused } from './mib-names.ts'
import { LINK_ADDRESS } from './mib-readings.ts'

/** Names of index parts with the type by which RFC 2578 (7.7) writes them into the OID. */
export function indexParts({ index }: MibTable): string[] {
  const taken: Record<string, unknown> = { index: true, row_number: true }
  return index.slice(0, 12).map(({ name, syntax, implied }) => {
    const part = unused(snake(name), taken)
    taken[part] = true
    const type = indexType(syntax, implied)
    return type === 'int' ? part : `${part}:${type}`
  })
}

function indexType({ base, names, sizes }: MibSyntax, implied: boolean): string {
  if (base === 'ip') return 'ip'
  if (base === 'oid') return implied ? 'oid*' : 'oid'
  if (base !== 'octets' && base !== 'bits') return 'int'
  const [size] = sizes ?? []
  const isFixed = sizes?.length === 1 && size !== undefined && size.min === size.max
  if (names.includes('InetAddress')) return 'inet'
  if (isFixed && size.max === 4 && names.some(name => /^(InetAddressIPv4|IpAddr)/.test(name)))
    return 'ip'
  if (isFixed && size.max === 16 && names.some(name => /^(InetAddressIPv6|Ipv6Address)/.test(name)))
    return 'ip6'
  if (isFixed && size.max === 6 && names.some(name => LINK_ADDRESS.test(name))) return 'mac'
  if (isFixed && size.max > 0 && size.max < 1000) return `bytes${size.max}`
  return implied ? 'string*' : 'string'
}
