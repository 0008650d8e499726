// Neighbours that come and go become events of the device that tells of them, where they are stored.

import type { Directory } from '../devices/directory.ts'
import type { EventBody } from '../model/event.ts'
import type { Link } from '../model/neighbour.ts'
import { cleanText } from '../model/text.ts'
import type { Store } from '../store/contract.ts'
import type { InventoryRead, NeighbourChanges } from '../store/neighbours.ts'

/** Neighbours of one read that are told one by one; the rest is one event. */
const toldMax = 10
/** The table whose rows are ports. */
const PORTS = 'interface'

type Tell = (device: string, event: EventBody) => void

/** The store, whose links tell of themselves after each commit. What is not told by then is not told. */
export function tellingNeighbours(store: Store, directory: Directory, tell: Tell): Store {
  const write = async (read: InventoryRead) => {
    const changes = await store.neighbours.write(read)
    if (changes.appeared.length + changes.vanished.length > 0) await tellAll(read, changes)
    return changes
  }
  const tellAll = async ({ deviceUid, at }: InventoryRead, changes: NeighbourChanges) => {
    const device = directory.all().find(({ uid }) => uid === deviceUid)
    if (!device) return
    const rows = await store.samples.rows(deviceUid, PORTS).catch(() => [])
    const keys = new Map(rows.map(({ index, key }) => [index, key]))
    for (const event of eventsOf(changes, at, keys)) tell(device.config.id, event)
  }
  return { ...store, neighbours: { ...store.neighbours, write } }
}

/** @param keys row keys of ports by ifIndex */
export function eventsOf(
  { appeared, vanished }: NeighbourChanges,
  at: number,
  keys: ReadonlyMap<string, string>,
): EventBody[] {
  const all = [
    ...vanished.map(link => ({ link, name: 'neighbour-vanished', what: 'is gone from' })),
    ...appeared.map(link => ({ link, name: 'neighbour-appeared', what: 'is new on' })),
  ]
  const events = all.slice(0, toldMax).map(({ link, name, what }): EventBody => {
    const row = keys.get(link.portIndex)
    const port = link.port || (link.portIndex ? `port ${link.portIndex}` : 'a port')
    return {
      ...{ at, kind: 'row', severity: 'info', name },
      text: `Neighbour ${whoOf(link)} ${what} ${port}`,
      ...(row !== undefined && { group: PORTS, row }),
    }
  })
  if (all.length <= toldMax) return events
  const text = `${all.length - toldMax} more neighbours came or went`
  return [...events, { at, kind: 'row', severity: 'info', name: 'neighbours-changed', text }]
}

function whoOf({ remoteName, chassis, address, remotePort }: Link): string {
  const name = cleanText(remoteName || chassis || address, 100)
  return remotePort ? `${name} (${cleanText(remotePort, 60)})` : name
}
