// All living devices in memory, for whoever needs one for every sample. It follows the store: at
// once after our own changes, on a message after another process's, and by a slow re-read.

import type { Device } from '../model/device.ts'
import type { DeviceStore } from '../store/contract.ts'

/** Another process's change whose message was lost is seen after this. */
const REFRESH_MS = 30_000

export interface Directory {
  get(id: string): Device | undefined
  /** The same list until the next refresh. */
  all(): readonly Device[]
  refresh(): Promise<void>
  onRefresh(listener: () => void): () => void
  close(): void
}

/** @param onError a re-read failed; the last known devices stay in force */
export async function createDirectory(
  store: DeviceStore,
  onError: (error: unknown) => void,
): Promise<Directory> {
  let list: readonly Device[] = []
  let devices = new Map<string, Device>()
  const listeners = new Set<() => void>()
  let running: Promise<void> | null = null
  let again = false

  const read = async () => {
    list = await store.list()
    devices = new Map(list.map(device => [device.config.id, device]))
    for (const listener of listeners) listener()
  }
  // A refresh asked for during a read must see what was written after that read began.
  const refresh = (): Promise<void> => {
    if (running) {
      again = true
      return running
    }
    running = (async () => {
      do {
        again = false
        await read()
      } while (again)
    })().finally(() => {
      running = null
    })
    return running
  }
  await refresh()
  const timer = setInterval(() => refresh().catch(onError), REFRESH_MS)
  return {
    get: id => devices.get(id),
    all: () => list,
    refresh,
    onRefresh(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => clearInterval(timer),
  }
}
