// The records that are published and not acknowledged by ingest: how many there may be, and when each
// is to be sent again. It publishes nothing itself.

import type { SpoolRecord } from './record.ts'

/** Records, and bytes of them, that may be in flight. */
const inflightMax = 256
const inflightBytesMax = 16 * 1024 * 1024

export interface Inflight {
  readonly record: SpoolRecord
  /** The broker has not taken it yet: sending it again would only make the queue longer. */
  publishing: boolean
  tries: number
  sentMs: number
  dueMs: number
}

export interface InflightTable {
  readonly size: number
  /** Records that there is room for; 0 also where the bytes are used up. */
  room(): number
  add(record: SpoolRecord): Inflight
  forget(record: Pick<SpoolRecord, 'boot' | 'seq'>): void
  /** Its wait begins (again) now. */
  sent(entry: Inflight): void
  /** What is in flight longer than it should; settled records are forgotten on the way. */
  overdue(): Inflight[]
  /** Ingest lives: what it should have answered by now is due without its long wait. */
  hasten(): void
  /** A new connection: all of them, with their waits short again. */
  restart(): Inflight[]
}

/** `resend`: wait for an acknowledgement, ms; doubles with each try up to `msMax`. */
export function createInflight(options: {
  resend: { msMin: number; msMax: number }
  /** Under which new records are numbered: nearly all of them. */
  boot: string
  isWaiting(boot: string, seq: number): boolean
}): InflightTable {
  const { resend } = options
  const entries = new Map<string | number, Inflight>()
  let bytes = 0

  const keyOf = ({ boot, seq }: Pick<SpoolRecord, 'boot' | 'seq'>) =>
    boot === options.boot ? seq : `${boot} ${seq}`

  const forget = (record: Pick<SpoolRecord, 'boot' | 'seq'>) => {
    const key = keyOf(record)
    const entry = entries.get(key)
    if (!entry) return
    entries.delete(key)
    bytes -= entry.record.payload.length
  }

  /** All that still wait for an answer. */
  const waiting = (): Inflight[] => {
    for (const { record } of [...entries.values()]) {
      if (!options.isWaiting(record.boot, record.seq)) forget(record)
    }
    return [...entries.values()]
  }

  return {
    get size() {
      return entries.size
    },
    room: () => (bytes < inflightBytesMax ? inflightMax - entries.size : 0),
    add(record) {
      const entry = { record, publishing: false, tries: 0, sentMs: 0, dueMs: 0 }
      entries.set(keyOf(record), entry)
      bytes += record.payload.length
      return entry
    },
    forget,
    sent(entry) {
      entry.sentMs = performance.now()
      entry.dueMs = entry.sentMs + Math.min(resend.msMax, resend.msMin * 2 ** (entry.tries - 1))
    },
    overdue() {
      const now = performance.now()
      // The oldest is tried often: an answer to it wakes the rest.
      return waiting().filter(({ sentMs, dueMs }, i) => {
        const due = i === 0 ? Math.min(dueMs, sentMs + resend.msMin) : dueMs
        return due <= now
      })
    },
    hasten() {
      for (const entry of waiting()) {
        if (entry.tries > 1) entry.dueMs = Math.min(entry.dueMs, entry.sentMs + resend.msMin)
      }
    },
    restart() {
      for (const entry of entries.values()) entry.tries = 0
      return [...entries.values()]
    },
  }
}
