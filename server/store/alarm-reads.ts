// What is asked of alarms without changing them.

import { type Expression, type SqlBool, sql } from 'kysely'
import type { Alarm } from '../model/alarm.ts'
import { SEVERITIES } from '../model/event.ts'
import { alarmOf, transitionOf } from './alarm-rows.ts'
import type { AlarmCounts, AlarmQuery, AlarmStore } from './contract.ts'
import type { Db } from './database.ts'

/** Alarms in one page, transitions in one answer. */
const pageMax = 1000
/** Open alarms that are read at once. */
const openMax = 50_000

export function readsOf(
  db: Db,
): Pick<AlarmStore, 'open' | 'get' | 'list' | 'counts' | 'after' | 'newest' | 'transitions'> {
  return {
    async open() {
      const rows = await db
        .selectFrom('alarm')
        .select('body')
        .where('is_open', '=', 1)
        .orderBy('raised_at')
        .limit(openMax)
        .execute()
      return rows.map(alarmOf).filter(alarm => alarm !== null)
    },
    async get(id) {
      const row = await db
        .selectFrom('alarm')
        .select('body')
        .where('id', '=', id)
        .executeTakeFirst()
      return row ? alarmOf(row) : null
    },
    list: query => listAlarms(db, query),
    counts: () => countAlarms(db),
    async after(id, limit) {
      const rows = await db
        .selectFrom('alarm_transition')
        .selectAll()
        .where('id', '>', id)
        .orderBy('id')
        .limit(Math.min(limit, pageMax))
        .execute()
      return rows.map(transitionOf).filter(one => one !== null)
    },
    async newest() {
      const row = await db
        .selectFrom('alarm_transition')
        .select(({ fn }) => fn.max('id').as('id'))
        .executeTakeFirst()
      return Number(row?.id ?? 0)
    },
    async transitions({ alarm, deviceUid, from, to, limit }) {
      let select = db.selectFrom('alarm_transition').selectAll()
      if (alarm !== undefined) select = select.where('alarm_id', '=', alarm)
      if (deviceUid !== undefined) select = select.where('device_uid', '=', deviceUid)
      if (from !== undefined) select = select.where('at', '>=', from)
      if (to !== undefined) select = select.where('at', '<=', to)
      const rows = await select
        .orderBy('id', 'desc')
        .limit(Math.min(limit ?? pageMax, pageMax))
        .execute()
      return rows
        .reverse()
        .map(transitionOf)
        .filter(one => one !== null)
    },
  }
}

async function listAlarms(db: Db, query: AlarmQuery): Promise<Alarm[]> {
  const rows = await db
    .selectFrom('alarm')
    .select('alarm.body')
    .where(and => and.and(conditions(query)))
    .orderBy('raised_at', 'desc')
    .orderBy('id', 'desc')
    .limit(Math.max(1, Math.min(Math.trunc(query.limit ?? pageMax), pageMax)))
    .execute()
  return rows.map(alarmOf).filter(alarm => alarm !== null)
}

function conditions(query: AlarmQuery): Expression<SqlBool>[] {
  const { states, severities, deviceUid, rule, text, from, to, before } = query
  const parts: Expression<SqlBool>[] = [sql<SqlBool>`1 = 1`]
  if (states?.length) parts.push(sql<SqlBool>`alarm.state in (${sql.join(states)})`)
  if (severities?.length) parts.push(sql<SqlBool>`alarm.severity in (${sql.join(severities)})`)
  if (deviceUid !== undefined) parts.push(sql<SqlBool>`alarm.device_uid = ${deviceUid}`)
  if (rule !== undefined) parts.push(sql<SqlBool>`alarm.rule_id = ${rule}`)
  // Whatever overlaps the span.
  if (from !== undefined)
    parts.push(sql<SqlBool>`(alarm.cleared_at is null or alarm.cleared_at >= ${from})`)
  if (to !== undefined) parts.push(sql<SqlBool>`alarm.raised_at <= ${to}`)
  if (text) {
    const like = `%${text.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`
    parts.push(sql<SqlBool>`lower(alarm.body) like ${like} escape '!'`)
  }
  const key = before === undefined ? null : /^([0-9]{1,16})-([\w-]{1,22})$/.exec(before)
  if (key) {
    const [at, id] = [Number(key[1]), key[2]]
    parts.push(
      sql<SqlBool>`alarm.raised_at <= ${at} and (alarm.raised_at < ${at} or alarm.id < ${id})`,
    )
  }
  return parts
}

async function countAlarms(db: Db): Promise<AlarmCounts> {
  const rows = await db
    .selectFrom('alarm')
    .select(['state', 'severity'])
    .select(fn => fn.fn.countAll<number>().as('n'))
    .where('is_open', '=', 1)
    .groupBy(['state', 'severity'])
    .execute()
  const counts: AlarmCounts = { critical: 0, warning: 0, info: 0, acknowledged: 0, suppressed: 0 }
  for (const { state, severity, n } of rows) {
    if (state === 'acknowledged' || state === 'suppressed') counts[state] += Number(n)
    else counts[SEVERITIES.find(one => one === severity) ?? 'info'] += Number(n)
  }
  return counts
}
