// The sender of the paced run: each device once in a while, evenly spread over it.
//   node bench/store/paced-publisher.ts URL SITE DEVICES SERIES EVERY SECONDS

import { setTimeout as delay } from 'node:timers/promises'
import mqtt from 'mqtt'
import { ackTopic, sampleTopic } from '../../server/bus/topics.ts'
import { collectionText } from '../ingest/data.ts'
import { endWithParent } from '../snmp/measure.ts'

const textsMax = 50
const stepMs = 50

const [url = '', site = '', ...numbers] = process.argv.slice(2)
const [devices = 1, series = 100, every = 60, seconds = 60] = numbers.map(Number)
endWithParent()
const client = await mqtt.connectAsync(url)
await client.subscribeAsync(ackTopic(site, 'bench'), { qos: 1 })
// Making texts must not be the bottleneck: the same few are sent again with other heads.
const bodies = Array.from({ length: textsMax }, (_, i) => collectionText(i, series))
const perMs = devices / (every * 1000)
const began = performance.now()
let sent = 1
while (performance.now() - began < seconds * 1000) {
  for (const due = (performance.now() - began) * perMs; sent < due; sent++) {
    const head = `{"v":1,"src":"bench","boot":"b1","seq":${sent},"at":${Date.now()},`
    const topic = sampleTopic(site, `dev-${sent % devices}`, 'interface')
    client.publish(topic, head + (bodies[sent % textsMax] ?? ''), { qos: 1 })
  }
  await delay(stepMs)
}
await client.endAsync()
