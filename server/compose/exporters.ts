// Writing to other stores, wired: Prometheus' remote write and InfluxDB, each where a setting names it.

import type { Directory } from '../devices/directory.ts'
import { createDelivery } from '../export/delivery.ts'
import { type Destination, influxTo, remoteWriteTo } from '../export/destination.ts'
import { type Exporter, startExporter } from '../export/exporter.ts'
import { createPoints } from '../export/points.ts'
import { accept, acceptRows } from '../ingest/accept.ts'
import { counter, gauge, type Registry } from '../metrics.ts'
import type { Plan } from '../profiles/face.ts'
import type { Store } from '../store/contract.ts'
import type { Base, Connect } from './base.ts'
import { deviceLookup } from './samples.ts'
import type { StatusSection } from './status.ts'

type ExporterParts = Base & {
  connect: Connect
  directory: Directory
  store: Store
  plan: (profiles: readonly string[]) => Plan
}

/** Null where no other store is named. */
export async function startExporters(parts: ExporterParts): Promise<Exporter | null> {
  const { config, connect, directory, store, plan, life, log } = parts
  const { site, remoteWriteUrl, remoteWriteToken, influxUrl, influxToken } = config
  const destinations: Destination[] = []
  if (remoteWriteUrl !== null) destinations.push(remoteWriteTo(remoteWriteUrl, remoteWriteToken))
  if (influxUrl !== null) destinations.push(influxTo(influxUrl, influxToken))
  if (destinations.length === 0) return null
  const bus = connect({
    username: 'export',
    publish: [],
    subscribe: [`pollux/${site}/devices/#`],
  })
  life.started('export bus', () => bus.close())
  const points = createPoints({
    device: id => directory.get(id),
    plan,
    rows: uid => store.samples.rows(uid),
  })
  const deliveries = destinations.map(destination =>
    createDelivery({ destination, pointsOf: points.of, log }),
  )
  const devices = deviceLookup(directory)
  const exporter = await startExporter({
    ...{ bus, site, accept, acceptRows, points, devices, deliveries },
  })
  life.started('export', () => exporter.close())
  return exporter
}

const WORDS = { remote_write: 'Prometheus remote write', influxdb: 'InfluxDB' }

/** What was written to other stores, for the settings page; none where none is named. */
export function exportSections(exporter: Exporter | null): StatusSection[] {
  if (!exporter) return []
  const count = (value: number) => value.toLocaleString('en')
  const rows = exporter.deliveries.map(({ name, stats }) => {
    const { taken, sent, refused, dropped, waiting, unnamed, error } = stats()
    const state = error === null ? '' : `; not taken now: ${error}`
    return {
      name: WORDS[name],
      value: `${count(taken)} values = ${count(sent)} sent + ${count(refused)} refused + ${count(dropped)} dropped + ${count(waiting)} waiting + ${count(unnamed)} without a name${state}`,
      meaning: 'written to another store since the start',
    }
  })
  return [{ title: 'Other stores', rows }]
}

export function observeExporters(registry: Registry, exporter: Exporter | null): void {
  if (!exporter) return
  const { deliveries } = exporter
  gauge(
    registry,
    'pollux_export_values',
    'Values for other stores by what became of them',
    () =>
      deliveries.flatMap(({ name, stats }) => {
        const { sent, refused, dropped, waiting, unnamed } = stats()
        return Object.entries({ sent, refused, dropped, waiting, unnamed }).map(
          ([state, value]) => ({ labels: { to: name, state }, value }),
        )
      }),
    ['to', 'state'],
  )
  counter(
    registry,
    'pollux_export_failures_total',
    'Requests that another store did not take',
    () => deliveries.map(({ name, stats }) => ({ labels: { to: name }, value: stats().failures })),
    ['to'],
  )
}
