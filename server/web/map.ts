// The map as one picture: which places and links are on it, and where. Pictures are kept while the network
// stays the same, and made one after the other, so that nobody's filters take the machine.

import { layOut, type Picture, placesMax } from '../neighbours/layout.ts'
import { rootsOf } from '../neighbours/parents.ts'
import type { Cable } from '../neighbours/topology.ts'
import type { Dictionary } from './languages/en.ts'
import type { Network } from './network.ts'
import { compareTexts, type DeviceLine } from './pages/device-line.ts'
import { plainText, type StatusView, statusView } from './words.ts'

/** Pictures that are kept. */
const PICTURES_MAX = 20
/** Links listed beside the map. */
export const LINKS_MAX = 1000
/** Letters of a label; the whole name is in the title. */
const LABEL_MAX = 18
/** A place with so many links or more is drawn larger. */
const HUB_LINKS = 4

export interface MapFilter {
  tag: string
  location: string
  unknown: boolean
}

export interface Mark {
  x: number
  y: number
  name: string
  label: string
  /** All of its name, with its state or what else there is to say. */
  title: string
  /** Null: not one of our devices. */
  href: string | null
  status: StatusView | null
  isHub: boolean
}

export interface Line {
  from: Mark
  to: Mark
  title: string
  isOneSided: boolean
  isStrange: boolean
}

export interface LinkRow {
  from: End
  to: End
  isOneSided: boolean
}

interface End {
  name: string
  href: string | null
  status: StatusView | null
  port: string
}

export interface NetworkMap {
  width: number
  height: number
  marks: Mark[]
  lines: Line[]
  links: LinkRow[]
  cables: number
  /** More places than can be read; nothing is drawn. */
  tooMany: boolean
  /** Devices that the filter lets through and that have no link. */
  unlinked: number
}

const pictures = new Map<string, Promise<Picture>>()
let queue: Promise<unknown> = Promise.resolve()

export async function mapOf(
  network: Network,
  filter: MapFilter,
  words: Dictionary,
): Promise<NetworkMap> {
  const shown = (line: DeviceLine) =>
    (filter.tag === '' || line.tags.includes(filter.tag)) &&
    (filter.location === '' || line.location === filter.location)
  const isOn = (id: string) => {
    const uid = network.places.get(id)?.uid
    if (uid === null) return filter.unknown
    const line = uid === undefined ? undefined : network.lines.get(uid)
    return line !== undefined && shown(line)
  }
  const cables = network.cables.filter(({ a, b }) => isOn(a) && isOn(b))
  const ids = [...new Set(cables.flatMap(({ a, b }) => [a, b]))].sort()
  const tooMany = ids.length > placesMax
  const picture = tooMany ? null : await pictureOf(ids, cables)
  const linked = new Set(ids)
  const lines = [...network.lines.values()].filter(shown)
  const ends = endsOf(network, words)
  const marks = picture ? marksOf(network, picture, cables, words) : new Map<string, Mark>()
  return {
    ...{ width: picture?.width ?? 0, height: picture?.height ?? 0 },
    marks: [...marks.values()],
    lines: linesOf(cables, marks, words),
    links: cables
      .map(cable => ({
        from: ends(cable.a, cable.aPort),
        to: ends(cable.b, cable.bPort),
        isOneSided: cable.isOneSided && network.places.get(cable.b)?.uid !== null,
      }))
      .sort(
        (a, b) => compareTexts(a.from.name, b.from.name) || compareTexts(a.from.port, b.from.port),
      )
      .slice(0, LINKS_MAX),
    cables: cables.length,
    tooMany,
    unlinked: lines.filter(({ uid }) => !linked.has(`d${uid}`)).length,
  }
}

function pictureOf(ids: readonly string[], cables: readonly Cable[]): Promise<Picture> {
  const pairs = new Map<string, readonly [string, string]>()
  for (const { a, b } of cables) {
    const pair = a < b ? ([a, b] as const) : ([b, a] as const)
    pairs.set(JSON.stringify(pair), pair)
  }
  const edges = [...pairs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair)
  const key = JSON.stringify([ids, edges])
  const known = pictures.get(key)
  if (known) return known
  const picture = queue.then(() => layOut(ids, edges, rootsOf(cables)))
  queue = picture.catch(() => undefined)
  pictures.set(key, picture)
  picture.catch(() => pictures.delete(key))
  for (const old of pictures.keys()) {
    if (pictures.size <= PICTURES_MAX) break
    pictures.delete(old)
  }
  return picture
}

function endsOf({ places, lines }: Network, words: Dictionary) {
  return (id: string, port: string): End => {
    const place = places.get(id)
    const line = typeof place?.uid === 'number' ? lines.get(place.uid) : undefined
    return {
      name: line?.name ?? plainText(place?.name, 120),
      href: line?.href ?? null,
      status: line ? statusView(line.status, words) : null,
      port: plainText(port, 80),
    }
  }
}

function marksOf(
  network: Network,
  picture: Picture,
  cables: readonly Cable[],
  words: Dictionary,
): Map<string, Mark> {
  const counts = new Map<string, number>()
  for (const { a, b } of cables) {
    for (const id of [a, b]) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  const ends = endsOf(network, words)
  const marks = new Map<string, Mark>()
  for (const { id, x, y } of picture.spots.values()) {
    const { name, href, status } = ends(id, '')
    const place = network.places.get(id)
    const strange = place?.isAmbiguous ? words.network.ambiguous : words.network.unknown
    const said = status ? [status.word, status.why].filter(Boolean).join(', ') : strange
    marks.set(id, {
      ...{ x, y, name, href, status },
      label: plainText(name, LABEL_MAX),
      title: `${name}: ${said}`,
      isHub: (counts.get(id) ?? 0) >= HUB_LINKS,
    })
  }
  return marks
}

/** One line for each pair of places, however many links there are between them. */
function linesOf(
  cables: readonly Cable[],
  marks: ReadonlyMap<string, Mark>,
  words: Dictionary,
): Line[] {
  const byPair = Map.groupBy(cables, ({ a, b }) => (a < b ? `${a} ${b}` : `${b} ${a}`))
  return [...byPair.values()].flatMap((pair): Line[] => {
    const [first] = pair
    const from = first && marks.get(first.a)
    const to = first && marks.get(first.b)
    if (!from || !to) return []
    const isStrange = from.status === null || to.status === null
    const isOneSided = !isStrange && pair.every(cable => cable.isOneSided)
    const ports = pair
      .slice(0, 10)
      .map(({ aPort, bPort }) => `${plainText(aPort, 40) || '?'} – ${plainText(bPort, 40) || '?'}`)
    const title = `${from.name} – ${to.name}: ${ports.join(', ')}`
    return [
      {
        from,
        to,
        isOneSided,
        isStrange,
        title: isOneSided ? `${title} (${words.network.oneSided})` : title,
      },
    ]
  })
}
