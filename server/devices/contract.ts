// What the web layer may ask about devices: the commands behind the form, the API and the files.

import type { CheckReport } from '../collectors/collector.ts'
import type { DeviceStatus, Receipt } from '../model/collection.ts'
import type { Device, DeviceConfig, DeviceSource } from '../model/device.ts'
import type { Actor } from '../model/user.ts'

export interface Devices {
  /** From memory, so that ten thousand cost nothing; the same list until one of them changes. */
  list(): Promise<readonly Device[]>
  get(id: string): Promise<Device | null>
  /**
   * Checks the document, seals plain secrets as `<id>.<field>`, stores it and tells the pollers.
   * @throws AppError E_DEVICE_INVALID (with `errors`), E_DEVICE_EXISTS
   */
  create(document: unknown, by: Actor, source: DeviceSource): Promise<Device>
  /** @throws AppError E_DEVICE_INVALID, E_DEVICE_UNKNOWN, E_DEVICE_CHANGED, E_DEVICE_FROM_FILE */
  update(id: string, document: unknown, expectedVersion: number, by: Actor): Promise<Device>
  /** @throws AppError E_DEVICE_UNKNOWN, E_DEVICE_FROM_FILE */
  remove(id: string, options: { history: boolean }, by: Actor): Promise<void>
  /**
   * What would be stored of a new or changed document; nothing is. `hasNewSecret`: it brings a text
   * that is not stored yet.
   * @throws AppError E_DEVICE_INVALID (with `errors`), E_DEVICE_FROM_FILE
   */
  preview(document: unknown, by: Actor): Promise<{ config: DeviceConfig; hasNewSecret: boolean }>
  /** "Test": the document need not be stored; a secret left out is taken from the stored device of its id. */
  check(document: unknown, by: Actor, signal: AbortSignal): Promise<CheckReport>
  /**
   * Puts the device at the head of the queue; the answer comes by the live stream.
   * @throws AppError E_DEVICE_UNKNOWN, E_NOT_POLLED (paused, or it sends by itself)
   */
  pollNow(id: string, by: Actor): Promise<void>
  /**
   * Has the device read every few seconds for the next ones; asked for again while somebody looks.
   * `by` null: it goes on, and was noted before.
   * @throws AppError E_DEVICE_UNKNOWN, E_NOT_POLLED
   */
  watch(id: string, everyMs: number, forMs: number, by: Actor | null): Promise<void>
  /** What came of the config's newest version, oldest step first. */
  receipts(id: string): Receipt[]
  status(id: string): DeviceStatus | null
  /** A status or a receipt came. Returns how to stop. */
  onChange(
    listener: (id: string, change: { status?: DeviceStatus; receipt?: Receipt }) => void,
  ): () => void
}
