// What Pollux says of itself to Prometheus: figures for /metrics, read from the parts' own counters.

import type { MqttBus } from '../bus/client.ts'
import type { SpoolingSender } from '../bus/sender.ts'
import type { Ingest } from '../ingest/contract.ts'
import { counter, gauge, type Registry } from '../metrics.ts'
import type { Poller } from '../poll/contract.ts'

type Senders = Readonly<Record<string, SpoolingSender>>

/** null: another process does it. */
export interface Observed {
  ingest: Ingest | null
  poller: Poller | null
  senders: Senders
  bus: MqttBus
}

/** Registers gauges that read the parts' own counters when /metrics is asked for. */
export function observe(registry: Registry, { ingest, poller, senders, bus }: Observed): void {
  gauge(registry, 'pollux_mqtt_connected', 'Whether the server is connected to its broker', () => [
    { value: bus.connected ? 1 : 0 },
  ])
  if (ingest) observeIngest(registry, ingest)
  if (poller) observePoller(registry, poller)
  gauge(
    registry,
    'pollux_sender_collections',
    'Numbered messages of each sender by what became of them',
    () =>
      Object.entries(senders).flatMap(([sender, { ledger }]) =>
        Object.entries(ledger).map(([state, value]) => ({ labels: { sender, state }, value })),
      ),
    ['sender', 'state'],
  )
}

function observeIngest(registry: Registry, ingest: Ingest): void {
  gauge(
    registry,
    'pollux_ingest_collections',
    'Collections by what became of them',
    () => {
      const { received, stored, duplicate, dropped, waiting } = ingest.stats()
      const states = { received, stored, duplicate, dropped, waiting, refused: refusedOf(ingest) }
      return Object.entries(states).map(([state, value]) => ({ labels: { state }, value }))
    },
    ['state'],
  )
}

function observePoller(registry: Registry, poller: Poller): void {
  gauge(registry, 'pollux_poll_devices', 'Devices polled by this process', () => [
    { value: poller.stats().devices },
  ])
  gauge(
    registry,
    'pollux_poll_reads',
    'Reads by their outcome',
    () =>
      Object.entries(poller.stats().reads).map(([outcome, value]) => ({
        labels: { outcome },
        value,
      })),
    ['outcome'],
  )
  gauge(
    registry,
    'pollux_poll_lateness_seconds',
    'How late reads started, over the last ones: 50 and 99 of 100, and the latest (100)',
    () => {
      const { p50, p99, max } = poller.stats().lateness
      const percentiles = { '50': p50, '99': p99, '100': max }
      return Object.entries(percentiles).map(([percentile, ms]) => ({
        labels: { percentile },
        value: ms / 1000,
      }))
    },
    ['percentile'],
  )
  gauge(
    registry,
    'pollux_poll_slots',
    'Slots without a full read, by why; and probes of silent devices',
    () =>
      Object.entries(poller.stats().schedule).map(([what, value]) => ({
        labels: { what },
        value,
      })),
    ['what'],
  )
  counter(
    registry,
    'pollux_snmp_dropped_total',
    'SNMP datagrams that were no answer to an open request, by why',
    () =>
      Object.entries(poller.stats().snmpDrops).map(([reason, value]) => ({
        labels: { reason },
        value,
      })),
    ['reason'],
  )
  gauge(
    registry,
    'pollux_poll_thread_busy_ratio',
    'Utilisation of each poll thread',
    () =>
      poller
        .stats()
        .threads.map(({ id, busy }) => ({ labels: { thread: String(id) }, value: busy })),
    ['thread'],
  )
}

export function refusedOf(ingest: Ingest): number {
  return Object.values(ingest.stats().refused).reduce((sum, count) => sum + count, 0)
}
