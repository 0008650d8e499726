// Sensors and other senders with words of their own, wired: a user on the broker that may hear
// every topic but may only send samples, a spool, and the devices of kind mqtt.

import path from 'node:path'
import { createSender, type SpoolingSender } from '../bus/sender.ts'
import { receiptTopic, rowsTopic, sampleTopic } from '../bus/topics.ts'
import type { Directory } from '../devices/directory.ts'
import { type Foreign, startForeign } from '../ingest/foreign.ts'
import { messageOf } from '../model/errors.ts'
import type { Base, Connect } from './base.ts'
import type { Catalogues } from './catalogues.ts'

export interface Sensors {
  sender: SpoolingSender
  foreign: Foreign
}

export async function startSensors(
  parts: Base & { connect: Connect; directory: Directory; catalogues: Catalogues } & {
    setAside?: (reason: string, topic: string, payload: Uint8Array) => void
  },
): Promise<Sensors> {
  const { config, log, life, connect, directory, catalogues, setAside } = parts
  const { site } = config
  const bus = connect({
    username: 'sensors',
    publish: [
      `pollux/${site}/devices/+/samples/+`,
      `pollux/${site}/devices/+/rows/+`,
      `pollux/${site}/receipts/+`,
    ],
    subscribe: ['#'],
  })
  life.started('sensors bus', () => bus.close())
  const dir = path.join(config.dataDir, 'spool', 'sensors')
  const sender = await createSender({ bus, site, dir, log })
  life.started('sensors spool', () => sender.close())
  const foreign = await startForeign({
    bus,
    devices: directory,
    catalogue: () => catalogues.watch.catalogue,
    send(device, channel, group, body) {
      const isSample = channel === 'samples'
      const topic = isSample ? sampleTopic(site, device, group) : rowsTopic(site, device, group)
      sender.send(topic, Buffer.from(JSON.stringify(body)), { retain: !isSample })
    },
    onReceipt(device, receipt) {
      bus.publish(receiptTopic(site, device), JSON.stringify(receipt)).catch((error: unknown) => {
        log.debug({ device, cause: messageOf(error) }, 'a receipt was not sent')
      })
    },
    ...(setAside && { setAside }),
    log,
  })
  life.started('sensors', () => foreign.close())
  catalogues.onChange(() => void foreign.reload())
  return { sender, foreign }
}
