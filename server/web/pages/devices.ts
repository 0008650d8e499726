// The list of devices: search, filters, order, columns and page lie in the address, so that a list
// can be sent to somebody and works without JavaScript.

import { AppError } from '../../model/errors.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { figuresOf } from './device-figures.ts'
import { deviceChoices, deviceLines, deviceRanks } from './device-index.ts'
import { byStatus, countStates, type DeviceLine } from './device-line.ts'
import {
  COLUMNS,
  type Column,
  columnsOf,
  type Filter,
  filterOf,
  isFiltered,
  listHref,
  listQuery,
  USUAL_COLUMNS,
  WHOLE_LIST,
} from './devices-filter.ts'

/** Devices on one page of the list. */
export const PAGE_SIZE = 50
const FIGURES: readonly Column[] = ['cpu', 'memory', 'traffic', 'age']

/** All that was asked for but the state, which has counts of its own. */
function matches(line: DeviceLine, { q, kind, location, tag, profile }: Filter): boolean {
  return (
    (!kind || line.kind === kind) &&
    (!location || line.location === location) &&
    (!tag || line.tags.includes(tag)) &&
    (!profile || line.profiles.includes(profile)) &&
    line.searched.includes(q.toLowerCase())
  )
}

/** @param lines by name; of two that are alike in what is sorted by, that stays */
async function sorted(
  web: WebContext,
  lines: readonly DeviceLine[],
  { sort, down }: Filter,
): Promise<DeviceLine[]> {
  const found = sort === 'state' ? byStatus(lines) : [...lines]
  if (sort !== 'state' && sort !== 'name') {
    const ranks = await deviceRanks(web, sort)
    found.sort((a, b) => (ranks.get(a.uid) ?? 0) - (ranks.get(b.uid) ?? 0))
  }
  return down ? found.reverse() : found
}

/** What `views/devices/_table` shows. */
export async function devicesData(
  web: WebContext,
  query: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const asked = filterOf(query)
  const all = await deviceLines(web)
  const found = all.filter(line => matches(line, asked))
  const lines = await sorted(
    web,
    found.filter(line => !asked.state || line.state === asked.state),
    asked,
  )
  const pages = Math.max(1, Math.ceil(lines.length / PAGE_SIZE))
  const filter = { ...asked, page: Math.min(asked.page, pages) }
  const shown = lines.slice((filter.page - 1) * PAGE_SIZE, filter.page * PAGE_SIZE)
  const columns = filter.columns ?? USUAL_COLUMNS
  return {
    total: all.length,
    found: lines.length,
    foundInAnyState: found.length,
    counts: countStates(found),
    lines: shown,
    figures: await figuresOf(web, columns.some(one => FIGURES.includes(one)) ? shown : []),
    filter,
    filtered: isFiltered(asked),
    pages,
    columns,
    href: (change: Partial<Filter>) => listHref(filter, { page: 1, ...change }),
    query: listQuery(filter).toString(),
    whole: WHOLE_LIST,
  }
}

export function devicesPage(web: WebContext): Handler {
  return async (request, reply) => {
    const query = request.query as Record<string, unknown>
    const account = request.viewer?.user?.id
    const views = account === undefined ? [] : await web.store.views.list(account)
    const first = views.find(({ isDefault }) => isDefault)
    if (first && Object.keys(query).length === 0) {
      return reply.redirect(first.query ? `/devices?${first.query}` : WHOLE_LIST, 303)
    }
    const chosen = account === undefined ? null : await web.store.views.columns(account)
    const mine = columnsOf(chosen)
    const asked = mine && !query.columns ? { ...query, columns: mine.join('.') } : query
    return page(request, reply, 'devices', {
      title: say(request).devices.title,
      ...(await devicesData(web, asked)),
      choices: await deviceChoices(web),
      allColumns: COLUMNS,
      views,
      hasAccount: account !== undefined,
    })
  }
}

/** The account of whoever asks. @throws AppError E_FORBIDDEN: a token has none */
export function accountOf(request: Parameters<Handler>[0]): number {
  const id = request.viewer?.user?.id
  if (id !== undefined) return id
  throw new AppError('E_FORBIDDEN', 'a token has no views of its own', {
    hint: 'sign in as a user',
  })
}
