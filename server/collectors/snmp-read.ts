// Reads what a plan asks for over an SNMP session: scalars of all groups in one GET, columns of each
// table in one walk, an OID that several groups name once. A group that fails does not cost the others.

import { AppError, messageOf } from '../model/errors.ts'
import type { GroupReading, RawValue } from '../model/raw.ts'
import type { FetchRequest } from '../profiles/face.ts'
import type { ColumnWalk, SnmpSession } from '../snmp/session.ts'

/** Groups in a row that may time out before the device counts as gone for this read. */
const timeoutsInARowMax = 2

export interface GroupsRead {
  groups: Map<string, GroupReading>
  failures: Map<string, AppError>
}

/** Never rejects: what could not be read is in `failures`, with the reason. */
export async function readGroups(
  session: SnmpSession,
  requests: readonly FetchRequest[],
  signal: AbortSignal,
): Promise<GroupsRead> {
  const read: GroupsRead = { groups: new Map(), failures: new Map() }
  const scalars = requests.filter(request => !request.table)
  const tables = requests.filter(request => request.table)
  const walked = new Map<string, ColumnWalk>()
  const steps = [
    { requests: scalars, run: () => readScalars(session, scalars, read, signal) },
    ...tables.map(table => ({
      requests: [table],
      run: () => readTable(session, table, tables, walked, read, signal),
    })),
  ]
  let timeouts = 0
  let gone: AppError | null = null
  for (const step of steps) {
    if (step.requests.length === 0) continue
    if (gone === null) {
      const error = await step.run().then(() => null, asAppError)
      if (error === null) {
        timeouts = 0
        continue
      }
      fail(read, step.requests, error)
      timeouts = error.code === 'E_SNMP_TIMEOUT' ? timeouts + 1 : 0
      if (timeouts >= timeoutsInARowMax || endsTheRead(error)) gone = error
    } else fail(read, step.requests, gone)
  }
  return read
}

function fail(read: GroupsRead, requests: readonly FetchRequest[], error: AppError): void {
  for (const { group } of requests) if (!read.groups.has(group)) read.failures.set(group, error)
}

/** What the next request would only meet again. */
function endsTheRead(error: AppError): boolean {
  return ['E_SNMP_AUTH', 'E_SNMP_UNREACHABLE', 'E_ABORTED'].includes(error.code)
}

export function asAppError(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError('E_SNMP_DECODE', messageOf(error), { cause: error })
}

async function readScalars(
  session: SnmpSession,
  requests: readonly FetchRequest[],
  read: GroupsRead,
  signal: AbortSignal,
): Promise<void> {
  try {
    const sources = [...new Set(requests.flatMap(request => request.sources))]
    const values = new Map(
      (await session.get(sources, signal)).map(({ oid, value }) => [oid, value] as const),
    )
    for (const request of requests) read.groups.set(request.group, scalarReading(request, values))
  } catch (error) {
    const broken = error instanceof AppError && /^E_SNMP_(DECODE|ERROR)$/.test(error.code)
    if (!broken || requests.length === 1) throw error
    // One group's object may be what the agent stumbles over: each group for itself.
    for (const request of requests) {
      await readScalars(session, [request], read, signal).catch(cause => {
        const own = asAppError(cause)
        if (endsTheRead(own)) throw own
        fail(read, [request], own)
      })
    }
  }
}

function scalarReading(
  { sources }: FetchRequest,
  values: ReadonlyMap<string, RawValue>,
): GroupReading {
  const row = new Map<string, RawValue>()
  for (const source of sources) row.set(source, values.get(source) ?? { type: 'none' })
  return { rows: new Map([['', row]]), partial: false }
}

async function readTable(
  session: SnmpSession,
  request: FetchRequest,
  tables: readonly FetchRequest[],
  walked: Map<string, ColumnWalk>,
  read: GroupsRead,
  signal: AbortSignal,
): Promise<void> {
  const missing = request.sources.filter(source => !walked.has(source))
  if (missing.length > 0) {
    // A column that another group needs longer is read as long as that group needs it.
    const sharing = tables.filter(table => table.sources.some(source => missing.includes(source)))
    const rowsMax = Math.max(...sharing.map(table => table.rowsMax))
    for (const column of await session.walk(missing, rowsMax, signal)) {
      walked.set(column.column, column)
    }
  }
  read.groups.set(request.group, tableReading(request, walked))
}

function tableReading(
  { sources, rowsMax }: FetchRequest,
  walked: ReadonlyMap<string, ColumnWalk>,
): GroupReading {
  const rows = new Map<string, Map<string, RawValue>>()
  let partial = false
  for (const source of sources) {
    const column = walked.get(source)
    if (column === undefined) continue
    if (column.stopped !== null) partial = true
    for (const [index, value] of column.values) {
      const row = rows.get(index)
      if (row) row.set(source, value)
      else if (rows.size < rowsMax) rows.set(index, new Map([[source, value]]))
      else partial = true
    }
  }
  return { rows, partial }
}
