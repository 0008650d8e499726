// Parents that the links propose, beside those that devices have. Nothing is changed by itself: a person
// accepts each.

import { type Proposal, proposeParents, rootsOf } from '../neighbours/parents.ts'
import { placeId } from '../neighbours/topology.ts'
import type { WebContext } from './context.ts'
import { type Network, networkOf } from './network.ts'
import { compareTexts } from './pages/device-line.ts'

/** Devices in one list. */
export const PROPOSALS_MAX = 500

export interface ParentsLine {
  id: string
  name: string
  href: string
  version: number
  now: string[]
  proposed: { id: string; name: string }[]
  isSame: boolean
  isFromFile: boolean
}

export interface ProposedParents {
  /** Devices that may be the root, by name; and the one that is taken. */
  roots: { id: string; name: string }[]
  root: string
  lines: ParentsLine[]
  more: boolean
}

/** What the links propose for one device, from the likeliest root; null: nothing, or what it has. */
export async function proposalFor(web: WebContext, id: string): Promise<ParentsLine | null> {
  const { lines } = await proposalsOf(web, '')
  return lines.find(line => line.id === id && !line.isSame && !line.isFromFile) ?? null
}

/** @param asked the id of the root; empty or unknown: the likeliest one */
export async function proposedParents(web: WebContext, asked: string): Promise<ProposedParents> {
  const all = await proposalsOf(web, asked)
  const more = all.lines.length > PROPOSALS_MAX
  return { ...all, lines: all.lines.slice(0, PROPOSALS_MAX), more }
}

async function proposalsOf(web: WebContext, asked: string): Promise<Omit<ProposedParents, 'more'>> {
  const network = await networkOf(web)
  const named = namesOf(network)
  const linked = [...network.places.values()].flatMap(({ id, uid }) => {
    const name = uid === null ? undefined : named.get(id)
    return name ? [{ place: id, ...name }] : []
  })
  const likely = rootsOf(network.cables)[0] ?? ''
  const root = linked.find(({ id }) => id === asked)?.place ?? likely
  const devices = new Map((await web.devices.list()).map(device => [placeId(device.uid), device]))
  const lines = proposeParents(network.cables, root).flatMap((proposal: Proposal) => {
    const device = devices.get(proposal.device)
    const name = named.get(proposal.device)
    if (!device || !name) return []
    const now = device.config.parents ?? []
    const proposed = proposal.parents.flatMap(id => {
      const parent = named.get(id)
      return parent ? [{ id: parent.id, name: parent.name }] : []
    })
    const isSame = proposed.length === now.length && proposed.every(({ id }) => now.includes(id))
    const isFromFile = device.source === 'file'
    return [{ ...name, version: device.version, now, proposed, isSame, isFromFile }]
  })
  lines.sort((a, b) => Number(a.isSame) - Number(b.isSame))
  return {
    roots: linked
      .map(({ id, name }) => ({ id, name }))
      .sort((a, b) => compareTexts(a.name, b.name))
      .slice(0, PROPOSALS_MAX),
    root: named.get(root)?.id ?? '',
    lines,
  }
}

function namesOf({ lines }: Network): Map<string, { id: string; name: string; href: string }> {
  return new Map(
    [...lines.values()].map(({ uid, id, name, href }) => [placeId(uid), { id, name, href }]),
  )
}
