// Alarms and their transitions. All are written one after another (under the row of judge's lease), so
// that the numbers of transitions grow in the order of commits and a reader misses none.

import { type Expression, type Selectable, type SqlBool, sql } from 'kysely'
import {
  type Acknowledgement,
  ALARM_STATES,
  Alarm,
  type AlarmState,
  type NewTransition,
  TRANSITION_REASONS,
  type Transition,
} from '../model/alarm.ts'
import { AppError } from '../model/errors.ts'
import { SEVERITIES } from '../model/event.ts'
import { checker, parseJson } from '../validate.ts'
import type { AlarmCounts, AlarmQuery, AlarmStore, Lease } from './contract.ts'
import { type Database, type Db, rowsPerInsertMax, type Tables, type Tx } from './database.ts'
import { lockedLease } from './leases.ts'

/** The lease that judge holds. */
export const JUDGE = 'judge'
/** Alarms in one page, transitions in one answer. */
const pageMax = 1000
/** Open alarms that are read at once. */
const openMax = 50_000
/** Alarms deleted by one step. */
const trimMax = 200

const checkAlarm = checker(Alarm, { firstOnly: true })
type AlarmRow = Tables['alarm']
type TransitionRow = Tables['alarm_transition']

export function alarmStore(database: Database): AlarmStore {
  const { db } = database
  return {
    write: (lease, batch) => writeTransitions(database, lease, batch),
    acknowledge: (ids, ack) => acknowledge(database, ids, ack),
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
    trim: before => trim(database, before),
  }
}

function alarmOf({ body }: { body: string }): Alarm | null {
  const checked = checkAlarm(parseJson(body))
  return checked.ok ? checked.value : null
}

function transitionOf(row: Selectable<TransitionRow>): Transition | null {
  const alarm = alarmOf(row)
  if (!alarm) return null
  const stateOf = (text: string): AlarmState => ALARM_STATES.find(one => one === text) ?? 'clear'
  return {
    ...{ id: row.id, step: row.step, at: row.at, alarm },
    from: stateOf(row.from_state),
    to: stateOf(row.to_state),
    severityBefore: SEVERITIES.find(one => one === row.severity_before) ?? 'info',
    reason: TRANSITION_REASONS.find(one => one === row.reason) ?? 'raised',
  }
}

const rowOf = (alarm: Alarm): AlarmRow => ({
  id: alarm.id,
  device_uid: alarm.deviceUid,
  rule_id: alarm.rule,
  state: alarm.state,
  severity: alarm.severity,
  is_open: alarm.state === 'clear' ? 0 : 1,
  raised_at: alarm.raisedAt,
  cleared_at: alarm.clearedAt,
  steps: alarm.steps,
  body: JSON.stringify(alarm),
})

function writeTransitions(
  database: Database,
  lease: Lease,
  batch: readonly NewTransition[],
): Promise<Transition[]> {
  if (batch.length === 0) return Promise.resolve([])
  return database.transaction(async tx => {
    const held = await lockedLease(database, tx, lease.name)
    if (held?.holder !== lease.holder || held.epoch !== lease.epoch) {
      throw new AppError('E_LEASE_LOST', `another process has become ${lease.name}`)
    }
    return store(database, tx, batch)
  })
}

/** A transition of an alarm that is clear already, or that is stored already, is left out. */
async function store(
  database: Database,
  tx: Tx,
  batch: readonly NewTransition[],
): Promise<Transition[]> {
  const ids = [...new Set(batch.map(({ alarm }) => alarm.id))]
  const known = new Map<string, Alarm>()
  const written = new Set<string>()
  for (let from = 0; from < ids.length; from += rowsPerInsertMax) {
    const some = ids.slice(from, from + rowsPerInsertMax)
    const rows = await tx.selectFrom('alarm').select('body').where('id', 'in', some).execute()
    for (const alarm of rows.map(alarmOf)) if (alarm) known.set(alarm.id, alarm)
    const keys = await tx
      .selectFrom('alarm_transition')
      .select(['alarm_id', 'at', 'reason'])
      .where('alarm_id', 'in', some)
      .execute()
    for (const { alarm_id, at, reason } of keys) written.add(`${alarm_id} ${at} ${reason}`)
  }
  const steps: NewTransition[] = []
  for (const one of batch) {
    const key = `${one.alarm.id} ${one.at} ${one.reason}`
    const before = known.get(one.alarm.id)
    if (written.has(key) || before?.state === 'clear' || (!before && one.to === 'clear')) continue
    written.add(key)
    const merged = onto(before ?? null, one)
    known.set(one.alarm.id, merged.alarm)
    steps.push(merged)
  }
  return append(database, tx, steps)
}

/** What people did meanwhile (an acknowledgement) is in the database alone. */
function onto(before: Alarm | null, { alarm, ...step }: NewTransition): NewTransition {
  const ack = before?.ack ?? alarm.ack
  const isTaken = ack !== null && step.to === 'active'
  const to = isTaken ? 'acknowledged' : step.to
  const from = before?.state ?? step.from
  return {
    ...{ ...step, from, to },
    alarm: { ...alarm, state: to, ack, steps: (before?.steps ?? 0) + 1 },
  }
}

async function append(
  database: Database,
  tx: Tx,
  steps: readonly NewTransition[],
): Promise<Transition[]> {
  if (steps.length === 0) return []
  const last = await tx
    .selectFrom('alarm_transition')
    .select(({ fn }) => fn.max('id').as('id'))
    .executeTakeFirst()
  const newest = new Map(steps.map(({ alarm }) => [alarm.id, rowOf(alarm)]))
  await database.put(tx, 'alarm', ['id'], [...newest.values()])
  for (let from = 0; from < steps.length; from += rowsPerInsertMax) {
    const rows = steps.slice(from, from + rowsPerInsertMax).map(transitionRow)
    await tx.insertInto('alarm_transition').values(rows).execute()
  }
  const stored = await tx
    .selectFrom('alarm_transition')
    .select('id')
    .where('id', '>', Number(last?.id ?? 0))
    .orderBy('id')
    .execute()
  return steps.map((step, i) => ({ ...step, step: step.alarm.steps, id: stored[i]?.id ?? 0 }))
}

const transitionRow = ({ alarm, from, to, severityBefore, at, reason }: NewTransition) => ({
  ...{ alarm_id: alarm.id, step: alarm.steps, device_uid: alarm.deviceUid, at },
  ...{ from_state: from, to_state: to, severity_before: severityBefore, reason },
  body: JSON.stringify(alarm),
})

function acknowledge(
  database: Database,
  ids: readonly string[],
  ack: Acknowledgement,
): Promise<Transition[]> {
  if (ids.length === 0) return Promise.resolve([])
  return database.transaction(async tx => {
    await lockedLease(database, tx, JUDGE)
    const rows = await tx
      .selectFrom('alarm')
      .select('body')
      .where('id', 'in', [...ids])
      .where('state', '=', 'active')
      .execute()
    const steps = rows.flatMap(row => {
      const alarm = alarmOf(row)
      if (!alarm) return []
      const taken: Alarm = { ...alarm, state: 'acknowledged', ack, steps: alarm.steps + 1 }
      const step: NewTransition = {
        ...{ alarm: taken, from: 'active', to: 'acknowledged', at: ack.at, reason: 'acknowledged' },
        severityBefore: alarm.severity,
      }
      return [step]
    })
    return append(database, tx, steps)
  })
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

/** The oldest that are clear, with their transitions. */
function trim(database: Database, before: number): Promise<number> {
  return database.transaction(async tx => {
    const old = await tx
      .selectFrom('alarm')
      .select('id')
      .where('is_open', '=', 0)
      .where('raised_at', '<', before)
      .where('cleared_at', '<', before)
      .limit(trimMax)
      .execute()
    const ids = old.map(({ id }) => id)
    if (ids.length === 0) return 0
    await tx.deleteFrom('alarm_transition').where('alarm_id', 'in', ids).execute()
    await tx.deleteFrom('alarm').where('id', 'in', ids).execute()
    return ids.length
  })
}
