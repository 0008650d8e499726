// Parents for alarm dependencies, proposed from the links: what lies between a device and the root is
// what it hangs on. A search by breadth: loops end it nowhere. Pure.

import type { Cable } from './topology.ts'

/** Parents of one device, as a config may have. */
const parentsMax = 20

export interface Proposal {
  device: string
  /** Neighbours that are one step nearer to the root; several: each of them is a way. */
  parents: string[]
  /** Steps to the root. */
  distance: number
}

/** Neighbours by place, of ours alone. */
export function adjacency(cables: readonly Cable[]): Map<string, Set<string>> {
  const of = new Map<string, Set<string>>()
  const add = (from: string, to: string) => {
    const known = of.get(from)
    if (known) known.add(to)
    else of.set(from, new Set([to]))
  }
  for (const { a, b } of cables) {
    if (!a.startsWith('d') || !b.startsWith('d') || a === b) continue
    add(a, b)
    add(b, a)
  }
  return of
}

/**
 * Every device that has a way to the root, nearest first. Those without a way, and the root, are left
 * out.
 */
export function proposeParents(cables: readonly Cable[], root: string): Proposal[] {
  const near = adjacency(cables)
  const distances = new Map([[root, 0]])
  const proposals: Proposal[] = []
  const waiting = [root]
  for (const from of waiting) {
    for (const to of near.get(from) ?? []) {
      if (distances.has(to)) continue
      distances.set(to, (distances.get(from) ?? 0) + 1)
      waiting.push(to)
    }
  }
  for (const device of waiting.slice(1)) {
    const distance = distances.get(device) ?? 0
    const parents = [...(near.get(device) ?? [])].filter(to => distances.get(to) === distance - 1)
    proposals.push({ device, parents: parents.sort().slice(0, parentsMax), distance })
  }
  return proposals
}

/**
 * The likeliest root of each part of the network: the place from which the farthest one is nearest,
 * of several such the one with most neighbours. Parts by size.
 * @returns ids; empty: there is no link between two of ours
 */
export function rootsOf(cables: readonly Cable[]): string[] {
  const near = adjacency(cables)
  const left = new Set(near.keys())
  const parts: string[][] = []
  for (const start of near.keys()) {
    if (!left.delete(start)) continue
    const part = [start]
    for (const from of part)
      for (const to of near.get(from) ?? []) if (left.delete(to)) part.push(to)
    parts.push(part)
  }
  parts.sort((a, b) => b.length - a.length)
  return parts.flatMap(part => {
    const byDegree = part.sort(
      (a, b) => (near.get(b)?.size ?? 0) - (near.get(a)?.size ?? 0) || (a < b ? -1 : 1),
    )
    // Looking from each would take the square of the time: the best known are looked at.
    const candidates = byDegree.slice(0, candidatesMax)
    const best = candidates
      .map(id => ({ id, depth: depthFrom(id, near) }))
      .sort((a, b) => a.depth - b.depth)[0]
    return best ? [best.id] : []
  })
}

/** Places of each part that are tried as its root. */
const candidatesMax = 20

function depthFrom(root: string, near: ReadonlyMap<string, ReadonlySet<string>>): number {
  const distances = new Map([[root, 0]])
  let depth = 0
  for (const [from, distance] of distances) {
    depth = Math.max(depth, distance)
    for (const to of near.get(from) ?? []) if (!distances.has(to)) distances.set(to, distance + 1)
  }
  return depth
}

/**
 * Whether a device would hang on itself: two devices that wait for one another raise no alarm at all
 * when both are down.
 * @param parentsOf what each device hangs on now
 */
export function wouldLoop(
  device: string,
  parents: readonly string[],
  parentsOf: (id: string) => readonly string[],
): boolean {
  const seen = new Set<string>()
  const waiting = [...parents]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (id === device) return true
    if (seen.has(id)) continue
    seen.add(id)
    waiting.push(...parentsOf(id))
  }
  return false
}
