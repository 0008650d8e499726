// The MQTT client of Pollux: keeps one connection alive with back-off, restores its subscriptions
// at each, and bounds what is in flight. It keeps no message while offline: that is the spool's work.

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { brokerOf, brokerOffline, explain, isCredentials, tooLarge } from './client-errors.ts'
import type { Bus } from './contract.ts'
import { createDispatcher, type DispatchStats } from './dispatch.ts'
import {
  type BrokerLimits,
  type BusTls,
  type Link,
  type LinkEnd,
  type LinkOptions,
  openLink,
} from './link.ts'
import { lengthOf, type Pieces, piecesOf } from './payload.ts'
import { unshared } from './topics.ts'
import { createWindow } from './window.ts'

/** Largest packet in either direction, bytes: row names are sent whole, up to 8 MB. */
export const packetBytesMax = 8 * 1024 * 1024 + 64 * 1024
/** Bytes that an MQTT PUBLISH adds to topic and payload, at most (with MQTT 5's empty properties). */
const headerBytesMax = 16
/** Publishes that may be unacknowledged by the broker at a time. */
const publishInflightMax = 256
/** Publishes that may wait for their turn; beyond, E_BUS_BUSY. */
const publishQueueMax = 2000
/** Calls of one handler that may be unfinished at a time. */
const handlersMax = 256
/** Time for TCP, TLS and CONNACK, and for restoring the subscriptions, ms. */
const connectMsMax = 10_000
const backoffMsMin = 1000
const backoffMsMax = 30_000
/** A connection that lived this long starts the back-off anew, ms. */
const stableMs = 10_000
/** How long `close` waits for publishes under way, and then for the broker's good-bye, ms. */
const closePublishesMs = 400
const closeEndMs = 400

export interface ConnectBusOptions {
  /** `mqtt://host:1883`, `mqtts://…`, `ws://…` or `wss://…`. */
  url: string
  username?: string
  password?: string
  clientId: string
  will?: LinkOptions['will']
  log: Logger
  tls?: BusTls
  /** `auto` (default): MQTT 5, and 3.1.1 where the broker refuses that. */
  protocol?: 4 | 5 | 'auto'
  packetBytesMax?: number
  connectMs?: number
  backoff?: { msMin: number; msMax: number }
  handlersMax?: number
}

export interface BusStats extends DispatchStats {
  connects: number
  published: number
  /** Publishes that were not taken: offline, busy or too large. */
  refused: number
}

/** A `Bus` that also tells how it is. */
export interface MqttBus extends Bus {
  /** Why it is not connected, or was not at last; null once connected without trouble. */
  readonly lastError: string | null
  /** The broker's last word was that name or password are wrong. */
  readonly isRefused: boolean
  readonly stats: Readonly<BusStats>
}

/**
 * Starts to connect and returns at once; `onState` tells when the broker is there.
 * @throws AppError E_BUS_URL when the URL names no MQTT broker
 */
export function connectBus(options: ConnectBusOptions): MqttBus {
  const { log } = options
  const where = brokerOf(options.url)
  const backoff = options.backoff ?? { msMin: backoffMsMin, msMax: backoffMsMax }
  const bytesMax = options.packetBytesMax ?? packetBytesMax
  const connectMs = options.connectMs ?? connectMsMax
  const dispatcher = createDispatcher({ log, handlersMax: options.handlersMax ?? handlersMax })
  const window = createWindow({ queueMax: publishQueueMax })
  const listeners = new Set<(connected: boolean) => void>()
  const counts = { connects: 0, published: 0, refused: 0 }

  let version: 4 | 5 = options.protocol === 4 ? 4 : 5
  let versionKnown = options.protocol === 4 || options.protocol === 5
  let link: Link | null = null
  /** The link once the broker accepted it: subscriptions may be made. */
  let accepted: Link | null = null
  let ready = false
  let limits: BrokerLimits = {
    ...{ packetBytesMax: bytesMax, inflightMax: publishInflightMax, shares: false },
  }
  let connectedAt = 0
  let attempt = 0
  let timer: NodeJS.Timeout | null = null
  let lastError: string | null = null
  let isRefused = false
  let lastLogged: string | null = null
  let closing: Promise<void> | null = null

  function setReady(value: boolean): void {
    if (ready === value) return
    ready = value
    for (const listener of listeners) notify(listener, value)
  }

  function notify(listener: (connected: boolean) => void, value: boolean): void {
    try {
      listener(value)
    } catch (error) {
      log.error({ err: messageOf(error) }, 'a listener of the MQTT connection failed')
    }
  }

  function open(): void {
    timer = null
    try {
      link = openLink(
        { ...options, version, packetBytesMax: bytesMax, connectMs },
        {
          onReady: (opened, said) => void restore(opened, said),
          onMessage: message => dispatcher.deliver(message),
          onGone,
        },
      )
    } catch (error) {
      onGone({ error: messageOf(error), code: null, answered: false })
    }
  }

  /** Connected counts from when all subscriptions are back: an ack must not find nobody listening. */
  async function restore(opened: Link, said: BrokerLimits): Promise<void> {
    versionKnown = true
    isRefused = false
    accepted = opened
    limits = {
      packetBytesMax: Math.min(bytesMax, said.packetBytesMax),
      inflightMax: Math.min(publishInflightMax, said.inflightMax),
      shares: said.shares,
    }
    const slow = setTimeout(() => {
      lastError = 'the broker did not answer a subscription in time'
      opened.destroy()
    }, connectMs)
    const granted = await Promise.allSettled(
      dispatcher.filters().map(filter => opened.subscribe(asked(filter))),
    )
    clearTimeout(slow)
    if (opened !== link || closing) return
    const refused = granted.find(result => result.status === 'rejected')
    lastError = refused ? messageOf(refused.reason) : null
    if (lastError) log.error({ broker: where }, lastError)
    log.info({ broker: where, mqtt: version === 5 ? '5' : '3.1.1' }, 'connected to the MQTT broker')
    lastLogged = null
    counts.connects++
    connectedAt = performance.now()
    window.open(limits.inflightMax)
    setReady(true)
  }

  /** A broker that shares no subscriptions would take `$share` for a plain name, and send nothing. */
  function asked(filter: string): string {
    return limits.shares ? filter : unshared(filter)
  }

  function onGone(end: LinkEnd): void {
    link = null
    accepted = null
    window.close(offline())
    const lived = ready ? performance.now() - connectedAt : 0
    setReady(false)
    if (closing) return
    if (changeVersion(end)) {
      open()
      return
    }
    lastError = explain(end, options)
    isRefused = isCredentials(end.code)
    attempt = lived > stableMs ? 0 : attempt + 1
    const base = Math.min(backoff.msMax, backoff.msMin * 2 ** Math.max(0, attempt - 1))
    // Half of the spread is jitter, so that many clients do not come back in the same second.
    timer = setTimeout(open, base * (0.75 + Math.random() / 2))
    if (lastLogged !== lastError) log.warn({ broker: where, err: lastError }, 'no MQTT broker')
    lastLogged = lastError
  }

  /** True when the next attempt speaks the other version, at once. */
  function changeVersion(end: LinkEnd): boolean {
    if (versionKnown) return false
    const refused = end.code === 1 || end.code === 132
    // Some 3.1.1 brokers just hang up on a CONNECT of version 5.
    const hungUp = !end.answered && end.error === null
    if (!refused && !hungUp) return false
    version = version === 5 ? 4 : 5
    return refused && version === 4
  }

  function offline(): AppError {
    return brokerOffline(where)
  }

  async function publishNow(topic: string, payload: Pieces, qos: 0 | 1, retain: boolean) {
    const release = window.tryEnter() ?? (await window.enter())
    try {
      if (!link || !ready) throw offline()
      await link.publish(topic, payload, qos, retain)
      counts.published++
    } catch (error) {
      if (!link || !ready || closing) throw offline()
      throw error
    } finally {
      release()
    }
  }

  async function shutDown(): Promise<void> {
    if (timer) clearTimeout(timer)
    const ending = link
    if (ending) {
      await Promise.race([window.idle(), delay(closePublishesMs, undefined, { ref: false })])
      await ending.end(closeEndMs)
    }
    window.close(offline())
    setReady(false)
    listeners.clear()
  }

  open()

  return {
    get connected() {
      return ready
    },
    get lastError() {
      return lastError
    },
    get isRefused() {
      return isRefused
    },
    get stats() {
      return { ...counts, ...dispatcher.stats }
    },
    async publish(topic, payload, { retain = false, qos = 1 } = {}) {
      const pieces = piecesOf(payload)
      const bytes = lengthOf(pieces) + Buffer.byteLength(topic) + headerBytesMax
      try {
        if (!ready || closing) throw offline()
        if (bytes > limits.packetBytesMax) throw tooLarge(bytes, limits.packetBytesMax)
        await publishNow(topic, pieces, qos, retain)
      } catch (error) {
        counts.refused++
        throw error
      }
    },
    async subscribe(filter, handler) {
      const subscription = dispatcher.add(filter, handler)
      const unsubscribe = async () => {
        const last = dispatcher.remove(subscription)
        if (last && accepted) await accepted.unsubscribe(asked(filter)).catch(() => undefined)
      }
      try {
        if (accepted) await accepted.subscribe(asked(filter))
      } catch (error) {
        // A connection that died meanwhile makes the subscription when it is back.
        if (!(error instanceof AppError)) return unsubscribe
        dispatcher.remove(subscription)
        throw error
      }
      return unsubscribe
    },
    onState(listener) {
      listeners.add(listener)
      notify(listener, ready)
      return () => void listeners.delete(listener)
    },
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}
