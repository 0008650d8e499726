// Links and addresses of devices as their whole reads give them: what is new, what is gone. A row is
// written when it comes, goes or changes, never only because it is still there.

import { createHash } from 'node:crypto'
import type { RowInfo } from '../model/collection.ts'
import { AppError } from '../model/errors.ts'
import {
  type AddressKind,
  addressesOf,
  addressKey,
  type Inventory,
  type Link,
  linkKey,
  linksOf,
} from '../model/neighbour.ts'
import { type Database, type Db, rowsPerInsertMax, type Tables, type Tx } from './database.ts'
import { livingDevice } from './devices.ts'
import { type NeighbourQueries, neighbourQueries } from './neighbour-queries.ts'

/** A link that is missing for so long, in a whole read at its end too, is gone. */
const goneAfterMs = 4 * 60_000
/** Rows of one group of one device, with those that are gone; past them the gone ones are forgotten. */
const linksKeptMax = 4000
const addressesKeptMax = 30_000
/** Links that are gone are kept for so long, addresses less; and reads of groups that are no more. */
const linkDays = 90
const addressDays = 30
/** Rows deleted by one step of `trim`. */
const trimMax = 2000
const DAY_MS = 86_400_000

export interface NeighbourChanges {
  /** Links that came (or came back), and that are gone; none of them at the first sight of a group. */
  appeared: Link[]
  vanished: Link[]
}

export interface NeighbourStore extends NeighbourQueries {
  /**
   * One whole read of a group: what it does not have is missing. One that is not newer than the last
   * one changes nothing.
   * @throws AppError E_DEVICE_UNKNOWN (deleted meanwhile)
   */
  write(read: InventoryRead): Promise<NeighbourChanges>
  /** Deletes some of what has been gone for long; gives how many rows. */
  trim(now: number): Promise<number>
}

export interface InventoryRead {
  deviceUid: number
  group: string
  inventory: Inventory
  rows: readonly RowInfo[]
  /** Unix ms. */
  at: number
}

export function neighbourStore(database: Database): NeighbourStore {
  return {
    ...neighbourQueries(database.reader),
    write: read => writeInventory(database, read),
    trim: now => trim(database.db, now),
  }
}

const hashOf = (key: string) => createHash('sha256').update(key).digest('base64url').slice(0, 22)

const NOTHING: NeighbourChanges = { appeared: [], vanished: [] }

function writeInventory(database: Database, read: InventoryRead): Promise<NeighbourChanges> {
  const { deviceUid, group, inventory, rows, at } = read
  return database.transaction(async tx => {
    if (!(await livingDevice(tx, database.exclusive, deviceUid))) {
      throw new AppError('E_DEVICE_UNKNOWN', 'the device of these neighbours does not exist')
    }
    const last = await tx
      .selectFrom('neighbour_read')
      .select('at')
      .where('device_uid', '=', deviceUid)
      .where('group_name', '=', group)
      .executeTakeFirst()
    if (last && last.at >= at) return NOTHING
    await database.put(
      tx,
      'neighbour_read',
      ['device_uid', 'group_name'],
      [{ device_uid: deviceUid, group_name: group, at }],
    )
    if (inventory === 'links') return writeLinks(database, tx, read, linksOf(rows), !last)
    await writeAddresses(tx, read, inventory)
    return NOTHING
  })
}

async function writeLinks(
  database: Database,
  tx: Tx,
  { deviceUid, group, at }: InventoryRead,
  links: readonly Link[],
  isFirst: boolean,
): Promise<NeighbourChanges> {
  const stored = await tx
    .selectFrom('neighbour')
    .selectAll()
    .where('device_uid', '=', deviceUid)
    .where('group_name', '=', group)
    .execute()
  const known = new Map(stored.map(row => [row.hash, row]))
  const changes: NeighbourChanges = { appeared: [], vanished: [] }
  const written: Tables['neighbour'][] = []
  for (const link of links) {
    const hash = hashOf(linkKey(link))
    const before = known.get(hash)
    known.delete(hash)
    if (before === undefined || before.gone === 1) changes.appeared.push(link)
    const row = { ...rowOf(link), first_at: before?.first_at ?? at, missing_at: null, gone: 0 }
    const now = { device_uid: deviceUid, group_name: group, hash, ...row }
    if (before === undefined || !isSame(before, now)) written.push(now)
  }
  for (const row of known.values()) {
    if (row.missing_at === null) written.push({ ...row, missing_at: at })
    else if (row.gone === 0 && at - row.missing_at >= goneAfterMs) {
      written.push({ ...row, gone: 1 })
      changes.vanished.push(linkOf(row))
    }
  }
  await database.put(tx, 'neighbour', ['device_uid', 'group_name', 'hash'], written)
  if (stored.length + links.length > linksKeptMax) {
    await tx
      .deleteFrom('neighbour')
      .where('device_uid', '=', deviceUid)
      .where('group_name', '=', group)
      .where('gone', '=', 1)
      .execute()
  }
  return isFirst ? NOTHING : changes
}

function rowOf(link: Link) {
  const { portIndex, remotePort, remoteName, port, chassis, address, descr } = link
  const names = { port_index: portIndex, remote_port: remotePort, remote_name: remoteName }
  return { ...names, port, chassis, address, descr }
}

export function linkOf(row: Tables['neighbour']): Link {
  const { port_index: portIndex, remote_port: remotePort, remote_name: remoteName } = row
  const { port, chassis, address, descr } = row
  return { portIndex, port, chassis, remotePort, remoteName, address, descr }
}

function isSame(before: Tables['neighbour'], now: Tables['neighbour']): boolean {
  const old = new Map<string, unknown>(Object.entries(before))
  return Object.entries(now).every(([name, value]) => old.get(name) === value)
}

async function writeAddresses(
  tx: Tx,
  { deviceUid, group, rows, at }: InventoryRead,
  kind: AddressKind,
): Promise<void> {
  const stored = await tx
    .selectFrom('seen_address')
    .select(['hash', 'gone_at'])
    .where('device_uid', '=', deviceUid)
    .where('group_name', '=', group)
    .execute()
  const known = new Map(stored.map(row => [row.hash, row.gone_at]))
  const fresh: Tables['seen_address'][] = []
  const back: string[] = []
  for (const address of addressesOf(rows)) {
    const hash = hashOf(addressKey(address))
    const goneAt = known.get(hash)
    known.delete(hash)
    if (goneAt === null) continue
    if (goneAt !== undefined) back.push(hash)
    else {
      const { portIndex, mac, ip, port, vlan } = address
      const row = { mac, ip, port_index: portIndex, port, vlan, first_at: at, gone_at: null }
      fresh.push({ device_uid: deviceUid, group_name: group, hash, kind, ...row })
    }
  }
  const gone = [...known].filter(([, goneAt]) => goneAt === null).map(([hash]) => hash)
  await mark(tx, deviceUid, group, gone, at)
  await mark(tx, deviceUid, group, back, null)
  for (let from = 0; from < fresh.length; from += rowsPerInsertMax) {
    await tx
      .insertInto('seen_address')
      .values(fresh.slice(from, from + rowsPerInsertMax))
      .execute()
  }
  if (stored.length + fresh.length <= addressesKeptMax) return
  await tx
    .deleteFrom('seen_address')
    .where('device_uid', '=', deviceUid)
    .where('group_name', '=', group)
    .where('gone_at', 'is not', null)
    .execute()
}

async function mark(
  tx: Tx,
  uid: number,
  group: string,
  hashes: readonly string[],
  goneAt: number | null,
): Promise<void> {
  for (let from = 0; from < hashes.length; from += rowsPerInsertMax) {
    await tx
      .updateTable('seen_address')
      .set({ gone_at: goneAt })
      .where('device_uid', '=', uid)
      .where('group_name', '=', group)
      .where('hash', 'in', hashes.slice(from, from + rowsPerInsertMax))
      .execute()
  }
}

/** What is gone for long; and all of groups that nobody has read for as long. */
async function trim(db: Db, now: number): Promise<number> {
  const edge = now - addressDays * DAY_MS
  const last = await db
    .selectFrom('seen_address')
    .select('gone_at')
    .where('gone_at', '<', edge)
    .orderBy('gone_at')
    .limit(1)
    .offset(trimMax - 1)
    .executeTakeFirst()
  const addresses = await db
    .deleteFrom('seen_address')
    .where('gone_at', '<', edge)
    .where('gone_at', '<=', last?.gone_at ?? edge)
    .executeTakeFirstOrThrow()
  const links = await db
    .deleteFrom('neighbour')
    .where('gone', '=', 1)
    .where('missing_at', '<', now - linkDays * DAY_MS)
    .executeTakeFirstOrThrow()
  const left = await trimUnread(db, now - linkDays * DAY_MS)
  return Number(addresses.numDeletedRows) + Number(links.numDeletedRows) + left
}

async function trimUnread(db: Db, before: number): Promise<number> {
  const unread = await db
    .selectFrom('neighbour_read')
    .select(['device_uid', 'group_name'])
    .where('at', '<', before)
    .limit(1)
    .executeTakeFirst()
  if (!unread) return 0
  for (const table of ['neighbour', 'seen_address', 'neighbour_read'] as const) {
    await db
      .deleteFrom(table)
      .where('device_uid', '=', unread.device_uid)
      .where('group_name', '=', unread.group_name)
      .execute()
  }
  return 1
}
