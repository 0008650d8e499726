// Events of devices: written once whoever sends them how often, listed newest first by pages that end
// at a key, and deleted in small steps when they are old.

import { createHash } from 'node:crypto'
import { type Expression, type Selectable, type SqlBool, sql } from 'kysely'
import Type from 'typebox'
import { EVENT_KINDS, SEVERITIES } from '../model/event.ts'
import { checker, parseJson } from '../validate.ts'
import type { EventQuery, EventStore, NewEvent, StoredEvent, WriteOutcome } from './contract.ts'
import { type Database, type Db, rowsPerInsertMax, type Tables } from './database.ts'
import { livingDevices } from './devices.ts'
import { settingStore } from './named.ts'

/** Events in one page. */
const pageMax = 1000
/** Events counted; beyond, it is "at least so many". */
const countMax = 10_000
/** Rows deleted by one step. */
const trimMax = 1000
const hashChars = 22
const DAY_MS = 86_400_000
const daysDefault = 365
/** What may be set. */
export const eventDaysMax = 3650
const SETTING = 'events.days'

const checkFields = checker(Type.Record(Type.String(), Type.String()), { firstOnly: true })

export function eventStore(database: Database): EventStore {
  const { db } = database
  const settings = settingStore(database)
  const days = async () => {
    const set = Number(await settings.get(SETTING))
    return Number.isInteger(set) && set >= 1 && set <= eventDaysMax ? set : daysDefault
  }
  return {
    write: batch => writeEvents(database, batch),
    list: query => listEvents(db, query),
    count: query => countEvents(db, query),
    days,
    setDays: kept => settings.put(SETTING, String(kept)),
    trim: async now => trimBefore(db, now - (await days()) * DAY_MS),
  }
}

/** Of events that follow in the table, the key is their time and a hash of what they say. */
type EventRow = Tables['event']

function rowOf(event: NewEvent): EventRow {
  const { deviceUid, at, kind, severity, name, text, group = '', row = '', fields } = event
  const json = fields && Object.keys(fields).length > 0 ? JSON.stringify(fields) : null
  const said = [deviceUid, at, kind, severity, name, text, group, row, json]
  return {
    at,
    hash: hashOf(JSON.stringify(said)),
    device_uid: deviceUid,
    ...{ kind, severity, name, text },
    group_name: group,
    row_key: row,
    row_hash: row === '' ? '' : rowHash(group, row),
    fields: json,
  }
}

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, hashChars)

const rowHash = (group: string, row: string): string => hashOf(`${group}\n${row}`)

const keyOf = ({ at, hash }: Pick<EventRow, 'at' | 'hash'>): string => `${at}-${hash}`

function writeEvents(database: Database, batch: readonly NewEvent[]): Promise<WriteOutcome[]> {
  if (batch.length === 0) return Promise.resolve([])
  const rows = batch.map(rowOf)
  return database.transaction(async tx => {
    const uids = rows.map(row => row.device_uid)
    const living = await livingDevices(tx, database.share, uids)
    const known = await storedKeys(tx, rows)
    const fresh: EventRow[] = []
    const outcomes = rows.map((row): WriteOutcome => {
      if (!living.has(row.device_uid)) return { refused: 'unknown-device' }
      const key = keyOf(row)
      if (known.has(key)) return 'duplicate'
      known.add(key)
      fresh.push(row)
      return 'stored'
    })
    for (let from = 0; from < fresh.length; from += rowsPerInsertMax) {
      await tx
        .insertInto('event')
        .values(fresh.slice(from, from + rowsPerInsertMax))
        .execute()
    }
    return outcomes
  })
}

async function storedKeys(db: Db, rows: readonly EventRow[]): Promise<Set<string>> {
  const keys = new Set<string>()
  for (let from = 0; from < rows.length; from += rowsPerInsertMax) {
    const some = rows.slice(from, from + rowsPerInsertMax)
    const found = await db
      .selectFrom('event')
      .select(['at', 'hash'])
      .where('at', 'in', [...new Set(some.map(row => row.at))])
      .where(
        'hash',
        'in',
        some.map(row => row.hash),
      )
      .execute()
    for (const row of found) keys.add(keyOf(row))
  }
  return keys
}

async function listEvents(db: Db, query: EventQuery): Promise<StoredEvent[]> {
  const rows = await db
    .selectFrom('event')
    .innerJoin('device', 'device.uid', 'event.device_uid')
    .selectAll('event')
    .select(['device.id as device_id', 'device.live_id as live_id'])
    .where(and => and.and(conditions(query)))
    .orderBy('event.at', 'desc')
    .orderBy('event.hash', 'desc')
    .limit(Math.max(1, Math.min(Math.trunc(query.limit ?? pageMax), pageMax)))
    .execute()
  return rows.map(row => ({
    ...eventOf(row),
    device: row.device_id,
    isDeleted: row.live_id === null,
  }))
}

async function countEvents(db: Db, query: EventQuery): Promise<number> {
  const some = db
    .selectFrom('event')
    .select('event.hash')
    .where(and => and.and(conditions(query)))
    .limit(countMax)
    .as('some')
  const { n } = await db
    .selectFrom(some)
    .select(fn => fn.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return Number(n)
}

function conditions(query: EventQuery): Expression<SqlBool>[] {
  const { deviceUid, about, row, kinds, severities, text, from, to, before } = query
  const parts: Expression<SqlBool>[] = [sql<SqlBool>`1 = 1`]
  if (deviceUid !== undefined) parts.push(sql<SqlBool>`event.device_uid = ${deviceUid}`)
  if (row) parts.push(sql<SqlBool>`event.row_hash = ${rowHash(row.group, row.row)}`)
  if (about) parts.push(aboutOf(about))
  if (kinds?.length) parts.push(sql<SqlBool>`event.kind in (${sql.join(kinds)})`)
  if (severities?.length) parts.push(sql<SqlBool>`event.severity in (${sql.join(severities)})`)
  if (from !== undefined) parts.push(sql<SqlBool>`event.at >= ${from}`)
  if (to !== undefined) parts.push(sql<SqlBool>`event.at <= ${to}`)
  if (text) {
    const like = `%${text.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`
    parts.push(
      sql<SqlBool>`(lower(event.text) like ${like} escape '!' or lower(event.row_key) like ${like} escape '!')`,
    )
  }
  const key = before === undefined ? null : /^([0-9]{1,16})-([\w-]{1,22})$/.exec(before)
  if (key) {
    const [at, hash] = [Number(key[1]), key[2]]
    parts.push(sql<SqlBool>`event.at <= ${at} and (event.at < ${at} or event.hash < ${hash})`)
  }
  return parts
}

/** What belongs on a chart: what happened to the whole device, and to what the chart shows. */
function aboutOf({ group, row }: { group: string; row: string | null }): Expression<SqlBool> {
  return row === null
    ? sql<SqlBool>`event.group_name in ('', ${group})`
    : sql<SqlBool>`event.row_hash in ('', ${rowHash(group, row)})`
}

function eventOf(row: Selectable<EventRow>): Omit<StoredEvent, 'device' | 'isDeleted'> {
  const fields = row.fields === null ? null : checkFields(parseJson(row.fields))
  return {
    id: keyOf(row),
    deviceUid: row.device_uid,
    at: row.at,
    kind: EVENT_KINDS.find(kind => kind === row.kind) ?? 'status',
    severity: SEVERITIES.find(severity => severity === row.severity) ?? 'info',
    name: row.name,
    text: row.text,
    ...(row.group_name !== '' && { group: row.group_name }),
    ...(row.row_key !== '' && { row: row.row_key }),
    ...(fields?.ok && { fields: fields.value }),
  }
}

/** The oldest go, about `trimMax` of them: of one time all or none. */
async function trimBefore(db: Db, edge: number): Promise<number> {
  const last = await db
    .selectFrom('event')
    .select('at')
    .where('at', '<', edge)
    .orderBy('at')
    .limit(1)
    .offset(trimMax - 1)
    .executeTakeFirst()
  const { numDeletedRows } = await db
    .deleteFrom('event')
    .where('at', '<', edge)
    .where('at', '<=', last?.at ?? edge)
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}
