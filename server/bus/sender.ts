// Numbers collections, keeps each in the spool, and publishes them until ingest acknowledges them
// (DESIGN, rule 3). At any moment: sent = stored + refused + dropped + waiting.

import { randomBytes } from 'node:crypto'
import type { Logger } from '../log.ts'
import { Ack } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { checker } from '../validate.ts'
import type { Bus, Sender, SenderLedger } from './contract.ts'
import { createInflight, type Inflight } from './inflight.ts'
import { createRate } from './rate.ts'
import type { SpoolRecord } from './record.ts'
import { openSpool, type SpoolLimits, type SpoolOrder, type SpoolStats } from './spool.ts'
import { readSrc } from './src.ts'
import { ackTopic } from './topics.ts'

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

/** Topics of retained messages that are remembered. */
const retainedTopicsMax = 500_000

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
  /** What is sent first of all that waits; default: the oldest. */
  order?: SpoolOrder
  /** Given by the server; else the folder's own, made at its first start. */
  src?: string
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
  /** Under which it numbers since this start. */
  readonly boot: string
  readonly stats: Readonly<SenderStats>
  /** Resolves when all that was sent before is on disk, or the disk refused it. */
  flush(): Promise<void>
}

/**
 * Opens the spool in `dir` and starts to send what waits there.
 * @throws AppError E_SPOOL when the folder cannot be used
 */
export async function createSender(options: SenderOptions): Promise<SpoolingSender> {
  const { bus, log } = options
  const resend = options.resend ?? { msMin: resendMsMin, msMax: resendMsMax }
  const rate = createRate(options.perSecondMax ?? perSecondMax)
  const src = options.src ?? (await readSrc(options.dir, log))
  const boot = randomBytes(6).toString('hex')
  const spool = await openSpool({
    dir: options.dir,
    boot,
    log,
    ...(options.spool ? { limits: options.spool } : {}),
    ...(options.order ? { order: options.order } : {}),
  })
  const atStart = spool.stats
  const inflight = createInflight({ resend, boot, isWaiting: spool.isWaiting })
  const refusedBy = new Map<string, number>()
  const counts = { stored: 0, refused: 0, resent: 0 }
  /** Topic → number of the newest retained message of this boot that was sent. */
  const newestRetained = new Map<string, number>()
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
      while (bus.connected && !closing && inflight.room() > 0) {
        pumpAgain = false
        const places = rate.take(inflight.room())
        if (places <= 0) break
        const records = await spool.take(places, takeBytesMax)
        rate.giveBack(places - records.length)
        if (records.length === 0 && !pumpAgain) break
        for (const record of records) publish(inflight.add(record))
      }
    } catch (error) {
      // The next tick tries again.
      log.error({ err: messageOf(error) }, 'the spool cannot be read')
    } finally {
      pumping = false
    }
  }

  function publish(entry: Inflight): void {
    if (entry.publishing) return
    if (entry.sentMs > 0) counts.resent++
    entry.publishing = true
    entry.tries++
    inflight.sent(entry)
    const { record } = entry
    bus.publish(record.topic, spliced(src, record), { qos: 1, retain: isNewest(record) }).then(
      () => {
        entry.publishing = false
        inflight.sent(entry)
      },
      error => {
        entry.publishing = false
        publishFailed(entry, error)
      },
    )
  }

  /** A retained message that is sent again must not replace a newer one of its topic. */
  function isNewest({ retain, topic, boot: madeIn, seq: number }: SpoolRecord): boolean {
    if (!retain) return false
    const newest = newestRetained.get(topic) ?? 0
    if (madeIn !== boot) return newest === 0
    if (newest > number) return false
    if (newest > 0 || newestRetained.size < retainedTopicsMax) newestRetained.set(topic, number)
    return true
  }

  function publishFailed({ record }: Inflight, error: unknown): void {
    if (error instanceof AppError && error.code === 'E_BUS_TOO_LARGE') {
      log.error({ topic: record.topic, err: error.message }, 'a message was dropped')
      spool.drop(record.boot, record.seq)
      inflight.forget(record)
    } else if (!(error instanceof AppError && error.passing)) {
      log.warn({ topic: record.topic, err: messageOf(error) }, 'a message was not published')
    }
  }

  function tick(): void {
    if (bus.connected) for (const entry of inflight.overdue()) publish(entry)
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
    if (refused + stored === 0) return
    inflight.hasten()
    void pump()
  }

  function onState(connected: boolean): void {
    if (!connected) return
    for (const entry of inflight.restart()) publish(entry)
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
    boot,
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
      spool.append({ seq, retain, topic, payload: body })
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

/** The body with its numbers in front, without parsing it: two pieces of one payload. */
function spliced(src: string, { boot, seq, payload }: SpoolRecord): [Buffer, Buffer] {
  const head = `{"v":1,"src":"${src}","boot":"${boot}","seq":${seq}`
  const rest = payload.subarray(1)
  const empty = rest[0] === CLOSING_BRACE
  return [Buffer.from(empty ? head : `${head},`, 'latin1'), rest]
}

function readAck(payload: Buffer): Ack | null {
  try {
    const checked = checkAck(JSON.parse(payload.toString('utf8')))
    return checked.ok ? checked.value : null
  } catch {
    return null
  }
}
