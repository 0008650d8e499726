// Keeps what the pollers learned about devices: the newest of each, written a few seconds later, so
// that a fleet that is read for the first time does not become a burst of updates.

import type { Directory } from '../devices/directory.ts'
import type { Logger } from '../log.ts'
import type { DeviceTuning } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { DeviceStore } from '../store/contract.ts'

const flushMs = 5000
/** Devices written at each turn; the others wait for the next. */
const writesPerFlushMax = 500

export interface TuningKeeper {
  keep(device: string, tuning: DeviceTuning): void
  /** Writes what waits. Never rejects. */
  close(): Promise<void>
}

export function createTuningKeeper(parts: {
  store: Pick<DeviceStore, 'setTuning'>
  directory: Pick<Directory, 'get'>
  log: Logger
}): TuningKeeper {
  const { store, directory, log } = parts
  /** Bounded by the devices that there are. */
  const waiting = new Map<string, DeviceTuning>()
  let flushing: Promise<void> | null = null

  const write = async (writesMax: number) => {
    for (const [id, tuning] of [...waiting].slice(0, writesMax)) {
      const device = directory.get(id)
      if (device) await store.setTuning(device.uid, tuning)
      if (waiting.get(id) === tuning) waiting.delete(id)
    }
  }
  /** What could not be written waits for the next turn. */
  const flush = (writesMax: number): Promise<void> => {
    flushing ??= write(writesMax)
      .catch((error: unknown) => {
        log.warn({ cause: messageOf(error) }, 'what was learned about devices is not stored yet')
      })
      .finally(() => {
        flushing = null
      })
    return flushing
  }
  const timer = setInterval(() => void flush(writesPerFlushMax), flushMs)

  return {
    keep: (device, tuning) => void waiting.set(device, tuning),
    async close() {
      clearInterval(timer)
      await flushing
      await flush(writesPerFlushMax)
    },
  }
}
