// Numbers collections, keeps each in the spool, and publishes them until ingest acknowledges them
// (DESIGN, rule 3). At any moment: sent = stored + refused + dropped + waiting.

import { randomBytes } from 'node:crypto'
import type { Logger } from '../log.ts'
import { Ack } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { checker } from '../validate.ts'
import type { Bus, Sender, SenderLedger } from './contract.ts'
import { createRate } from './rate.ts'
import type { SpoolRecord } from './record.ts'
import { openSpool, type SpoolLimits, type SpoolStats } from './spool.ts'
import { readSrc } from './src.ts'
import { ackTopic } from './topics.ts'

/** Records, and bytes of them, that are published and not acknowledged by ingest. */
const inflightMax = 256
const inflightBytesMax = 16 * 1024 * 1024
/** Bytes taken from the spool at once. */
const takeBytesMax = 1024 * 1024
/** Wait for an acknowledgement before a record is sent again, ms; doubles up to the second. */
const resendMsMin = 10_000
const resendMsMax = 300_000
/** Publishes per second, so that a long outage is not followed by a flood. */
const perSecondMax = 5000
/** Refusals are logged so often at most, ms. */
const refusalLogEveryMs = 60_000
/** Reasons of refusals that are counted apart. */
const reasonsMax = 32

const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

const checkAck = checker(Ack)

export interface SenderOptions {
  bus: Bus
  site: string
  /** Folder of its own; no two processes may share it. */
  dir: string
  log: Logger
  spool?: SpoolLimits
  resend?: { msMin: number; msMax: number }
  perSecondMax?: number
}

export interface SenderStats {
  /** Published and not acknowledged. */
  inflight: number
  /** Publishes of records that had been published before. */
  resent: number
  /** Reason of ingest → records it refused. */
  refusedBy: Record<string, number>
  spool: Readonly<SpoolStats>
}

/** A `Sender` over the disk spool. */
export interface SpoolingSender extends Sender {
  readonly stats: Readonly<SenderStats>
  /** Resolves when all that was sent before is on disk, or the disk refused it. */
  flush(): Promise<void>
}

interface Inflight {
  record: SpoolRecord
  /** The broker has not taken it yet: sending it again would only make the queue longer. */
  publishing: boolean
  tries: number
  sentMs: number
  dueMs: number
}

/**
 * Opens the spool in `dir` and starts to send what waits there.
 * @throws AppError E_SPOOL when the folder cannot be used
 */
export async function createSender(options: SenderOptions): Promise<SpoolingSender> {
  const { bus, log } = options
  const resend = options.resend ?? { msMin: resendMsMin, msMax: resendMsMax }
  const rate = createRate(options.perSecondMax ?? perSecondMax)
  const src = await readSrc(options.dir, log)
  const boot = randomBytes(6).toString('hex')
  const spool = await openSpool({
    dir: options.dir,
    boot,
    log,
    ...(options.spool ? { limits: options.spool } : {}),
  })
  const atStart = spool.stats
  const inflight = new Map<string, Inflight>()
  const refusedBy = new Map<string, number>()
  const counts = { stored: 0, refused: 0, resent: 0 }
  let inflightBytes = 0
  let seq = 0
  let pumping = false
  let pumpAgain = false
  let refusalLoggedMs = Number.NEGATIVE_INFINITY
  let closing: Promise<void> | null = null

  // ---- sending

  /** Publishes from the spool while there is room; one call at a time. */
  async function pump(): Promise<void> {
    pumpAgain = true
    if (pumping) return
    pumping = true
    try {
      while (bus.connected && !closing && hasRoom()) {
        pumpAgain = false
        const places = rate.take(inflightMax - inflight.size)
        if (places <= 0) break
        const records = await spool.take(places, takeBytesMax)
        rate.giveBack(places - records.length)
        if (records.length === 0 && !pumpAgain) break
        for (const record of records) start(record)
      }
    } catch (error) {
      // The next tick tries again.
      log.error({ err: messageOf(error) }, 'the spool cannot be read')
    } finally {
      pumping = false
    }
  }

  function hasRoom(): boolean {
    return inflight.size < inflightMax && inflightBytes < inflightBytesMax
  }

  function start(record: SpoolRecord): void {
    const entry = { record, publishing: false, tries: 0, sentMs: 0, dueMs: 0 }
    inflight.set(keyOf(record), entry)
    inflightBytes += record.payload.length
    publish(entry)
  }

  function publish(entry: Inflight): void {
    if (entry.publishing) return
    if (entry.sentMs > 0) counts.resent++
    entry.publishing = true
    entry.tries++
    startClock(entry)
    const { record } = entry
    bus
      .publish(record.topic, spliced(src, record), { qos: 1, retain: record.retain })
      .then(
        () => startClock(entry),
        error => publishFailed(entry, error),
      )
      .finally(() => (entry.publishing = false))
  }

  function startClock(entry: Inflight): void {
    entry.sentMs = performance.now()
    entry.dueMs = entry.sentMs + Math.min(resend.msMax, resend.msMin * 2 ** (entry.tries - 1))
  }

  function publishFailed({ record }: Inflight, error: unknown): void {
    if (error instanceof AppError && error.code === 'E_BUS_TOO_LARGE') {
      log.error({ topic: record.topic, err: error.message }, 'a message was dropped')
      spool.drop(record.boot, record.seq)
      forget(record)
    } else if (!(error instanceof AppError && error.passing)) {
      log.warn({ topic: record.topic, err: messageOf(error) }, 'a message was not published')
    }
  }

  function forget(record: Pick<SpoolRecord, 'boot' | 'seq'>): void {
    const entry = inflight.get(keyOf(record))
    if (!entry) return
    inflight.delete(keyOf(record))
    inflightBytes -= entry.record.payload.length
  }

  /** What is in flight longer than it should; the oldest is tried often: an answer wakes the rest. */
  function resendOverdue(): void {
    if (!bus.connected) return
    const now = performance.now()
    let oldest = true
    for (const entry of [...inflight.values()]) {
      const due = oldest ? Math.min(entry.dueMs, entry.sentMs + resend.msMin) : entry.dueMs
      oldest = false
      if (!spool.isWaiting(entry.record.boot, entry.record.seq)) forget(entry.record)
      else if (due <= now) publish(entry)
    }
  }

  function tick(): void {
    resendOverdue()
    void pump()
  }

  // ---- acknowledgements

  function onAck(payload: Buffer): void {
    const ack = readAck(payload)
    if (!ack) {
      log.warn('an acknowledgement could not be understood')
      return
    }
    let refused = 0
    for (const [number, reason] of ack.refused) {
      if (spool.settle(ack.boot, number, number) === 0) continue
      refused++
      const known = refusedBy.has(reason) || refusedBy.size < reasonsMax ? reason : 'other'
      refusedBy.set(known, (refusedBy.get(known) ?? 0) + 1)
    }
    let stored = 0
    for (const [from, to] of ack.seq) stored += spool.settle(ack.boot, from, to)
    counts.refused += refused
    counts.stored += stored
    if (refused > 0 && performance.now() - refusalLoggedMs > refusalLogEveryMs) {
      refusalLoggedMs = performance.now()
      log.warn({ refusedBy: Object.fromEntries(refusedBy) }, 'ingest refuses messages')
    }
    if (refused + stored > 0) wake()
  }

  /** Ingest lives: what it should have answered by now is sent again, without its long wait. */
  function wake(): void {
    for (const entry of [...inflight.values()]) {
      if (!spool.isWaiting(entry.record.boot, entry.record.seq)) forget(entry.record)
      else if (entry.tries > 1) entry.dueMs = Math.min(entry.dueMs, entry.sentMs + resend.msMin)
    }
    void pump()
  }

  function onState(connected: boolean): void {
    if (!connected) return
    for (const entry of [...inflight.values()]) {
      entry.tries = 0
      publish(entry)
    }
    void pump()
  }

  const unsubscribe = await bus.subscribe(ackTopic(options.site, src), message =>
    onAck(message.payload),
  )
  const stopState = bus.onState(onState)
  const timer = setInterval(tick, Math.min(1000, resend.msMin / 4))

  async function shutDown(): Promise<void> {
    clearInterval(timer)
    stopState()
    await spool.close()
    await unsubscribe()
  }

  return {
    src,
    get ledger(): SenderLedger {
      const { waiting, dropped, lost } = spool.stats
      return {
        sent: atStart.recovered + atStart.lost + seq,
        stored: counts.stored,
        refused: counts.refused,
        dropped: dropped + lost,
        waiting,
      }
    },
    get stats() {
      return {
        inflight: inflight.size,
        resent: counts.resent,
        refusedBy: Object.fromEntries(refusedBy),
        spool: spool.stats,
      }
    },
    send(topic, body, { retain = false } = {}) {
      if (body[0] !== OPENING_BRACE) {
        throw new AppError('E_BODY', 'what is sent must be the text of a JSON object')
      }
      seq++
      spool.append({ seq, retain, topic, payload: Buffer.from(body) })
      void pump()
      return seq
    },
    flush: () => spool.flush(),
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

function keyOf({ boot, seq }: Pick<SpoolRecord, 'boot' | 'seq'>): string {
  return `${boot} ${seq}`
}

/** The body with its numbers in front, without parsing it. */
function spliced(src: string, { boot, seq, payload }: SpoolRecord): Buffer {
  const head = `{"v":1,"src":"${src}","boot":"${boot}","seq":${seq}`
  const rest = payload.subarray(1)
  const empty = rest[0] === CLOSING_BRACE
  return Buffer.concat([Buffer.from(empty ? head : `${head},`), rest])
}

function readAck(payload: Buffer): Ack | null {
  try {
    const checked = checkAck(JSON.parse(payload.toString('utf8')))
    return checked.ok ? checked.value : null
  } catch {
    return null
  }
}
