// Which addresses may be polled, and the one place where a host name becomes an address. All of a
// name's addresses are checked, and the checked one is used: there is no second lookup to rebind.

import { lookup as dnsLookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { AppError, messageOf } from './model/errors.ts'

/** Private networks: RFC 1918, RFC 6598 (shared), RFC 4193 (unique local). */
export const DEFAULT_NETWORKS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
] as const

export interface AddressPolicy {
  readonly networks: readonly string[]
  /**
   * The address to connect to for a host name or address.
   * @throws AppError E_ADDRESS_REFUSED (not allowed), E_ADDRESS_UNKNOWN (does not resolve; passing)
   */
  resolve(host: string): Promise<string>
}

type Lookup = (host: string) => Promise<readonly { address: string }[]>

const systemLookup: Lookup = host => dnsLookup(host, { all: true, verbatim: true })

/**
 * @param networks CIDRs that are allowed beside the private networks
 * @throws AppError E_NETWORK for one that cannot be read
 */
export function addressPolicy(
  networks: readonly string[],
  lookup: Lookup = systemLookup,
): AddressPolicy {
  const allowed = new BlockList()
  const all = [...DEFAULT_NETWORKS, ...networks]
  for (const network of all) addNetwork(allowed, network)
  const isAllowed = (address: string) =>
    allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') && !isMapped(address)

  return {
    networks: all,
    async resolve(host) {
      const name = host.replace(/^\[(.*)\]$/, '$1')
      const found = isIP(name) ? [{ address: name }] : await resolveName(name, lookup)
      const refused = found.find(({ address }) => !isAllowed(address))
      if (refused) {
        throw new AppError(
          'E_ADDRESS_REFUSED',
          `${refused.address} is not in a network that may be polled`,
          {
            hint: `an administrator of the server can allow it: POLLUX_ALLOW_NETWORKS=${refused.address}/${isIP(refused.address) === 6 ? 128 : 32}`,
          },
        )
      }
      return found[0]?.address ?? name
    },
  }
}

async function resolveName(name: string, lookup: Lookup): Promise<readonly { address: string }[]> {
  try {
    const found = await lookup(name)
    if (found.length > 0) return found
  } catch (cause) {
    throw new AppError('E_ADDRESS_UNKNOWN', `the host name "${name}" does not resolve`, {
      cause: messageOf(cause),
      passing: true,
      hint: "check the spelling, or the server's DNS",
    })
  }
  throw new AppError('E_ADDRESS_UNKNOWN', `the host name "${name}" has no address`, {
    passing: true,
  })
}

/** An IPv4 address in IPv6 clothes would pass by another network's rule. */
function isMapped(address: string): boolean {
  return /^::ffff:/i.test(address)
}

function addNetwork(list: BlockList, network: string): void {
  const [address = '', bits] = network.split('/')
  const family = isIP(address)
  const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits)
  if (
    family === 0 ||
    !Number.isInteger(prefix) ||
    prefix < 0 ||
    prefix > (family === 6 ? 128 : 32)
  ) {
    throw new AppError('E_NETWORK', `"${network}" is not a network`, {
      hint: 'write it as 10.0.0.0/8 or fd00::/8',
    })
  }
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4')
}
