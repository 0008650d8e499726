// What the poller's tests share: a poller over the fixture thread, with everything it gave kept.

import { pino } from 'pino'
import type { Target } from '../../server/collectors/collector.ts'
import type { Receipt } from '../../server/model/collection.ts'
import type { PollerOptions } from '../../server/poll/contract.ts'
import { createPoller } from '../../server/poll/poller.ts'
import type { Catalogue } from '../../server/profiles/catalogue.ts'
import { until } from '../parts/find.ts'
import type { Behaviour } from './fixture-worker.ts'

/** As `until`, with patience: on a busy machine everything takes its time, and nothing is asserted of it. */
export const eventually: typeof until = (probe, what, timeoutMs = 60_000) =>
  until(probe, what, timeoutMs)

export interface Given {
  device: string
  group: string
  channel: 'samples' | 'rows' | 'inventory' | 'events'
  givenAt: number
  bytes: number
  body: {
    at: number
    ok?: boolean
    reason?: string
    error?: string
    part?: [number, number]
    rows?: string[]
    metrics?: Record<string, unknown>
    name?: string
  }
}

export function catalogueOf(...ids: string[]): Catalogue {
  const sources = ids.map(id => ({
    id,
    file: `oids/${id}.json`,
    text: '{}',
    from: 'shipped' as const,
  }))
  return { version: ids.join(' '), profiles: new Map(), problems: [], sources }
}

export function target(
  id: string,
  behaviour: Behaviour = {},
  more: Partial<Target['config']> & { version?: number; secrets?: Record<string, string> } = {},
): Target {
  const { version = 1, secrets = {}, ...config } = more
  return {
    version,
    secrets,
    identity: null,
    config: {
      id,
      name: id,
      kind: 'snmp',
      address: JSON.stringify(behaviour),
      profiles: ['auto'],
      every: '1s',
      timeout: '2s',
      retries: 1,
      enabled: true,
      ...config,
    },
  }
}

/** A poller whose targets are a list that the test changes; closed when the test ends. */
export function bench(
  t: { teardown(fn: () => void | Promise<unknown>): unknown },
  options: Partial<PollerOptions> = {},
) {
  const given: Given[] = []
  const receipts: { device: string; receipt: Receipt }[] = []
  const logged: string[] = []
  const targets: Target[] = []
  const poller = createPoller({
    node: 'node-1',
    targets: async () => structuredClone(targets),
    catalogue: catalogueOf('a'),
    networks: [],
    onCollection: (topic, body) =>
      given.push({
        ...topic,
        givenAt: Date.now(),
        bytes: body.length,
        body: JSON.parse(Buffer.from(body).toString()),
      }),
    onReceipt: (device, receipt) => receipts.push({ device, receipt }),
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    threadsMin: 1,
    threadsMax: 1,
    workerUrl: new URL('./fixture-worker.ts', import.meta.url),
    ...options,
  })
  t.teardown(() => poller.close())
  const samples = (device: string) =>
    given.filter(one => one.device === device && one.channel === 'samples')
  return {
    poller,
    targets,
    given,
    receipts,
    logged,
    samples,
    good: (device: string) => samples(device).filter(one => one.body.ok),
    stages: (device: string) =>
      receipts.filter(one => one.device === device).map(one => one.receipt.stage),
    replace(...next: Target[]) {
      targets.length = 0
      targets.push(...next)
    },
  }
}
