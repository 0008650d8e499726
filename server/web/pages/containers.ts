// The containers of one engine or of all: search, filters, order, grouping and page lie in the
// address, so that a list can be sent to somebody and works without JavaScript.

import Type from 'typebox'
import { checker } from '../../validate.ts'
import { numberText } from '../cells.ts'
import {
  CONTAINER_GROUP,
  type ContainerLine,
  containerLines,
  enginesOf,
  groupOf,
} from '../containers.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { type Sparkline, sparkline } from '../sparkline.ts'
import { compareTexts } from './device-line.ts'

/** Containers on one page of the list. */
const PAGE_SIZE = 100
/** Engines that are read side by side. */
const ENGINES_AT_ONCE = 8
const SPARK_SPAN_MS = 3_600_000
const SPARK_POINTS = 52
/** Points further apart than so many intervals are not joined. */
const BREAK_STEPS = 3
const SPARKED = ['cpu', 'memory_used'] as const

export const COLUMNS = [
  'state',
  'health',
  'name',
  'image',
  'cpu',
  'memory_used',
  'net_in',
  'net_out',
  'restarts',
  'age',
] as const
type Column = (typeof COLUMNS)[number]

/** What the address asks for; what it says wrongly counts as not said. */
export interface Filter {
  q: string
  engine: string
  state: string
  project: string
  /** `project`: lines of one Compose project stand together. */
  group: string
  sort: Column
  down: boolean
  page: number
}

const checkOne = {
  q: checker(Type.String({ maxLength: 100 })),
  engine: checker(Type.String({ maxLength: 63 })),
  state: checker(Type.String({ maxLength: 40 })),
  project: checker(Type.String({ maxLength: 80 })),
  group: checker(Type.Literal('project')),
  sort: checker(Type.Enum(COLUMNS.flatMap(column => [column, `-${column}`] as const))),
  page: checker(Type.String({ pattern: '^[1-9][0-9]{0,4}$' })),
}

export function filterOf(query: Record<string, unknown>): Filter {
  const text = (name: keyof typeof checkOne): string => {
    const checked = checkOne[name](query[name])
    return checked.ok ? String(checked.value) : ''
  }
  const sort = text('sort')
  return {
    q: text('q').trim(),
    engine: text('engine'),
    state: text('state'),
    project: text('project'),
    group: text('group'),
    sort: COLUMNS.find(one => one === sort.replace('-', '')) ?? 'name',
    down: sort.startsWith('-'),
    page: Number(text('page') || 1),
  }
}

/** The list's address with some of its parts changed; what is as by default is left out. */
export function listHref(filter: Filter, change: Partial<Filter>): string {
  const { sort, down, page: number, ...texts } = { ...filter, ...change }
  const query = new URLSearchParams(Object.entries(texts).filter(([, text]) => text !== ''))
  if (sort !== 'name' || down) query.set('sort', `${down ? '-' : ''}${sort}`)
  if (number > 1) query.set('page', String(number))
  return query.size > 0 ? `/containers?${query}` : '/containers'
}

type Compare = (a: ContainerLine, b: ContainerLine) => number

/** What is not known comes last, whichever way the others go. */
function byNumber(of: (line: ContainerLine) => number | null, down: boolean): Compare {
  return (a, b) => {
    const [left, right] = [of(a), of(b)]
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    return down ? right - left : left - right
  }
}

function compareOf({ sort, down }: Filter): Compare {
  const turn = down ? -1 : 1
  const byText = (of: (line: ContainerLine) => string): Compare => {
    return (a, b) => turn * compareTexts(of(a), of(b))
  }
  switch (sort) {
    case 'name':
      return byText(line => line.name)
    case 'image':
      return byText(line => line.image)
    case 'state':
    case 'health':
      return byText(line => line.cells[sort].text)
    case 'age':
      // The youngest was made last.
      return byNumber(({ since }) => (since === null ? null : -since), down)
    default:
      return byNumber(({ numbers }) => numbers[sort], down)
  }
}

/** All that was asked for but the state, which has counts of its own. */
function matches(line: ContainerLine, { q, project }: Filter): boolean {
  if (project && line.project !== project) return false
  const wanted = q.toLowerCase()
  return [line.name, line.image, line.project, line.engine.name].some(text =>
    text.toLowerCase().includes(wanted),
  )
}

/** The profile's `none` is switched off: its image has no health check. */
const isChecked = ({ cells: { health } }: ContainerLine): boolean =>
  !health.missing && health.tone !== 'off'

type Spark = Sparkline & { title: string }

export interface ContainerGroup {
  /** Empty: not grouped, or of no project. */
  project: string
  lines: (ContainerLine & { sparks: Partial<Record<string, Spark>> })[]
}

/** What `views/containers/_table` shows. */
export async function containersData(
  web: WebContext,
  query: Record<string, string | undefined>,
): Promise<Record<string, unknown>> {
  const asked = filterOf(query)
  const engines = enginesOf(web, await web.devices.list())
  const chosen = engines.filter(({ config }) => !asked.engine || config.id === asked.engine)
  const all = await sideBySide(chosen, engine => containerLines(web, engine))
  const found = all.filter(line => matches(line, asked))
  const lines = found.filter(line => !asked.state || line.state === asked.state)
  const compare = compareOf(asked)
  const byProject: Compare = (a, b) =>
    asked.group === ''
      ? 0
      : Number(a.project === '') - Number(b.project === '') || compareTexts(a.project, b.project)
  lines.sort((a, b) => byProject(a, b) || compare(a, b) || compareTexts(a.name, b.name))
  const pages = Math.max(1, Math.ceil(lines.length / PAGE_SIZE))
  const filter = { ...asked, page: Math.min(asked.page, pages) }
  const shown = lines.slice((filter.page - 1) * PAGE_SIZE, filter.page * PAGE_SIZE)
  const sparks = await sparksOf(web, chosen, shown)
  const withSparks = shown.map(line => ({ ...line, sparks: sparks(line) }))
  const groups = Map.groupBy(withSparks, line => (filter.group === '' ? '' : line.project))
  return {
    columns: COLUMNS.filter(column => column !== 'health' || all.some(isChecked)),
    engines: engines.map(({ config }) => ({ id: config.id, name: config.name })),
    total: all.length,
    found: lines.length,
    counts: countStates(found, asked.state),
    projects: [...new Set(all.map(line => line.project))].filter(Boolean).sort(compareTexts),
    groups: [...groups].map(([project, of]): ContainerGroup => ({ project, lines: of })),
    filter,
    filtered: [asked.q, asked.engine, asked.state, asked.project].some(text => text !== ''),
    pages,
    withEngine: chosen.length > 1,
    href: (change: Partial<Filter>) => listHref(filter, { page: 1, ...change }),
    query: listHref(filter, {}).split('?')[1] ?? '',
  }
}

/** The state that was asked for stays in the list when its last container has left it. */
function countStates(
  lines: readonly ContainerLine[],
  asked: string,
): { state: string; title: string; count: number }[] {
  const byState = Map.groupBy(lines, line => line.state)
  const states = [...new Set([...byState.keys(), asked])].filter(Boolean).sort(compareTexts)
  return [
    { state: '', title: 'All', count: lines.length },
    ...states.map(state => ({ state, title: state, count: byState.get(state)?.length ?? 0 })),
  ]
}

/** Small lines of the last hour, one read of the store for each engine. */
async function sparksOf(
  web: WebContext,
  engines: Parameters<typeof groupOf>[1][],
  shown: readonly ContainerLine[],
): Promise<(line: ContainerLine) => ContainerGroup['lines'][number]['sparks']> {
  const to = Date.now()
  const from = to - SPARK_SPAN_MS
  const rows = Map.groupBy(shown, line => line.uid)
  const drawn = new Map<string, Record<string, Spark>>()
  await sideBySide(engines, async engine => {
    const group = groupOf(web, engine)
    const keys = rows.get(engine.uid)?.map(line => line.key)
    if (!group || !keys) return []
    const series = await web.store.samples.read({
      deviceUid: engine.uid,
      group: CONTAINER_GROUP,
      metrics: [...SPARKED],
      rows: keys,
      from,
      to,
      points: SPARK_POINTS,
    })
    for (const { metric: id, row, points } of series) {
      const metric = group.metrics.find(one => one.id === id)
      if (!metric || row === null) continue
      const line = sparkline(points, from, to, BREAK_STEPS * stepOf(points))
      const most = line.max === null ? 'no values' : `at most ${numberText(metric, line.max)}`
      const key = `${engine.uid} ${row}`
      drawn.set(key, {
        ...drawn.get(key),
        [id]: { ...line, title: `${metric.title} in the last hour: ${most}` },
      })
    }
    return []
  })
  return line => drawn.get(`${line.uid} ${line.key}`) ?? {}
}

/** Ms between points: of the hour's buckets, or of slower reads. */
function stepOf(points: readonly { at: number }[]): number {
  const gaps = points.slice(1).map((point, i) => point.at - (points[i]?.at ?? 0))
  return Math.max(SPARK_SPAN_MS / SPARK_POINTS, gaps.length > 0 ? Math.min(...gaps) : 0)
}

async function sideBySide<A, B>(
  items: readonly A[],
  read: (item: A) => Promise<B[]>,
): Promise<B[]> {
  const found: B[][] = []
  const queue = items.entries()
  const work = async () => {
    for (const [i, item] of queue) found[i] = await read(item)
  }
  await Promise.all(Array.from({ length: ENGINES_AT_ONCE }, work))
  return found.flat()
}

export function containersPage(web: WebContext): Handler {
  return async (request, reply) => {
    const query = request.query as Record<string, string | undefined>
    const data = await containersData(web, query)
    return page(request, reply, 'containers', {
      title: say(request).containers.title,
      ...data,
    })
  }
}
