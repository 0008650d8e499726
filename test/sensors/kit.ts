// What the sensor tests share: a device with the shipped mappings, fed with messages by hand, and what
// came of them as a flat list. It holds no assertions.

import path from 'node:path'
import type { Collected } from '../../server/collectors/collector.ts'
import { createMessageDevice, identifyMessages } from '../../server/collectors/mqtt.ts'
import type { SetAsideReason } from '../../server/collectors/mqtt-group.ts'
import type { Value } from '../../server/model/collection.ts'
import type { DeviceConfig } from '../../server/model/device.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Catalogue } from '../../server/profiles/catalogue.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { Payload } from '../../server/sensors/payload.ts'

export const START = 1_795_320_000_000

const shippedDir = path.join(import.meta.dirname, '../../oids')
let shipped: Promise<Catalogue> | null = null

export function shippedCatalogue(): Promise<Catalogue> {
  shipped ??= loadSources({ shippedDir }).then(buildCatalogue)
  return shipped
}

/** A catalogue of one profile of source mqtt. */
export function mapping(doc: Record<string, unknown>): Catalogue {
  const text = JSON.stringify({ title: 'A mapping', source: 'mqtt', type: 'base', ...doc })
  const built = buildCatalogue([{ id: 'mine', file: 'oids/mine.json', text, from: 'user' }])
  if (built.problems.length > 0) throw new Error(JSON.stringify(built.problems))
  return built
}

export interface TestDevice {
  now: number
  readonly setAside: { reason: SetAsideReason; topic: string }[]
  say(topic: string, payload: string | Buffer, retained?: boolean): boolean
  /** `group.metric row` → value or gap, of all that was said since the last call. */
  values(): Record<string, Value>
  flush(): Pick<Collected, 'collections' | 'rows'>
  silences(deafUntil?: number): Pick<Collected, 'collections' | 'rows'>
}

export async function testDevice(
  catalogue: Catalogue,
  options: Partial<DeviceConfig> = {},
): Promise<TestDevice> {
  const config: DeviceConfig = {
    id: 'sensor',
    name: 'sensor',
    kind: 'mqtt',
    topics: ['#'],
    profiles: ['auto'],
    every: '60s',
    timeout: '2s',
    retries: 1,
    enabled: true,
    ...options,
  }
  const { groups } = await identifyMessages(config, catalogue)
  const setAside: TestDevice['setAside'] = []
  const mapped = createMessageDevice({
    config,
    groups,
    now: START,
    note: (reason, { topic }) => setAside.push({ reason, topic }),
  })
  const device: TestDevice = {
    now: START,
    setAside,
    say(topic, payload, retained = false) {
      return mapped.hear({
        topic,
        levels: topic.split('/'),
        payload: new Payload(Buffer.from(payload)),
        retained,
        at: device.now,
      })
    },
    flush() {
      return mapped.flush(device.now)
    },
    values() {
      return flat(mapped.flush(device.now).collections)
    },
    silences(deafUntil = 0) {
      return mapped.silences(device.now, deafUntil)
    },
  }
  return device
}

/** Values by `group.metric row`; a gap as `!reason`; a failed collection as `group !reason`. */
export function flat(collections: Collected['collections']): Record<string, Value> {
  const found: Record<string, Value> = {}
  for (const { group, body } of collections) {
    if (!body.ok) {
      found[group] = `!${body.reason}`
      continue
    }
    for (const [metric, cells] of Object.entries(body.metrics)) {
      const values = Array.isArray(cells) ? cells : [cells]
      values.forEach((value, i) => {
        const row = body.rows?.[i]
        const gaps = body.gaps?.[metric]
        const gap = Array.isArray(gaps) ? gaps[i] : gaps
        found[`${group}.${metric}${row === undefined ? '' : ` ${row}`}`] =
          value ?? (gap ? `!${gap}` : null)
      })
    }
  }
  return found
}
