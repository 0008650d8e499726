// Hosts with a past, for tests of forecasts: hourly samples of disks, memory and a printer's toner, written
// beside a running program, and the forecasts made of them.

import type { Device } from '../../server/model/device.ts'
import { createForecaster } from '../../server/models/forecast/forecaster.ts'
import { SHIPPED_PROFILES_DIR } from '../../server/paths.ts'
import { alarmMetrics } from '../../server/profiles/alarms.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { compilePlan } from '../../server/profiles/plan.ts'
import type { Store } from '../../server/store/contract.ts'
import { log } from '../store/place.ts'
import { collected } from '../store/samples.ts'

const HOUR = 3_600_000

export interface Past {
  group: string
  metric: string
  /** Row → value by hours before now. */
  rows: Record<string, (ago: number) => number>
}

/** A paused host with this profile, as if it had been found weeks ago. */
export async function makeHost(
  store: Store,
  host: { id: string; name: string; tags: string[]; profile: string },
): Promise<Device> {
  const { profile, ...named } = host
  const at = Date.now() - 30 * 24 * HOUR
  const { uid } = await store.devices.create(
    {
      ...{ ...named, kind: 'snmp', address: '127.0.0.1', port: 9, profiles: [profile] },
      ...{ every: '1h', timeout: '1s', retries: 0, enabled: false },
    },
    'api',
    at,
  )
  await store.devices.setIdentity(uid, { at, profiles: [profile], chosenBecause: [], facts: {} })
  const device = await store.devices.get(host.id)
  if (!device) throw new Error('it was not made')
  return device
}

/** @param now Unix ms of the newest sample */
export async function writePast(
  store: Store,
  uid: number,
  { group, metric, rows }: Past,
  hours: number,
  now: number,
): Promise<void> {
  const keys = Object.keys(rows)
  const batch = Array.from({ length: hours }, (_, i) => {
    const ago = hours - 1 - i
    const cells = keys.map(key => rows[key]?.(ago) ?? 0)
    return collected(uid, now - ago * HOUR - 60_000, keys, { [metric]: cells }, group)
  })
  await store.samples.write(batch)
  const info = keys.map((key, i) => ({ key, name: key, index: `${i + 1}`, labels: {} }))
  await store.samples.writeRows(uid, group, info, now)
}

/** One round over these devices, all of them of this profile. */
export async function forecastNow(store: Store, devices: readonly Device[], profile: string) {
  const catalogue = await buildCatalogue(await loadSources({ shippedDir: SHIPPED_PROFILES_DIR }))
  const metrics = alarmMetrics(compilePlan(catalogue, [profile]))
  const forecaster = createForecaster({
    ...{ store, log, devices: () => devices, metricsOf: () => metrics, isOurs: () => true },
  })
  await forecaster.round()
  await forecaster.close()
  return forecaster.stats()
}
