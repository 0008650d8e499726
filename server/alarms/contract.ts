// What the rest of Pollux may ask of judge in its first form: the state of each device.

import type { DeviceStatus } from '../model/collection.ts'

export interface StatusJudgeStats {
  devices: number
  judged: number
  /** Collections that were not newer than the last one judged of their group. */
  late: number
  refused: number
  /** Statuses and gap marks that wait for the broker or the store. */
  waiting: number
  marksDropped: number
}

export interface StatusJudge {
  /** Subscribes; the states of the time before come back from the broker. @throws AppError of the bus */
  start(): Promise<void>
  /** Null: nothing is known of it yet. */
  status(id: string): DeviceStatus | null
  stats(): StatusJudgeStats
  /** Tolerates a second call, and no start. */
  close(): Promise<void>
}
