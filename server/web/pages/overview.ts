// The overview: how many devices are in which state, what is in trouble, and a tile for each device.

import Type from 'typebox'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'
import {
  compareStatus,
  compareTexts,
  countStates,
  type DeviceLine,
  deviceLine,
} from './device-line.ts'

/** Rows of "In trouble", and tiles: beyond, the list with its filters serves better. */
const TROUBLE_MAX = 50
const TILES_MAX = 2000
/** Up to so many devices, a tile has room for its name. */
const NAMED_MAX = 80

const TROUBLE = new Set(['down', 'degraded', 'unknown'])

/** `/?wall=1`: the same for a screen on the wall. */
const isWall = checker(Type.Object({ wall: Type.Literal('1') }))

/** What `views/overview/_body` shows. */
export async function overviewData(web: WebContext): Promise<Record<string, unknown>> {
  const lines = (await web.devices.list()).map(device => deviceLine(web, device))
  const trouble = lines.filter(line => TROUBLE.has(line.status.state) && !line.fresh)
  trouble.sort(compareStatus)
  return {
    total: lines.length,
    counts: countStates(lines),
    trouble: trouble.slice(0, TROUBLE_MAX),
    troubleMore: Math.max(0, trouble.length - TROUBLE_MAX),
    places: places(lines.sort((a, b) => compareTexts(a.name, b.name)).slice(0, TILES_MAX)),
    named: lines.length <= NAMED_MAX,
    tilesMore: Math.max(0, lines.length - TILES_MAX),
  }
}

/** Tiles by location; devices without one come last. */
function places(lines: readonly DeviceLine[]): { name: string; lines: DeviceLine[] }[] {
  return [...Map.groupBy(lines, line => line.location)]
    .map(([name, here]) => ({ name, lines: here }))
    .sort((a, b) => Number(a.name === '') - Number(b.name === '') || compareTexts(a.name, b.name))
}

export function overviewPage(web: WebContext): Handler {
  return async (request, reply) => {
    const wall = isWall(request.query).ok
    const data = { title: 'Overview', wall, lastAt: null, ...(await overviewData(web)) }
    return page(request, reply, wall ? 'wall' : 'overview', data)
  }
}
