// What changed between two readings of the targets, and how much of it: a new name needs nothing, a
// new interval a new reader, a new address a new identity. Pure.

import { createHash } from 'node:crypto'
import type { Target } from '../collectors/collector.ts'
import { EVERY_MS_MIN } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'

/** Hashes of a target, from the whole document down to what makes it another device. */
export interface Fingerprint {
  all: string
  /** What a reader is opened with. */
  reading: string
  /** What decides who answers, and so which profiles fit. */
  identity: string
}

/** JSON with sorted keys: the same document gives the same text, however it was stored. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** Secrets are in it, so only a hash is kept. */
const hashOf = (value: unknown) => createHash('sha256').update(canonical(value)).digest('base64')

export function fingerprint({ config, version, secrets }: Target): Fingerprint {
  const { kind, address, port, credentials, tls, ssh, profiles } = config
  const { every, timeout, retries, tuning, checks } = config
  const who = { kind, address, port, credentials, tls, ssh, profiles, secrets }
  return {
    all: hashOf({ config, version, secrets }),
    reading: hashOf({ who, every, timeout, retries, tuning, checks }),
    identity: hashOf(who),
  }
}

export type Change = 'same' | 'described' | 'reading' | 'identity'

/** `described`: only what people read of it changed (name, tags, location, version). */
export function changeBetween(before: Fingerprint, after: Fingerprint): Change {
  if (before.all === after.all) return 'same'
  if (before.reading === after.reading) return 'described'
  return before.identity === after.identity ? 'reading' : 'identity'
}

/** @throws AppError E_DURATION */
export function everyMsOf(target: Target): number {
  return Math.max(EVERY_MS_MIN, parseDuration(target.config.every))
}

/** The longest that one read may take, whatever the interval. */
const readMsMax = 240_000
/** A first read finds out who answers: that is many requests, also on a short interval. */
const firstReadMs = 30_000

/** When a read is aborted: below the interval, so that one slow read does not cost the next slot. */
export function deadlineMsOf(everyMs: number, identified: boolean): number {
  const usual = Math.min(readMsMax, everyMs * 0.9)
  return identified ? usual : Math.max(usual, firstReadMs)
}
