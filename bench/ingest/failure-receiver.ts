// The receiving half of a failure run, in a process of its own that can be killed: ingest over a store.
//   node bench/ingest/failure-receiver.ts JSON

import { pino } from 'pino'
import { connectBus } from '../../server/bus/client.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import type { KnownDevice } from '../../server/model/accepted.ts'
import { openStore } from '../../server/store/open.ts'
import type { ReceiverJob, ReceiverState } from './failure-data.ts'

const job: ReceiverJob = JSON.parse(process.argv[2] ?? '{}')
const log = pino({ level: 'silent' })
const store = await openStore({ url: job.database, log })
const known = new Map<string, KnownDevice>()
for (const { config, uid } of await store.devices.list()) {
  known.set(config.id, { id: config.id, uid, everyMs: 1000, enabled: true, kind: 'snmp' })
}
const samples: Parameters<typeof createIngest>[0]['store']['samples'] = {
  async write(batch) {
    const outcomes = await store.samples.write(batch)
    setImmediate(say)
    return outcomes
  },
  writeRows: store.samples.writeRows,
}
const ingest = createIngest({
  ...{ bus: connectBus({ url: job.url, clientId: `ingest-${process.pid}`, log }), site: job.site },
  ...{ store: { ...store, samples }, live: createMemoryLive(), consumers: [], log },
  devices: { get: id => known.get(id), all: () => known.values() },
})
await ingest.start()
say()

function say(): void {
  const { stored, duplicate } = ingest.stats()
  const state: ReceiverState = { stored, duplicate, rssKb: process.resourceUsage().maxRSS }
  process.stdout.write(`${JSON.stringify(state)}\n`)
}
