// Takes every collection, rows message and event off the bus, hands them to live and the consumers,
// has them written in batches, and acknowledges them after the commit. It judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import type { Bus, BusMessage } from '../bus/contract.ts'
import { eventsFilter, rowsFilter, samplesFilter, sharedFilter } from '../bus/topics.ts'
import type { Live } from '../live/contract.ts'
import type { Logger } from '../log.ts'
import type {
  Accept,
  AcceptContext,
  Accepted,
  AcceptedCollection,
  DeviceLookup,
  Refused,
} from '../model/accepted.ts'
import { messageOf } from '../model/errors.ts'
import { createSetAside, type SetAside } from '../model/setaside.ts'
import { acceptEvent, acceptRows, accept as acceptSamples } from './accept.ts'
import { createAcks } from './acks.ts'
import type { Target } from './batch.ts'
import type { Consumer, Ingest } from './contract.ts'
import { createFlood } from './flood.ts'
import { createLedger } from './ledger.ts'
import { createNewcomers } from './newcomers.ts'
import { createAssembler, type PartOutcome } from './parts.ts'
import { createRecent } from './recent.ts'
import { Refusal } from './refusal.ts'
import { createSettler, type Settler } from './settle.ts'
import { createTeller, type Teller } from './tell.ts'
import { createWriter, type Writer } from './writer.ts'

/** Collections older than this are refused where the caller says nothing else. */
const defaultRetentionMs = 400 * 86_400_000
/** Refusals are acknowledged, and parts looked at, this often, ms. */
const tickMs = 200
/** All of `close`, and the part of it that is kept for the last acknowledgements, ms. */
const closeMsMax = 3000
const closeAcksMs = 500

export interface IngestOptions {
  bus: Bus
  site: string
  store: Target
  live: Pick<Live, 'put'>
  devices: DeviceLookup
  consumers: readonly Consumer[]
  /** Hears of everything that is refused. */
  setAside?: SetAside
  log: Logger
  /**
   * The name of the ingesters that share the collections of this site: each goes to one of them, so a
   * part is stored without waiting for the others. `bus` must then be this ingester's alone.
   */
  share?: string
  /** Another form of the gate, for a process that sends each message through it twice. */
  accept?: Accept
  /** How far back a collection may lie, ms. */
  retentionMs?: number
  /** Collections that wait for the store before no more are taken. */
  queueMax?: number
  now?: () => number
}

export function createIngest(options: IngestOptions): Ingest {
  const { bus, site, devices, log, share, now = Date.now, accept = acceptSamples } = options
  const ledger = createLedger()
  const recent = createRecent()
  const acks = createAcks({ bus, site, log })
  const setAside = options.setAside ?? createSetAside(now)
  const settler = createSettler({ acks, ledger, setAside, log, now })
  const teller = createTeller(options.live, options.consumers, log)
  const writer = createWriter({
    store: options.store,
    log,
    queueMax: options.queueMax,
    onSettled: settler.settle,
    onAttempt: ms => {
      recent.add('commitMs', ms)
      recent.add('batches', 1)
      void acks.flush()
    },
  })
  const newcomers = share === undefined ? null : createNewcomers()
  const parts = createPartsIntake({ settler, teller, writer, now })
  const flood = createFlood()
  const stops: (() => Promise<void>)[] = []
  let timer: NodeJS.Timeout | undefined
  let closed: Promise<void> | null = null

  const context = (): AcceptContext => ({
    ...{ site, now: now(), devices, retentionMs: options.retentionMs ?? defaultRetentionMs },
  })
  const refuse = (
    { refused, detail, device, number }: Refused,
    message: Pick<BusMessage, 'topic' | 'payload'>,
  ) => {
    const what = device ? `${device.id}: ${detail}` : detail
    settler.refuse(fromOne(number), refused, what, message)
  }

  const onSamples = async ({ topic, payload }: BusMessage) => {
    if (closed) return
    ledger.received()
    const begin = performance.now()
    const accepted = accept({ topic, payload }, context())
    recent.add('acceptMs', performance.now() - begin)
    recent.add('messages', 1)
    if (accepted.refused !== null) {
      const isNewcomer = accepted.refused === 'unknown-device' && newcomers?.has(topic, now())
      return isNewcomer
        ? settler.settle(fromOne(null), 'dropped')
        : refuse(accepted, { topic, payload })
    }
    if (!settler.isNew(accepted.number)) return
    if (accepted.part && share === undefined) {
      return parts.take(accepted, accepted.part, payload.length)
    }
    const { number, part } = accepted
    const collection = part ? { ...accepted.collection, part: part[0] } : accepted.collection
    recent.add('samples', valuesOf(collection))
    teller.tell(collection)
    const rest = { ...fromOne(number), bytes: payload.length, refusedAt: null }
    return writer.offer({ kind: 'samples', collection, ...rest })
  }
  const onRows = async ({ topic, payload }: BusMessage) => {
    if (closed) return
    ledger.received()
    const accepted = acceptRows({ topic, payload }, context())
    if (accepted.refused !== null) return refuse(accepted, { topic, payload })
    const { number, device, group, at, rows, inventory } = accepted
    if (!settler.isNew(number)) return
    const rest = { ...fromOne(number), bytes: payload.length, refusedAt: null }
    const what = { deviceUid: device.uid, group, at, rows, inventory }
    return writer.offer({ kind: 'rows', ...what, ...rest })
  }
  const onEvent = async ({ topic, payload }: BusMessage) => {
    if (closed) return
    ledger.received()
    const accepted = acceptEvent({ topic, payload }, context())
    if (accepted.refused !== null) return refuse(accepted, { topic, payload })
    const { number, device, event } = accepted
    if (!settler.isNew(number)) return
    if (!flood.takes(device.uid, event, now())) {
      const detail = `${device.id} tells too much`
      return settler.refuse(fromOne(number), 'flood', detail, { topic, payload })
    }
    const rest = { ...fromOne(number), bytes: payload.length, refusedAt: null }
    return writer.offer({ kind: 'event', event: { ...event, deviceUid: device.uid }, ...rest })
  }
  /** Our own words: nobody waits for their acknowledgement. */
  const tellFloods = () => {
    for (const { deviceUid, event } of flood.over(now())) {
      const rest = { numbers: [], messages: 0, bytes: 0, refusedAt: null }
      void writer.offer({ kind: 'event', event: { ...event, deviceUid }, ...rest })
    }
  }
  const tick = () => {
    void acks.flush()
    tellFloods()
    parts.expire().catch(error => log.error({ error: messageOf(error) }, 'parts failed to join'))
  }
  const close = async () => {
    const until = performance.now() + closeMsMax
    const left = () => Math.max(0, until - performance.now())
    clearInterval(timer)
    const stopping = Promise.allSettled(stops.splice(0).map(stop => stop()))
    parts.end()
    await writer.close(left() - closeAcksMs)
    await Promise.race([
      Promise.all([acks.flush(), stopping]),
      delay(left(), undefined, { ref: false }),
    ])
  }

  return {
    async start() {
      if (closed || timer) return
      timer = setInterval(tick, tickMs)
      stops.push(await bus.subscribe(rowsFilter(site), onRows))
      const shared = (filter: string) =>
        share === undefined ? filter : sharedFilter(share, filter)
      stops.push(await bus.subscribe(shared(eventsFilter(site)), onEvent))
      stops.push(await bus.subscribe(shared(samplesFilter(site)), onSamples))
    },
    stats: () => ({
      ...ledger.counts,
      refused: { ...ledger.counts.refused },
      queued: writer.queued,
      partsHeld: parts.held,
      partsIncomplete: parts.incomplete,
      acksLost: acks.lost,
      liveErrors: teller.errors.live,
      consumerErrors: teller.errors.consumer,
      storeError: writer.storeError,
      recent: recent.summary(),
    }),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

interface PartsIntakeOptions {
  settler: Settler
  teller: Teller
  writer: Writer
  now: () => number
}

/** From single parts to whole collections in the writer. */
function createPartsIntake({ settler, teller, writer, now }: PartsIntakeOptions) {
  const assembler = createAssembler()
  let incomplete = 0
  const takeOne = async (outcome: PartOutcome) => {
    if ('refusal' in outcome) {
      return settler.refuse(outcome, outcome.refusal.reason, outcome.refusal.message)
    }
    const { collection, complete, ...rest } = outcome
    if (!complete) incomplete++
    teller.tell(collection)
    await writer.offer({ kind: 'samples', collection, ...rest, refusedAt: null })
  }
  const takeAll = async (ready: readonly PartOutcome[]) => {
    await Promise.all(ready.map(takeOne))
  }
  return {
    get held() {
      return assembler.held
    },
    get incomplete() {
      return incomplete
    },
    async take(accepted: Accepted, part: [number, number], bytes: number) {
      try {
        await takeAll(assembler.add({ ...accepted, part }, bytes, now()))
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const detail = `${accepted.device.id}: ${error.message}`
        settler.refuse(fromOne(accepted.number), error.reason, detail)
      }
    },
    expire: () => takeAll(assembler.expired(now())),
    /** What is here goes to the writer at once. */
    end: () => void takeAll(assembler.drain()),
  }
}

function valuesOf({ metrics, rows }: AcceptedCollection): number {
  return metrics.size * (rows?.length ?? 1)
}

function fromOne(number: Accepted['number']) {
  return { numbers: number ? [number] : [], messages: 1 }
}
