// Reads what a plan asks for over an SNMP session: scalars of all groups in one GET, columns of each
// table in one walk, an OID that several groups name once. A group that fails does not cost the others.

import { AppError, messageOf } from '../model/errors.ts'
import type { GroupReading, RawValue } from '../model/raw.ts'
import { SCALAR_INDEXES, type TableColumn, tableOf } from '../model/rawtable.ts'
import type { FetchRequest } from '../profiles/face.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { joinColumns } from './snmp-join.ts'

/** Groups in a row that may time out without one answer between before the device counts as gone. */
const timeoutsInARowMax = 2

/** One column of a table that was read. */
interface WalkedColumn extends TableColumn {
  isCut: boolean
}

export interface GroupsRead {
  groups: Map<string, GroupReading>
  failures: Map<string, AppError>
}

/**
 * Never rejects: what could not be read is in `failures`, with the reason. Tables are read side by side
 * where the session has more than one request on the way; those that share columns one after the other.
 */
export async function readGroups(
  session: SnmpSession,
  requests: readonly FetchRequest[],
  signal: AbortSignal,
): Promise<GroupsRead> {
  const read: GroupsRead = { groups: new Map(), failures: new Map() }
  const scalars = requests.filter(request => !request.table)
  const tables = requests.filter(request => request.table)
  const walked = new Map<string, WalkedColumn>()
  const silent = createSilenceCount(session)
  let timeouts = 0
  let gone: AppError | null = null
  const step = async (asked: readonly FetchRequest[], run: () => Promise<void>) => {
    if (gone !== null) return fail(read, asked, gone)
    try {
      await run()
      timeouts = 0
    } catch (cause) {
      const error = asAppError(cause)
      fail(read, asked, error)
      timeouts = error.code === 'E_SNMP_TIMEOUT' ? silent.next(timeouts) : 0
      if (timeouts >= timeoutsInARowMax || endsTheRead(error)) gone = error
    }
  }
  if (scalars.length > 0) await step(scalars, () => readScalars(session, scalars, read, signal))
  const chains = chainsOf(tables)
  const lane = async () => {
    for (let chain = chains.shift(); chain; chain = chains.shift()) {
      for (const one of chain) {
        await step([one], () => readTable(session, one, tables, walked, read, signal))
      }
    }
  }
  const width = Math.min(chains.length, session.inFlight)
  await Promise.all(Array.from({ length: width }, lane))
  return read
}

/** Tables with a column in common, directly or by others, are in one chain; in the order of the first. */
function chainsOf(tables: readonly FetchRequest[]): FetchRequest[][] {
  let chains: { tables: FetchRequest[]; sources: Set<string> }[] = []
  for (const table of tables) {
    const own = { tables: [table], sources: new Set(table.sources) }
    const kin = chains.filter(({ sources }) => table.sources.some(source => sources.has(source)))
    const [first] = kin
    if (first === undefined) {
      chains.push(own)
      continue
    }
    for (const other of [...kin.slice(1), own]) {
      first.tables.push(...other.tables)
      for (const source of other.sources) first.sources.add(source)
    }
    chains = chains.filter(chain => chain === first || !kin.includes(chain))
  }
  return chains.map(chain => chain.tables)
}

/** What answered since the last loss is there, however much of what we ask is lost. */
function createSilenceCount({ counters }: SnmpSession) {
  let heard = 0
  return {
    next(timeouts: number): number {
      const isSilent = counters.varbinds === heard
      heard = counters.varbinds
      return isSilent ? timeouts + 1 : 1
    },
  }
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

const NONE: RawValue = { type: 'none' }

function scalarReading(
  { sources }: FetchRequest,
  values: ReadonlyMap<string, RawValue>,
): GroupReading {
  const columns = new Map<string, Map<string, RawValue>>()
  for (const source of sources) columns.set(source, new Map([['', values.get(source) ?? NONE]]))
  return { table: tableOf(SCALAR_INDEXES, columns), partial: false }
}

async function readTable(
  session: SnmpSession,
  request: FetchRequest,
  tables: readonly FetchRequest[],
  walked: Map<string, WalkedColumn>,
  read: GroupsRead,
  signal: AbortSignal,
): Promise<void> {
  if (tables.length === 1) {
    const { table, stopped } = await session.readTable(request.sources, request.rowsMax, signal)
    const partial = stopped.some(why => why !== null)
    read.groups.set(request.group, { table, partial })
    return
  }
  const missing = request.sources.filter(source => !walked.has(source))
  if (missing.length > 0) {
    // A column that another group needs longer is read as long as that group needs it.
    const sharing = tables.filter(table => table.sources.some(source => missing.includes(source)))
    const rowsMax = Math.max(...sharing.map(table => table.rowsMax))
    const { table, stopped } = await session.readTable(missing, rowsMax, signal)
    for (const [column, source] of table.sources.entries()) {
      walked.set(source, { table, column, isCut: stopped[column] !== null })
    }
  }
  read.groups.set(request.group, tableReading(request, walked))
}

/** A group's columns; as they were read, where one walk was for it alone. */
function tableReading(
  { sources, rowsMax }: FetchRequest,
  walked: ReadonlyMap<string, WalkedColumn>,
): GroupReading {
  const columns = sources.flatMap(source => walked.get(source) ?? [])
  const partial = columns.some(({ isCut }) => isCut)
  const [first] = columns
  const isWhole =
    first !== undefined &&
    first.table.sources.length === columns.length &&
    first.table.indexes.length <= rowsMax &&
    columns.every(({ table, column }, i) => table === first.table && column === i)
  if (isWhole) return { table: first.table, partial }
  const joined = joinColumns(columns, rowsMax)
  return { table: joined.table, partial: partial || joined.isCut }
}
