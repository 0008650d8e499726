// The minimal receiver of the benchmark, in a process of its own: says of each message that it is
// stored, in batches as ingest does, and keeps nothing.
//   node bench/snmp/acker.ts URL USER PASSWORD SITE

import mqtt from 'mqtt'
import { ackTopic, rowsFilter, samplesFilter } from '../../server/bus/topics.ts'
import { endWithParent } from './measure.ts'

/** As ingest has them: its transaction takes so many messages, or waits so long. */
const batchMax = 200
const waitMs = 20

endWithParent()
const [url = '', username = '', password = '', site = ''] = process.argv.slice(2)
const client = await mqtt.connectAsync(url, { username, password })
/** The numbers stand in front of the body. */
const HEAD = /^\{"v":1,"src":"([^"]+)","boot":"([^"]+)","seq":(\d+)/
let waiting = new Map<string, { src: string; boot: string; seq: [number, number][] }>()
let count = 0
let timer: NodeJS.Timeout | null = null

function acknowledge(): void {
  if (timer) clearTimeout(timer)
  timer = null
  for (const { src, boot, seq } of waiting.values()) {
    client.publish(ackTopic(site, src), JSON.stringify({ boot, seq, refused: [] }), { qos: 1 })
  }
  waiting = new Map()
  count = 0
}

client.on('message', (_topic, payload) => {
  const [, src, boot, number] = HEAD.exec(payload.toString('latin1', 0, 200)) ?? []
  if (!src || !boot || !number) return
  const key = `${src} ${boot}`
  const of = waiting.get(key) ?? { src, boot, seq: [] }
  waiting.set(key, of)
  const seq = Number(number)
  const last = of.seq.at(-1)
  if (last && last[1] === seq - 1) last[1] = seq
  else of.seq.push([seq, seq])
  count++
  if (count >= batchMax) acknowledge()
  else timer ??= setTimeout(acknowledge, waitMs)
})
await client.subscribeAsync([samplesFilter(site), rowsFilter(site)], { qos: 0 })
process.stdout.write('ready\n')
