// A collector whose module is loaded when its first device is checked or read: libraries of protocols
// that a poll thread has no device of cost it seconds of CPU and tens of MB.

import type { DeviceKind } from '../model/device.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type {
  Collected,
  Collector,
  DeviceReader,
  ReadOptions,
  Surroundings,
  Target,
  Tell,
} from './collector.ts'

/** @param load gives the collector; called once for each device */
export function loadedLater(kind: DeviceKind, load: () => Promise<Collector>): Collector {
  return {
    kind,
    check: async (...asked) => (await load()).check(...asked),
    open: (target, surroundings, tell) => new LaterReader(load, target, surroundings, tell),
  }
}

class LaterReader implements DeviceReader {
  readonly #load: () => Promise<Collector>
  readonly #target: Target
  readonly #tell: Tell | undefined
  #surroundings: Surroundings
  #reader: DeviceReader | null = null

  constructor(
    load: () => Promise<Collector>,
    target: Target,
    surroundings: Surroundings,
    tell: Tell | undefined,
  ) {
    this.#load = load
    this.#tell = tell
    this.#target = target
    this.#surroundings = surroundings
  }

  async collect(at: number, signal: AbortSignal, options?: ReadOptions): Promise<Collected> {
    if (this.#reader === null) {
      const collector = await this.#load()
      signal.throwIfAborted()
      this.#reader = collector.open(this.#target, this.#surroundings, this.#tell)
    }
    return this.#reader.collect(at, signal, options)
  }

  setCatalogue(catalogue: Catalogue): void {
    this.#surroundings = { ...this.#surroundings, catalogue }
    this.#reader?.setCatalogue(catalogue)
  }

  async close(): Promise<void> {
    await this.#reader?.close()
  }
}
