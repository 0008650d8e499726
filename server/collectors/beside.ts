// Checks beside what a device is read by: they run when it is read and are told by themselves, so that
// they neither delay the read nor count as its failure.

import { CHECK_GROUP, checkAddress, hasChecksBeside } from '../model/beside.ts'
import type { Check } from '../model/check.ts'
import type { DeviceKind } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { messageOf } from '../model/errors.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type {
  CheckReport,
  Collected,
  Collector,
  DeviceReader,
  ReadOptions,
  Target,
  Tell,
} from './collector.ts'

/** A device that is watched live is read every few seconds, its checks at most so often. */
const everyShare = 0.5

/** @param checks the collector of the kind check */
export function withChecks(collector: Collector, checks: Collector): Collector {
  return {
    kind: collector.kind,
    check: (...asked) => collector.check(...asked),
    open(target, surroundings, tell) {
      const reader = collector.open(target, surroundings, tell)
      if (!hasChecksBeside(target.config) || tell === undefined) return reader
      const beside = checks.open(asCheck(target, target.config.checks ?? []), surroundings)
      return new BesideReader(reader, beside, tell, parseDuration(target.config.every))
    },
  }
}

/** For devices that send by themselves: nothing is read but their checks. */
export function onlyChecks(kind: DeviceKind): Collector {
  const error = `a device of kind ${kind} sends by itself`
  const report: CheckReport = { ok: false, tookMs: 0, reason: 'unreachable', error, hint: '' }
  return { kind, check: async () => report, open: () => new Nothing() }
}

/** The same device as if it were its checks alone. */
function asCheck(target: Target, checks: Check[]): Target {
  const { id, name, every, timeout, retries, enabled, kind, tls } = target.config
  const address = checkAddress(target.config)
  return {
    ...{ version: target.version, secrets: target.secrets, identity: null },
    config: {
      ...{ id, name, every, timeout, retries, enabled, checks, kind: 'check', profiles: ['auto'] },
      ...(address !== null && { address }),
      // Whoever signs for a Docker engine does not sign for web pages.
      ...(tls?.ca !== undefined && kind !== 'docker' && { tls: { ca: tls.ca } }),
    },
  }
}

class Nothing implements DeviceReader {
  async collect(): Promise<Collected> {
    return { collections: [], rows: [], identity: null }
  }
  setCatalogue(): void {
    // It reads by no profile.
  }
  async close(): Promise<void> {
    // Nothing was opened.
  }
}

class BesideReader implements DeviceReader {
  readonly #reader: DeviceReader
  readonly #beside: DeviceReader
  readonly #tell: Tell
  readonly #restMs: number
  readonly #closing = new AbortController()
  #running: Promise<void> | null = null
  #startedAt = Number.NEGATIVE_INFINITY

  constructor(reader: DeviceReader, beside: DeviceReader, tell: Tell, everyMs: number) {
    this.#reader = reader
    this.#beside = beside
    this.#tell = tell
    this.#restMs = everyMs * everyShare
  }

  collect(at: number, signal: AbortSignal, options?: ReadOptions): Promise<Collected> {
    const isRested = performance.now() - this.#startedAt >= this.#restMs
    if (this.#running === null && isRested && !this.#closing.signal.aborted) {
      this.#startedAt = performance.now()
      this.#running = this.#check(at).finally(() => {
        this.#running = null
      })
    }
    return this.#reader.collect(at, signal, options)
  }

  setCatalogue(catalogue: Catalogue): void {
    this.#beside.setCatalogue(catalogue)
    this.#reader.setCatalogue(catalogue)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.#reader.close(), this.#running])
    await this.#beside.close()
  }

  /** Never rejects. Each check ends by its own time limit. */
  async #check(at: number): Promise<void> {
    try {
      const { collections, rows, events } = await this.#beside.collect(at, this.#closing.signal)
      this.#tell({ collections, rows, ...(events && { events }) })
    } catch (error) {
      if (this.#closing.signal.aborted) return
      const failed = { at: Date.now(), took: 0, ok: false, reason: 'decode' } as const
      const body = { ...failed, error: messageOf(error) }
      this.#tell({ collections: [{ group: CHECK_GROUP, body }], rows: [] })
    }
  }
}
