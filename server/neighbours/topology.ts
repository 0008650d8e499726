// The network as a graph: our devices and unknown neighbours, and the links between them. What both ends
// tell of is one link; what LLDP and CDP tell of one port is one link, too. Pure.

import type { Link } from '../model/neighbour.ts'
import type { Matcher } from './match.ts'

export interface ToldLink extends Link {
  deviceUid: number
  seenAt: number
}

/** One of our devices (`uid`), or somebody that only neighbours tell of. */
export interface Place {
  /** `d<uid>` or `u<what it is known by>`. */
  id: string
  uid: number | null
  /** What an unknown one calls itself; empty for ours. */
  name: string
  address: string
  descr: string
  /** Several of our devices are called so. */
  isAmbiguous: boolean
}

export interface Cable {
  /** Ids of places; `a` is the one that told of it, or told first. */
  a: string
  b: string
  aPort: string
  bPort: string
  /** ifIndex of the ends, where they are known. */
  aIndex: string
  bIndex: string
  /** Only one of two devices of ours tells of it; of an unknown one nothing else can be expected. */
  isOneSided: boolean
  seenAt: number
}

export interface Topology {
  places: Map<string, Place>
  cables: Cable[]
}

export const placeId = (uid: number) => `d${uid}`

export function topologyOf(links: readonly ToldLink[], match: Matcher): Topology {
  const places = new Map<string, Place>()
  const told = new Map<string, Cable>()
  for (const link of links) {
    const from = placeId(link.deviceUid)
    places.set(from, ourPlace(link.deviceUid))
    const found = match(link)
    if (found && 'uid' in found && found.uid === link.deviceUid) continue
    const to = found && 'uid' in found ? ourPlace(found.uid) : unknownPlace(link, found !== null)
    if (!places.has(to.id)) places.set(to.id, to)
    // What two protocols tell of one port and one neighbour.
    const key = JSON.stringify([from, link.portIndex || link.port, to.id, tail(link.remotePort)])
    if (told.has(key)) continue
    told.set(key, {
      ...{ a: from, b: to.id, aPort: link.port, bPort: link.remotePort },
      ...{ aIndex: link.portIndex, bIndex: '', isOneSided: true, seenAt: link.seenAt },
    })
  }
  return { places, cables: merged([...told.values()]) }
}

function ourPlace(uid: number): Place {
  return { id: placeId(uid), uid, name: '', address: '', descr: '', isAmbiguous: false }
}

/** Known by its chassis where that is a MAC or all there is, else by its name. */
function unknownPlace({ chassis, remoteName, address, descr }: Link, isAmbiguous: boolean): Place {
  const name = remoteName || chassis || address
  const key = (remoteName || chassis || address).toLowerCase()
  return { id: `u${key}`, uid: null, name, address, descr, isAmbiguous }
}

/** Each link that both ends tell of becomes one. */
function merged(cables: readonly Cable[]): Cable[] {
  const byPair = Map.groupBy(cables, ({ a, b }) => (a < b ? `${a} ${b}` : `${b} ${a}`))
  return [...byPair.values()].flatMap(pair => {
    const first = pair[0]?.a
    const there = pair.filter(({ a }) => a === first)
    const back = pair.filter(({ a }) => a !== first)
    const isOnly = there.length === 1 && back.length === 1
    // Looked up, not searched: devices that lie may tell of thousands of links to one another.
    const byPorts = Map.groupBy(back, ({ aPort, bPort }) => portsKey(aPort, bPort))
    const left = new Set(back)
    const merged = there.map((cable): Cable => {
      const same = byPorts.get(portsKey(cable.bPort, cable.aPort))?.shift()
      const other = same ?? (isOnly ? back[0] : undefined)
      if (!other) return cable
      left.delete(other)
      const bPort = other.aPort || cable.bPort
      const seenAt = Math.max(cable.seenAt, other.seenAt)
      return { ...cable, bPort, bIndex: other.aIndex, isOneSided: false, seenAt }
    })
    return [...merged, ...left]
  })
}

/** `Gi1/0/1` and `GigabitEthernet1/0/1` are one port. */
export function isSamePort(a: string, b: string): boolean {
  return portKey(a) === portKey(b)
}

const portsKey = (one: string, other: string) => JSON.stringify([portKey(one), portKey(other)])

/** The first letter and what tells a port from others of its kind. */
const portKey = (port: string) => `${port.charAt(0).toLowerCase()} ${tail(port)}`

/** The numbers at the end of a port's name; else all of it. */
function tail(port: string): string {
  return /\d[\d/.:]*$/.exec(port)?.[0] ?? port.toLowerCase()
}
