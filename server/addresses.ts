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

/** Where messages must not go unless an admin allows it: this machine, its link, and no host at all. */
const OWN_NETWORKS = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
] as const

export type DeliveryPolicy = Pick<AddressPolicy, 'resolve'>

/**
 * Where messages to people may go: anywhere but to this machine and its link, where metadata services
 * and admin pages live.
 * @param networks CIDRs of those that are allowed all the same
 */
export function deliveryPolicy(
  networks: readonly string[],
  lookup: Lookup = systemLookup,
): DeliveryPolicy {
  const [refused, allowed] = [new BlockList(), new BlockList()]
  for (const network of OWN_NETWORKS) addNetwork(refused, network)
  for (const network of networks) addNetwork(allowed, network)
  const isRefused = (address: string) => {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    return isMapped(address) || (refused.check(address, family) && !allowed.check(address, family))
  }
  return {
    async resolve(host) {
      const found = isIP(host) ? [{ address: host }] : await resolveName(host, lookup)
      const bad = found.find(({ address }) => isRefused(address))
      if (bad) {
        throw new AppError(
          'E_ADDRESS_REFUSED',
          `${host} is ${bad.address}, an address of this machine or its link: nothing is sent there`,
          {
            hint: `an administrator of the server can allow it: POLLUX_ALLOW_NETWORKS=${bad.address}/${isIP(bad.address) === 6 ? 128 : 32}`,
          },
        )
      }
      return found[0]?.address ?? host
    },
  }
}
