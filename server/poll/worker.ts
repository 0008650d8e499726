// The entry of a poll thread: the real collectors and profiles, and the transport that was asked for,
// behind the protocol of serve.ts.

import { parentPort, workerData } from 'node:worker_threads'
import { collectors } from '../collectors/table.ts'
import { buildCatalogue } from '../profiles/build.ts'
import { chooseTransport } from '../snmp/batched-or-udp.ts'
import { useTransport } from '../snmp/open.ts'
import { openUdp } from '../snmp/udp.ts'
import type { FromThread, ThreadInit } from './protocol.ts'
import { serveThread } from './serve.ts'

if (!parentPort) throw new Error('this file runs in a worker thread only')
const port = parentPort
const init: ThreadInit = workerData

/** The same for every thread: the first one's word is enough. */
const warn = (message: string) => {
  if (init.thread !== 1) return
  const log = { level: 'warn', message, device: null, error: '', dropped: 0 } as const
  port.postMessage([{ is: 'log', ...log }] satisfies FromThread[])
}

useTransport(await chooseTransport(init.snmpTransport, openUdp, warn))
serveThread({ port, init, collectors, buildCatalogue })
