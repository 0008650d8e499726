// Where places lie on the map: rings around the root as a beginning, then forces (d3-force: links pull,
// places keep apart) for a bounded number of steps, in turns, so that nobody else waits. The same network
// gives the same picture.

import { setImmediate as breathe } from 'node:timers/promises'
import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type SimulationLinkDatum,
  type SimulationNodeDatum,
} from 'd3-force'

/** Places that are laid out; of more nobody could read the picture. */
export const placesMax = 1000
/** Steps in all, and between two looks at what else there is to do. */
const stepsMax = 160
const stepsPerTurn = 10
/** A place's room: half of a label's width. */
const radius = 46
/** Between two rings of the beginning. */
const ringWidth = 130
/** Around the whole. */
const margin = 60

export interface Spot {
  id: string
  x: number
  y: number
}

export interface Picture {
  width: number
  height: number
  spots: ReadonlyMap<string, Spot>
}

interface Node extends SimulationNodeDatum {
  id: string
}

/** @param edges pairs of ids; @param roots the middle of each part of the network */
export async function layOut(
  ids: readonly string[],
  edges: readonly (readonly [string, string])[],
  roots: readonly string[],
): Promise<Picture> {
  const shown = ids.slice(0, placesMax)
  const isShown = new Set(shown)
  const links = edges
    .filter(([a, b]) => isShown.has(a) && isShown.has(b) && a !== b)
    .map(([source, target]): SimulationLinkDatum<Node> => ({ source, target }))
  const nodes = onRings(shown, edges, roots)
  const simulation = forceSimulation(nodes)
    .stop()
    .alphaDecay(1 - 0.001 ** (1 / stepsMax))
    .force(
      'link',
      forceLink<Node, SimulationLinkDatum<Node>>(links)
        .id(({ id }) => id)
        .distance(2.2 * radius),
    )
    .force('apart', forceManyBody().strength(-420).distanceMax(900))
    .force('room', forceCollide(radius).iterations(2))
    // Wider than high, as screens are.
    .force('x', forceX(0).strength(0.03))
    .force('y', forceY(0).strength(0.06))
  for (let step = 0; step < stepsMax; step += stepsPerTurn) {
    simulation.tick(stepsPerTurn)
    await breathe()
  }
  return framed(nodes)
}

/** By steps from the root, each next to what it hangs on. */
function onRings(
  ids: readonly string[],
  edges: readonly (readonly [string, string])[],
  roots: readonly string[],
): Node[] {
  const near = new Map<string, string[]>(ids.map(id => [id, []]))
  for (const [a, b] of edges) {
    near.get(a)?.push(b)
    near.get(b)?.push(a)
  }
  const placed = new Map<string, Node>()
  let offset = 0
  for (const root of [...roots, ...ids]) {
    if (placed.has(root) || !near.has(root)) continue
    offset = place(root, offset, near, placed)
  }
  return [...placed.values()]
}

/** One part of the network, right of the others. @returns where the next one begins */
function place(
  root: string,
  offset: number,
  near: ReadonlyMap<string, readonly string[]>,
  placed: Map<string, Node>,
): number {
  const rings: string[][] = [[root]]
  const seen = new Set([root])
  for (const ring of rings) {
    const next = ring.flatMap(id =>
      (near.get(id) ?? []).filter(to => near.has(to) && !seen.has(to) && seen.add(to)),
    )
    if (next.length > 0) rings.push(next)
  }
  const middle = offset + rings.length * ringWidth
  for (const [ring, ids] of rings.entries()) {
    for (const [i, id] of ids.entries()) {
      const angle = (2 * Math.PI * i) / ids.length + ring
      const away = ring * ringWidth
      placed.set(id, { id, x: middle + away * Math.cos(angle), y: away * Math.sin(angle) })
    }
  }
  return middle + rings.length * ringWidth
}

/** From the corner at 0, 0 on, in whole numbers. */
function framed(nodes: readonly Node[]): Picture {
  const xs = nodes.map(({ x = 0 }) => x)
  const ys = nodes.map(({ y = 0 }) => y)
  const [left, top] = [Math.min(...xs, 0), Math.min(...ys, 0)]
  const spots = nodes.map(({ id, x = 0, y = 0 }): [string, Spot] => [
    id,
    { id, x: Math.round(x - left + margin), y: Math.round(y - top + margin) },
  ])
  return {
    width: Math.round(Math.max(...xs, 0) - left + 2 * margin),
    height: Math.round(Math.max(...ys, 0) - top + 2 * margin),
    spots: new Map(spots),
  }
}
