// The overview: how many devices are in which state, what is in trouble, and a tile for each device.

import Type from 'typebox'
import { checker } from '../../validate.ts'
import { alarmLine } from '../alarm-lists.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { deviceLines } from './device-index.ts'
import { byStatus, compareTexts, countStates, type DeviceLine, isFresh } from './device-line.ts'

/** Alarms that nobody has acknowledged; their own page has all. */
const ALARMS_MAX = 10
/** Rows of "In trouble", and tiles: beyond, the list with its filters serves better. */
const TROUBLE_MAX = 50
const TILES_MAX = 2000
/** Up to so many devices, a tile has room for its name. */
const NAMED_MAX = 80

const TROUBLE = new Set(['down', 'degraded', 'unknown'])

const GROUPINGS = ['location', 'tag'] as const
export type Grouping = (typeof GROUPINGS)[number]

/** `/?wall=1`: the same for a screen on the wall. */
const isWall = checker(Type.Object({ wall: Type.Literal('1') }))
const checkGrouping = checker(Type.Object({ group: Type.Enum(GROUPINGS) }))

/** What the address asks for; what it says wrongly counts as not said. */
export function groupingOf(query: unknown): Grouping {
  const checked = checkGrouping(query)
  return checked.ok ? checked.value.group : 'location'
}

/** What `views/overview/_body` shows. */
export async function overviewData(
  web: WebContext,
  group: Grouping = 'location',
): Promise<Record<string, unknown>> {
  const lines = await deviceLines(web)
  const worstFirst = byStatus(lines)
  const trouble = worstFirst.filter(line => TROUBLE.has(line.state) && !isFresh(line))
  const alarms = await web.store.alarms.list({ states: ['active'], limit: ALARMS_MAX })
  const open = web.alarms.desk.counts()
  // Where there are too many, those in trouble have their tile before the others.
  const shown = new Set(worstFirst.slice(0, TILES_MAX))
  return {
    total: lines.length,
    counts: countStates(lines),
    alarms: alarms.map(alarmLine),
    alarmCount: open.critical + open.warning + open.info,
    trouble: trouble.slice(0, TROUBLE_MAX),
    troubleMore: Math.max(0, trouble.length - TROUBLE_MAX),
    group,
    places: places(
      lines.filter(line => shown.has(line)),
      group,
    ),
    named: lines.length <= NAMED_MAX,
    tilesMore: Math.max(0, lines.length - TILES_MAX),
  }
}

/**
 * Tiles by location, or by the first tag: a device has one tile. Those without come last.
 * @param lines by name
 */
function places(
  lines: readonly DeviceLine[],
  group: Grouping,
): { name: string; lines: DeviceLine[] }[] {
  const placeOf = (line: DeviceLine) => (group === 'tag' ? (line.tags[0] ?? '') : line.location)
  return [...Map.groupBy(lines, placeOf)]
    .map(([name, here]) => ({ name, lines: here }))
    .sort((a, b) => Number(a.name === '') - Number(b.name === '') || compareTexts(a.name, b.name))
}

export function overviewPage(web: WebContext): Handler {
  return async (request, reply) => {
    const wall = isWall(request.query).ok
    const data = await overviewData(web, groupingOf(request.query))
    const title = say(request).overview.title
    return page(request, reply, wall ? 'wall' : 'overview', { title, wall, lastAt: null, ...data })
  }
}
