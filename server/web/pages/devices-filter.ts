// What an address asks of the list of devices, and the address of what is asked: filters, order, page
// and columns. What is said wrongly counts as not said.

import Type from 'typebox'
import { DEVICE_STATES } from '../../model/collection.ts'
import { DEVICE_KINDS } from '../../model/device.ts'
import { checker } from '../../validate.ts'

const SORTS = ['state', 'name', 'kind', 'address', 'location'] as const
type Sort = (typeof SORTS)[number]

/** Beside the name, which is always there; in the order of the table. */
export const COLUMNS = [
  'state',
  'kind',
  'address',
  'location',
  'tags',
  'profiles',
  'every',
  'cpu',
  'memory',
  'traffic',
  'age',
] as const
export type Column = (typeof COLUMNS)[number]

export const USUAL_COLUMNS: readonly Column[] = [
  'state',
  'kind',
  'address',
  'profiles',
  'cpu',
  'memory',
  'traffic',
  'age',
]

/** What a list is narrowed by. */
const FILTERS = {
  q: checker(Type.String({ maxLength: 100 })),
  state: checker(Type.Enum(DEVICE_STATES)),
  kind: checker(Type.Enum(DEVICE_KINDS)),
  location: checker(Type.String({ maxLength: 100 })),
  tag: checker(Type.String({ maxLength: 40 })),
  profile: checker(Type.String({ maxLength: 63 })),
}
const FILTER_NAMES = ['q', 'state', 'kind', 'location', 'tag', 'profile'] as const
type FilterName = keyof typeof FILTERS

const checkOne = {
  ...FILTERS,
  sort: checker(Type.Enum(SORTS.flatMap(column => [column, `-${column}`] as const))),
  page: checker(Type.String({ pattern: '^[1-9][0-9]{0,4}$' })),
  columns: checker(Type.String({ maxLength: 200 })),
}

/** An empty text: not asked for. */
export interface Filter extends Record<FilterName, string> {
  sort: Sort
  down: boolean
  page: number
  /** null: as the person has chosen, else the usual ones. */
  columns: readonly Column[] | null
}

export function filterOf(query: Record<string, unknown>): Filter {
  const text = (name: keyof typeof checkOne): string => {
    const checked = checkOne[name](query[name])
    return checked.ok ? String(checked.value) : ''
  }
  const sort = text('sort')
  return {
    q: text('q').trim(),
    state: text('state'),
    kind: text('kind'),
    location: text('location'),
    tag: text('tag'),
    profile: text('profile'),
    sort: SORTS.find(one => one === sort.replace('-', '')) ?? 'state',
    down: sort.startsWith('-'),
    page: Number(text('page') || 1),
    columns: columnsOf(text('columns')),
  }
}

/** `state.cpu`, in the order of the table; null: none of them is a column. */
export function columnsOf(text: string | null): readonly Column[] | null {
  const asked = new Set((text ?? '').split('.'))
  const found = COLUMNS.filter(column => asked.has(column))
  return found.length > 0 ? found : null
}

export const columnsText = (columns: readonly Column[]): string => columns.join('.')

export const isFiltered = (filter: Filter): boolean =>
  FILTER_NAMES.some(name => filter[name] !== '')

/** The filters, order, columns and page that are not as by default. */
export function listQuery(filter: Filter, change: Partial<Filter> = {}): URLSearchParams {
  const asked = { ...filter, ...change }
  const query = new URLSearchParams()
  for (const name of FILTER_NAMES) if (asked[name]) query.set(name, asked[name])
  const { sort, down, page, columns } = asked
  if (sort !== 'state' || down) query.set('sort', `${down ? '-' : ''}${sort}`)
  if (columns) query.set('columns', columnsText(columns))
  if (page > 1) query.set('page', String(page))
  return query
}

/** The list with nothing asked for; the bare address leads to the view that the person starts with. */
export const WHOLE_LIST = '/devices?all=1'

/** The list's address with some of its parts changed. */
export function listHref(filter: Filter, change: Partial<Filter> = {}): string {
  const query = listQuery(filter, change)
  return query.size > 0 ? `/devices?${query}` : WHOLE_LIST
}
