// A consumer of MQTT that hands every accepted collection to other stores. It asks nothing of ingest and
// is asked for nothing by it: a slow or dead store elsewhere holds up nothing here.

import type { Bus } from '../bus/contract.ts'
import { rowsFilter, samplesFilter } from '../bus/topics.ts'
import type {
  Accept,
  AcceptContext,
  AcceptedRows,
  DeviceLookup,
  Refused,
} from '../model/accepted.ts'
import type { Delivery } from './delivery.ts'
import type { Points } from './points.ts'

/** Older samples are of no use where time must go forward, ms. */
const retentionMs = 86_400_000

export interface Exporter {
  deliveries: readonly Delivery[]
  close(): Promise<void>
}

export interface ExporterOptions {
  bus: Bus
  site: string
  accept: Accept
  acceptRows: (message: Parameters<Accept>[0], context: AcceptContext) => AcceptedRows | Refused
  points: Pick<Points, 'learn'>
  devices: DeviceLookup
  deliveries: readonly Delivery[]
  now?: () => number
}

/** @throws AppError what the bus says */
export async function startExporter(options: ExporterOptions): Promise<Exporter> {
  const { bus, site, accept, acceptRows, points, devices, deliveries, now = Date.now } = options
  const context = () => ({ site, devices, retentionMs, now: now() })
  // Ingest says what is refused, and to whom. Rows come first: a sample is written under their labels.
  const stopRows = await bus.subscribe(rowsFilter(site), message => {
    const accepted = acceptRows(message, context())
    if (accepted.refused === null) points.learn(accepted.device.uid, accepted.group, accepted.rows)
  })
  const stopSamples = await bus.subscribe(samplesFilter(site), message => {
    const accepted = accept(message, context())
    if (accepted.refused !== null) return
    for (const delivery of deliveries) delivery.offer(accepted.device.id, accepted.collection)
  })
  return {
    deliveries,
    async close() {
      await Promise.all([stopRows(), stopSamples()])
      await Promise.all(deliveries.map(delivery => delivery.close()))
    },
  }
}
