// What pages ask of links and addresses: all links, what hangs on a port, where an address is, whose
// it is. Of living devices alone.

import { sql } from 'kysely'
import type { AddressKind, Link, SeenAddress } from '../model/neighbour.ts'
import type { Db, Tables } from './database.ts'

/** Links of all devices that are looked at. */
const linksMax = 50_000
/** Addresses in one list. */
export const addressesShownMax = 500
/** Values in one IN. */
const valuesMax = 500
/** What was not read for so long says nothing of now. */
const readMsMax = 7 * 86_400_000

export interface StoredLink extends Link {
  deviceUid: number
  group: string
  firstAt: number
  /** When it was last read; it is there since then as far as anybody knows. */
  seenAt: number
}

export interface StoredAddress extends SeenAddress {
  deviceUid: number
  kind: AddressKind
  firstAt: number
  seenAt: number
  /** The last whole read had it. */
  isThere: boolean
}

export interface NeighbourQueries {
  /** Links that are there, of all living devices or of one. */
  links(now: number, deviceUid?: number): Promise<StoredLink[]>
  /** MAC addresses behind a port now; one more than `limit` where there are more. */
  behind(deviceUid: number, portIndex: string, limit: number): Promise<StoredAddress[]>
  /**
   * Rows of these addresses, those that are there first. A MAC that is cut short (ends with a colon)
   * stands for all that begin so.
   */
  find(asked: { macs?: readonly string[]; ips?: readonly string[] }): Promise<StoredAddress[]>
  /** How many MAC addresses each port of these devices has behind it now. */
  behindCounts(
    deviceUids: readonly number[],
  ): Promise<{ deviceUid: number; portIndex: string; count: number }[]>
  /** IP addresses that any device's ARP table has for these MACs now. */
  ipsOf(macs: readonly string[]): Promise<StoredAddress[]>
  /** Which devices have these addresses themselves. */
  owners(asked: { macs: readonly string[]; ips: readonly string[] }): Promise<StoredAddress[]>
}

type AddressRow = Tables['seen_address'] & { at: number }

export function neighbourQueries(db: Db): NeighbourQueries {
  const addresses = () =>
    db
      .selectFrom('seen_address')
      .innerJoin('device', 'device.uid', 'seen_address.device_uid')
      .innerJoin('neighbour_read', join =>
        join
          .onRef('neighbour_read.device_uid', '=', 'seen_address.device_uid')
          .onRef('neighbour_read.group_name', '=', 'seen_address.group_name'),
      )
      .selectAll('seen_address')
      .select('neighbour_read.at as at')
      .where('device.live_id', 'is not', null)
  const inChunks = async (
    column: 'mac' | 'ip',
    values: readonly string[],
    kinds: readonly AddressKind[],
  ) => {
    const found: StoredAddress[] = []
    for (let from = 0; from < values.length; from += valuesMax) {
      const rows = await addresses()
        .where(`seen_address.${column}`, 'in', values.slice(from, from + valuesMax))
        .where('seen_address.kind', 'in', kinds)
        .execute()
      found.push(...rows.map(addressOf))
    }
    return found
  }
  return {
    async links(now, deviceUid) {
      let select = db
        .selectFrom('neighbour')
        .innerJoin('device', 'device.uid', 'neighbour.device_uid')
        .innerJoin('neighbour_read', join =>
          join
            .onRef('neighbour_read.device_uid', '=', 'neighbour.device_uid')
            .onRef('neighbour_read.group_name', '=', 'neighbour.group_name'),
        )
        .selectAll('neighbour')
        .select('neighbour_read.at as at')
        .where('device.live_id', 'is not', null)
        .where('neighbour.gone', '=', 0)
        .where('neighbour_read.at', '>', now - readMsMax)
      if (deviceUid !== undefined) select = select.where('neighbour.device_uid', '=', deviceUid)
      const rows = await select.limit(linksMax).execute()
      return rows.map(row => ({
        deviceUid: row.device_uid,
        group: row.group_name,
        portIndex: row.port_index,
        port: row.port,
        chassis: row.chassis,
        remotePort: row.remote_port,
        remoteName: row.remote_name,
        address: row.address,
        descr: row.descr,
        firstAt: row.first_at,
        seenAt: row.missing_at ?? row.at,
      }))
    },
    async behind(deviceUid, portIndex, limit) {
      const rows = await addresses()
        .where('seen_address.device_uid', '=', deviceUid)
        .where('seen_address.port_index', '=', portIndex)
        .where('seen_address.kind', '=', 'forwarding')
        .where('seen_address.gone_at', 'is', null)
        .orderBy('seen_address.mac')
        .limit(limit + 1)
        .execute()
      return rows.map(addressOf)
    },
    async behindCounts(deviceUids) {
      if (deviceUids.length === 0) return []
      const rows = await db
        .selectFrom('seen_address')
        .select(['device_uid', 'port_index'])
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('device_uid', 'in', deviceUids.slice(0, valuesMax))
        .where('kind', '=', 'forwarding')
        .where('gone_at', 'is', null)
        .groupBy(['device_uid', 'port_index'])
        .execute()
      return rows.map(row => ({
        ...{ deviceUid: row.device_uid, portIndex: row.port_index, count: Number(row.count) },
      }))
    },
    async find({ macs = [], ips = [] }) {
      let select = addresses().where(({ or, eb, and }) =>
        or([
          ...ips.map(ip => eb('seen_address.ip', '=', ip)),
          ...macs.map(mac =>
            mac.endsWith(':')
              ? and([
                  eb('seen_address.mac', '>=', mac),
                  // The character after the colon: a range uses the index on both databases.
                  eb('seen_address.mac', '<', `${mac.slice(0, -1)};`),
                ])
              : eb('seen_address.mac', '=', mac),
          ),
        ]),
      )
      if (macs.length + ips.length === 0) return []
      select = select
        .orderBy(sql`seen_address.gone_at is not null`)
        .orderBy('seen_address.gone_at', 'desc')
        .limit(addressesShownMax)
      return (await select.execute()).map(addressOf)
    },
    async ipsOf(macs) {
      const arp = await inChunks('mac', [...new Set(macs)], ['arp'])
      return arp.filter(({ isThere }) => isThere)
    },
    async owners({ macs, ips }) {
      const own = [
        ...(await inChunks('mac', [...new Set(macs)], ['own'])),
        ...(await inChunks('ip', [...new Set(ips)], ['own'])),
      ]
      return own.filter(({ isThere }) => isThere)
    },
  }
}

function addressOf(row: AddressRow): StoredAddress {
  const { mac, ip, port, vlan } = row
  return {
    deviceUid: row.device_uid,
    kind: row.kind === 'arp' || row.kind === 'own' ? row.kind : 'forwarding',
    ...{ mac, ip, port, vlan },
    portIndex: row.port_index,
    firstAt: row.first_at,
    seenAt: row.gone_at ?? row.at,
    isThere: row.gone_at === null,
  }
}
