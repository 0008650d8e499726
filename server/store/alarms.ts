// Alarms and their transitions. All are written one after another (under the row of judge's lease), so
// that the numbers of transitions grow in the order of commits and a reader misses none.

import type { Acknowledgement, Alarm, NewTransition, Transition } from '../model/alarm.ts'
import { AppError } from '../model/errors.ts'
import { readsOf } from './alarm-reads.ts'
import { alarmOf, rowOf, transitionRow } from './alarm-rows.ts'
import type { AlarmStore, Lease } from './contract.ts'
import { type Database, rowsPerInsertMax, type Tx } from './database.ts'
import { lockedLease } from './leases.ts'

/** The lease that judge holds. */
export const JUDGE = 'judge'
/** Alarms deleted by one step. */
const trimMax = 200

export function alarmStore(database: Database): AlarmStore {
  return {
    write: (lease, batch) => writeTransitions(database, lease, batch),
    acknowledge: (ids, ack) => acknowledge(database, ids, ack),
    ...readsOf(database.db),
    trim: before => trim(database, before),
  }
}

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
