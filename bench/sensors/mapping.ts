// What mapping a message costs: `node bench/sensors/mapping.ts`. CPU time of this process, not the
// clock; a tenth of the messages is heard before counting begins.

import path from 'node:path'
import { createMessageDevice, identifyMessages } from '../../server/collectors/mqtt.ts'
import type { DeviceConfig } from '../../server/model/device.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { Payload } from '../../server/sensors/payload.ts'
import {
  type Sensor,
  shellies,
  tasmotaPlug,
  telegrafHost,
  weatherStation,
  zigbeeDevices,
} from './models.ts'

const MESSAGES = 20_000
/** Messages between two flushes: a busy half second. */
const BETWEEN_FLUSHES = 50

const shippedDir = path.join(import.meta.dirname, '../../oids')
const catalogue = buildCatalogue(await loadSources({ shippedDir }))

async function measure(name: string, sensor: Sensor, profiles: string[]): Promise<void> {
  const config: DeviceConfig = {
    id: 'bench',
    name: 'bench',
    kind: 'mqtt',
    topics: ['#'],
    profiles,
    every: '10s',
    timeout: '2s',
    retries: 1,
    enabled: true,
  }
  const { groups } = await identifyMessages(config, catalogue)
  const start = Date.now()
  const device = createMessageDevice({ config, groups, now: start, note: () => undefined })
  let heard = 0
  let samples = 0
  let began = process.cpuUsage()
  for (let second = 0; heard < MESSAGES * 1.1; second++) {
    const now = start + second * 1000
    for (const { topic, payload } of sensor.publish(second, now)) {
      if (heard === MESSAGES / 10) {
        began = process.cpuUsage()
        samples = 0
      }
      device.hear({
        topic,
        levels: topic.split('/'),
        payload: new Payload(Buffer.from(payload)),
        retained: false,
        at: now,
      })
      heard++
      if (heard % BETWEEN_FLUSHES !== 0) continue
      for (const { body } of device.flush(now).collections) {
        if (body.ok) samples += Object.values(body.metrics).flat().length
      }
    }
  }
  const { user, system } = process.cpuUsage(began)
  const each = (user + system) / (heard - MESSAGES / 10)
  process.stdout.write(`${name}: ${each.toFixed(1)} µs CPU a message, ${samples} samples\n`)
}

await measure('weather station, one mapping', weatherStation(), ['mqtt-weather'])
await measure('Tasmota plug, all mappings', tasmotaPlug('plug', 100), ['auto'])
await measure('Shelly, all mappings', shellies(), ['auto'])
await measure('Zigbee2MQTT, all mappings', zigbeeDevices(), ['auto'])
await measure('Telegraf, 8 metrics a message, all mappings', telegrafHost('h'), ['auto'])
