// The audit log: who did what, on what, when and from where. Filters lie in the address; the same
// list goes out as CSV. Nothing here can change an entry.

import { Readable } from 'node:stream'
import Type from 'typebox'
import type { AuditEntry, AuditQuery } from '../../store/contract.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { csvLine } from '../csv.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'

const PAGE_SIZE = 100
const CSV_STEP = 1000
/** Lines of one export; who needs more asks by date. */
const csvLinesMax = 100_000

const checkOne = {
  actor: checker(Type.String({ minLength: 1, maxLength: 300 })),
  action: checker(Type.String({ minLength: 1, maxLength: 100 })),
  thing: checker(Type.String({ minLength: 1, maxLength: 300 })),
  from: checker(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' })),
  to: checker(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' })),
  before: checker(Type.String({ pattern: '^[0-9]{1,15}$' })),
}
type Name = keyof typeof checkOne
const checkQuery = checker(Type.Record(Type.String(), Type.Unknown()))

/** What the address asks for; what it says wrongly counts as not said. Days are UTC. */
function filterOf(query: unknown): Partial<Record<Name, string>> {
  const asked = checkQuery(query)
  const filter: Partial<Record<Name, string>> = {}
  if (!asked.ok) return filter
  for (const name of Object.keys(checkOne) as Name[]) {
    const checked = checkOne[name](asked.value[name])
    if (checked.ok) filter[name] = checked.value.trim()
  }
  return filter
}

function queryOf(filter: Partial<Record<Name, string>>): Omit<AuditQuery, 'limit'> {
  const { actor, action, thing, from, to, before } = filter
  const day = (text: string | undefined, after: number) => {
    const at = text === undefined ? Number.NaN : Date.parse(text)
    return Number.isNaN(at) ? undefined : at + after
  }
  return {
    actor,
    action,
    thing,
    from: day(from, 0),
    to: day(to, 86_400_000),
    before: before === undefined ? undefined : Number(before),
  }
}

function hrefOf(path: string, filter: Partial<Record<Name, string>>): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, text]) => text))
  return query.size > 0 ? `${path}?${query}` : path
}

export function auditPage(web: WebContext): Handler {
  return async (request, reply) => {
    const filter = filterOf(request.query)
    const found = await web.store.audit.list({ ...queryOf(filter), limit: PAGE_SIZE + 1 })
    const entries = found.slice(0, PAGE_SIZE)
    const { before, ...rest } = filter
    const last = found.length > PAGE_SIZE ? entries.at(-1) : undefined
    return page(request, reply, 'audit', {
      title: say(request).audit.title,
      entries,
      filter,
      filtered: Object.keys(rest).length > 0,
      newest: before === undefined ? null : hrefOf('/audit', rest),
      older: last ? hrefOf('/audit', { ...rest, before: String(last.id) }) : null,
      csv: hrefOf('/audit.csv', rest),
    })
  }
}

export function auditCsv(web: WebContext): Handler {
  return async (request, reply) => {
    const { before: _, ...filter } = filterOf(request.query)
    const query = queryOf(filter)
    const page = (before?: number) => web.store.audit.list({ ...query, before, limit: CSV_STEP })
    // The first page is read before the answer begins: what fails can still be said.
    const lines = Readable.from(csvOf(await page(), page))
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', 'attachment; filename="audit.csv"')
      .send(lines)
  }
}

type Entries = Awaited<ReturnType<WebContext['store']['audit']['list']>>

async function* csvOf(
  first: Entries,
  next: (before: number | undefined) => Promise<Entries>,
): AsyncGenerator<string> {
  yield csvLine(['at', 'who', 'action', 'thing', 'from', 'before', 'after'])
  let entries = first
  for (let sent = 0; sent < csvLinesMax; sent += CSV_STEP) {
    for (const entry of entries) yield csvLine(cellsOf(entry))
    if (entries.length < CSV_STEP) return
    entries = await next(entries.at(-1)?.id)
  }
}

function cellsOf({ at, actor, action, thing, address, before, after }: AuditEntry): string[] {
  const json = (value: unknown) => (value === null ? '' : JSON.stringify(value))
  const when = new Date(at).toISOString()
  return [when, actor, action, thing, address, json(before), json(after)]
}
