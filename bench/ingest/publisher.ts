// The sender of the ingest benchmark, in a process of its own: publishes collections of many devices as
// fast as the broker takes them, at most 256 without acknowledgement by ingest.
//   node bench/ingest/publisher.ts URL SITE DEVICES SERIES COUNT

import mqtt from 'mqtt'
import { ackTopic, sampleTopic } from '../../server/bus/topics.ts'
import { Ack } from '../../server/model/collection.ts'
import { checker } from '../../server/validate.ts'
import { collectionText } from './data.ts'

const unacknowledgedMax = 2000
const textsMax = 50

const [url = '', site = '', devices = '1', series = '100', count = '1'] = process.argv.slice(2)
const checkAck = checker(Ack)
const client = await mqtt.connectAsync(url)
const from = Date.now()
// Making texts must not be the bottleneck: the same few are sent again with other heads.
const bodies = Array.from({ length: textsMax }, (_, i) => collectionText(i, Number(series)))
let acknowledged = 0
let refused = 0
let sent = 0

client.on('message', (_topic, payload) => {
  const ack = checkAck(JSON.parse(payload.toString()))
  if (!ack.ok) return
  for (const [first, last] of ack.value.seq) acknowledged += last - first + 1
  refused += ack.value.refused.length
  pump()
})
await client.subscribeAsync(ackTopic(site, 'bench'), { qos: 1 })

function pump(): void {
  while (sent < Number(count) && sent - acknowledged - refused < unacknowledgedMax) {
    const seq = ++sent
    const round = Math.floor(seq / Number(devices))
    const head = `{"v":1,"src":"bench","boot":"b1","seq":${seq},"at":${from - 3_600_000 + round * 1000},`
    const body = bodies[seq % textsMax] ?? ''
    client.publish(sampleTopic(site, `dev-${seq % Number(devices)}`, 'interface'), head + body, {
      qos: 1,
    })
  }
  if (acknowledged + refused < Number(count)) return
  process.stdout.write(`${JSON.stringify({ acknowledged, refused })}\n`)
  client.end()
}
pump()
