// Forecasts with the devices that they are about, and which device differs from those of its tag.

import type { Device } from '../model/device.ts'
import type { ForecastKind } from '../model/forecast.ts'
import { type OddPeer, oddPeers, PEERS_MIN } from '../models/peers.ts'
import type { StoredForecast } from '../store/forecasts.ts'
import type { WebContext } from './context.ts'

/** Values that are compared: the newest of the last round. */
const PEER_VALUES_MAX = 20_000
const PEER_PAGE = 1000
/** Devices that are said to differ. */
const ODD_MAX = 100
/** Percentage points; less is no difference. */
const LEAST = 5
/** A supply or a battery is as full as it is old. */
const PEER_KINDS: readonly ForecastKind[] = ['storage', 'memory', 'interface']

export interface ForecastOfDevice extends StoredForecast {
  device: string
  deviceName: string
}

/** Of devices that are there now. */
export function withDevices(
  forecasts: readonly StoredForecast[],
  devices: readonly Device[],
): ForecastOfDevice[] {
  const byUid = new Map(devices.map(device => [device.uid, device.config]))
  return forecasts.flatMap(one => {
    const config = byUid.get(one.deviceUid)
    return config ? [{ ...one, device: config.id, deviceName: config.name }] : []
  })
}

export type OddOne = OddPeer<ForecastOfDevice> & { tag: string }

/** Those that differ from the same series of the devices of a tag; each once, the farthest first. */
export async function oddOnes(web: Pick<WebContext, 'store' | 'devices'>): Promise<OddOne[]> {
  const devices = await web.devices.list()
  const tags = new Map(devices.map(({ uid, config }) => [uid, config.tags ?? []]))
  const groups = new Map<
    string,
    { tag: string; peers: { of: ForecastOfDevice; value: number }[] }
  >()
  for await (const one of newest(web, devices)) {
    for (const tag of tags.get(one.deviceUid) ?? []) {
      const key = JSON.stringify([tag, one.group, one.metric, one.row])
      const group = groups.get(key) ?? { tag, peers: [] }
      groups.set(key, group)
      group.peers.push({ of: one, value: one.value ?? Number.NaN })
    }
  }
  const found = new Map<string, OddOne>()
  for (const { tag, peers } of groups.values()) {
    if (peers.length < PEERS_MIN) continue
    for (const odd of oddPeers(peers, LEAST)) {
      const { deviceUid, group, metric, row } = odd.of
      const key = JSON.stringify([deviceUid, group, metric, row])
      const other = found.get(key)
      if (!other || Math.abs(other.distance) < Math.abs(odd.distance))
        found.set(key, { ...odd, tag })
    }
  }
  return [...found.values()]
    .sort((a, b) => Math.abs(b.distance) - Math.abs(a.distance))
    .slice(0, ODD_MAX)
}

async function* newest({ store }: Pick<WebContext, 'store'>, devices: readonly Device[]) {
  for (let offset = 0; offset < PEER_VALUES_MAX; offset += PEER_PAGE) {
    const rows = await store.forecasts.list({ kinds: PEER_KINDS, limit: PEER_PAGE, offset })
    yield* withDevices(rows, devices)
    if (rows.length < PEER_PAGE) return
  }
}
