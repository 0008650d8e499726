// Measured: npm net-snmp as people use it, one session a device: row-wise GETBULK over all columns, or
// its own tableColumns.

import snmp from 'net-snmp'
import {
  COLUMNS,
  COMMUNITY,
  fleetAddress,
  IF_COLUMNS,
  IF_TABLE,
  IF_X_COLUMNS,
  IF_X_TABLE,
  PORTS,
  SYS_UP_TIME,
  VARBINDS,
} from './fleet-facts.ts'
import { cpuOf, type Job, jobOf, report, rssMb } from './measure.ts'

const widthMax = 64
const bulkRepetitions = 6
const tableRepetitions = 20

export interface NetSnmpJob extends Job {
  way: 'bulk' | 'tableColumns'
}

const { fleet, seconds, way } = jobOf<NetSnmpJob>()

const sessions = Array.from({ length: fleet.devices }, (_, device) =>
  snmp.createSession(fleetAddress(device), COMMUNITY, {
    ...{ port: fleet.port, version: snmp.Version2c, timeout: 3000, retries: 1 },
  }),
)
type Session = (typeof sessions)[number]

const scalar = (session: Session) =>
  new Promise<number>((resolve, reject) =>
    session.get([SYS_UP_TIME], (error, varbinds) =>
      error ? reject(error) : resolve(varbinds?.length ?? 0),
    ),
  )

interface Answer {
  values: number
  /** The last complete row of each column; null: the columns have ended. */
  next: string[] | null
}

function bulk(session: Session, from: string[]): Promise<Answer> {
  return new Promise((resolve, reject) =>
    session.getBulk(from, 0, bulkRepetitions, (error, columns) =>
      error ? reject(error) : resolve(answerOf((columns ?? []).map(list => [list].flat()))),
    ),
  )
}

function answerOf(columns: readonly { oid: string }[][]): Answer {
  const rows = Math.min(...columns.map(list => list.length))
  let values = 0
  const next: string[] = []
  for (const [i, column] of COLUMNS.entries()) {
    const list = (columns[i] ?? []).slice(0, rows)
    values += list.filter(({ oid }) => oid.startsWith(`${column}.`)).length
    const last = list.at(-1)?.oid
    if (last?.startsWith(`${column}.`)) next.push(last)
  }
  return { values, next: next.length === COLUMNS.length ? next : null }
}

async function byBulk(session: Session): Promise<number> {
  let values = await scalar(session)
  for (let from: string[] | null = COLUMNS; from && values < VARBINDS; ) {
    const answer = await bulk(session, from)
    values += answer.values
    from = answer.next
  }
  return values
}

function columns(session: Session, table: string, wanted: number[]): Promise<number> {
  return new Promise((resolve, reject) =>
    session.tableColumns(table, wanted.map(String), tableRepetitions, (error, rows) => {
      if (error) return reject(error)
      let values = 0
      for (const row of Object.values(rows ?? {})) values += Object.keys(row).length
      resolve(values)
    }),
  )
}

async function byTables(session: Session): Promise<number> {
  const upTime = await scalar(session)
  const first = await columns(session, IF_TABLE, IF_COLUMNS)
  return upTime + first + (await columns(session, IF_X_TABLE, IF_X_COLUMNS))
}

const read = way === 'bulk' ? byBulk : byTables

async function round(): Promise<{ polls: number; lost: number }> {
  const count = { polls: 0, lost: 0 }
  let next = 0
  const lane = async () => {
    for (let session = sessions[next++]; session; session = sessions[next++]) {
      const values = await read(session).catch(() => 0)
      count[values === VARBINDS ? 'polls' : 'lost']++
    }
  }
  await Promise.all(Array.from({ length: widthMax }, lane))
  return count
}

await round()
const until = performance.now() + seconds * 1000
const { result, cpuSeconds, wallSeconds } = await cpuOf(async () => {
  const total = { polls: 0, lost: 0 }
  do {
    const { polls, lost } = await round()
    total.polls += polls
    total.lost += lost
  } while (performance.now() < until)
  return total
})
report({ ...result, cpuSeconds, wallSeconds, rssMb: rssMb(), note: `${PORTS} ports` })
for (const session of sessions) session.close()
