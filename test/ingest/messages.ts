// Devices, messages and a context for the tests of ingest.

import { pino } from 'pino'
import type { AcceptContext, DeviceLookup, KnownDevice } from '../../server/model/accepted.ts'

export const silent = pino({ level: 'silent' })
export const SITE = 'main'
export const NOW = 1_795_320_000_000

export function device(id: string, uid: number, more: Partial<KnownDevice> = {}): KnownDevice {
  return { id, uid, everyMs: 60_000, enabled: true, kind: 'snmp', ...more }
}

export function lookup(...devices: KnownDevice[]): DeviceLookup {
  const byId = new Map(devices.map(one => [one.id, one]))
  return { get: id => byId.get(id), all: () => byId.values() }
}

export function context(more: Partial<AcceptContext> = {}): AcceptContext {
  return {
    ...{ site: SITE, now: NOW, retentionMs: 86_400_000 },
    devices: lookup(device('sw-1', 7)),
    ...more,
  }
}

export const topicOf = (id: string, group: string, channel = 'samples') =>
  `pollux/${SITE}/devices/${id}/${channel}/${group}`

/** A message; `body` is JSON's text or what becomes it. */
export function message(body: unknown, topic = topicOf('sw-1', 'interface')) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { topic, payload: Buffer.from(text), retained: false }
}

/** A good collection's body. */
export function good(more: Record<string, unknown> = {}) {
  return {
    ...{ v: 1, src: 'node-1', boot: 'k3x9', seq: 101, at: NOW, took: 41, ok: true },
    ...{ rows: ['a', 'b'], metrics: { in: [1.5, null] }, gaps: { in: [null, 'reset'] } },
    ...more,
  }
}
