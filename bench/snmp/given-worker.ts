// A poll thread whose devices answer at once with 4 kB: what is measured with it is all that comes
// after the reading (messages between threads, numbering, the spool, MQTT).

import { parentPort, workerData } from 'node:worker_threads'
import type { Collector } from '../../server/collectors/collector.ts'
import { serveThread } from '../../server/poll/serve.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'

const text = 'x'.repeat(4000)

const given: Collector = {
  kind: 'snmp',
  check: () => Promise.reject(new Error('nothing to check')),
  open: () => ({
    collect: async () => ({
      collections: [
        { group: 'interface', body: { at: Date.now(), ok: true, took: 1, metrics: { text } } },
      ],
      rows: [],
      identity: null,
    }),
    setCatalogue() {},
    close: async () => {},
  }),
}

if (!parentPort) throw new Error('this file runs in a worker thread only')
serveThread({ port: parentPort, init: workerData, collectors: { snmp: given }, buildCatalogue })
