// The entry of a poll thread: the real collectors and profiles behind the protocol of serve.ts.

import { parentPort, workerData } from 'node:worker_threads'
import { collectors } from '../collectors/table.ts'
import { buildCatalogue } from '../profiles/build.ts'
import { serveThread } from './serve.ts'

if (!parentPort) throw new Error('this file runs in a worker thread only')
serveThread({ port: parentPort, init: workerData, collectors, buildCatalogue })
