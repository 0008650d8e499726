// The network as pages see it: our devices, unknown neighbours and the links between them, as they were
// a moment ago. Made when it is asked for, and kept for some seconds.

import type { Device } from '../model/device.ts'
import { macOf } from '../model/neighbour.ts'
import { createMatcher, type Known } from '../neighbours/match.ts'
import { type Topology, topologyOf } from '../neighbours/topology.ts'
import type { WebContext } from './context.ts'
import { deviceLines } from './pages/device-index.ts'
import type { DeviceLine } from './pages/device-line.ts'

const keptMs = 3000

export interface Network extends Topology {
  /** Our devices by uid. */
  lines: ReadonlyMap<number, DeviceLine>
}

type Web = Pick<WebContext, 'store' | 'devices'>
const kept = new WeakMap<WebContext['store'], { until: number; network: Promise<Network> }>()

export function networkOf(web: Web): Promise<Network> {
  const known = kept.get(web.store)
  const now = Date.now()
  if (known && known.until > now) return known.network
  const network = readNetwork(web, now)
  kept.set(web.store, { until: now + keptMs, network })
  // What failed is tried again by the next one who asks.
  network.catch(() => kept.delete(web.store))
  return network
}

async function readNetwork({ store, devices }: Web, now: number): Promise<Network> {
  const links = await store.neighbours.links(now)
  const own = await store.neighbours.owners({
    macs: links.flatMap(({ chassis }) => macOf(chassis) ?? []),
    ips: links.map(({ address }) => address).filter(Boolean),
  })
  const match = createMatcher((await devices.list()).map(knownOf), own)
  const lines = new Map((await deviceLines({ devices })).map(line => [line.uid, line]))
  // A device that was deleted since is on no page.
  const ours = links.filter(({ deviceUid }) => lines.has(deviceUid))
  return { ...topologyOf(ours, match), lines }
}

function knownOf({ uid, config, identity }: Device): Known {
  const sysName = identity?.facts.name ?? ''
  return { uid, names: [config.id, config.name, sysName], address: config.address ?? '' }
}
