// The sending half of a failure run, in a process of its own: our sender with its spool on disk, one
// collection of each device a second, until the time is over; then until all of it is settled.
//   node bench/ingest/failure-load.ts JSON

import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { connectBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import { sampleTopic } from '../../server/bus/topics.ts'
import { collectionOf, deviceName, type LoadJob, type LoadState } from './failure-data.ts'

const job: LoadJob = JSON.parse(process.argv[2] ?? '{}')
const log = pino({ level: 'silent' })
const bus = connectBus({ url: job.url, clientId: `load-${process.pid}`, log })
const sender = await createSender({
  ...{ bus, site: job.site, dir: job.dir, log },
  ...(job.memoryBytesMax === null ? {} : { spool: { memoryBytesMax: job.memoryBytesMax } }),
})
let spoolBytesPeak = 0
let ticks = 0

function say(done: boolean): void {
  const state: LoadState = {
    ...{ done, ticks, ledger: sender.ledger, resent: sender.stats.resent, spoolBytesPeak },
    rssKb: process.resourceUsage().maxRSS,
  }
  process.stdout.write(`${JSON.stringify(state)}\n`)
}

const from = performance.now()
for (; ticks < job.seconds; ticks++) {
  for (let i = 0; i < job.devices; i++) {
    const body = collectionOf(job.from + ticks * 1000, i, ticks)
    sender.send(sampleTopic(job.site, deviceName(i), 'load'), Buffer.from(body))
  }
  const { bytes, memoryBytes } = sender.stats.spool
  spoolBytesPeak = Math.max(spoolBytesPeak, bytes + memoryBytes)
  say(false)
  await delay(Math.max(0, from + (ticks + 1) * 1000 - performance.now()))
}
while (sender.ledger.waiting > 0) {
  await delay(500)
  say(false)
}
say(true)
await sender.close()
await bus.close()
