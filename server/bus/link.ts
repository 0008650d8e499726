// One connection to a broker, from CONNECT to its end, over mqtt.js; it never reconnects by itself:
// client.ts opens the next one. So no state of a dead connection can leak into a living one.

import { Socket } from 'node:net'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { AppError, messageOf } from '../model/errors.ts'
import type { BusMessage } from './contract.ts'
import { createFrameGuard } from './frames.ts'
import type { Pieces } from './payload.ts'
import { createPublished } from './published.ts'

/** Seconds between pings; a broker silent for one and a half of them is taken for dead. */
const KEEPALIVE_S = 20
/** QoS 1 messages that an MQTT 5 broker may have unacknowledged towards us. */
const receiveMax = 1024

export interface LinkOptions {
  url: string
  username?: string | undefined
  password?: string | undefined
  clientId: string
  will?: { topic: string; payload: string | Uint8Array; retain?: boolean; qos?: 0 | 1 } | undefined
  tls?: BusTls | undefined
  version: 4 | 5
  /** Largest packet that is accepted from the broker, bytes. */
  packetBytesMax: number
  /** Time for TCP, TLS and CONNACK together, ms. */
  connectMs: number
}

/** Certificates of `mqtts:` and `wss:` connections, as PEM text. */
export interface BusTls {
  ca?: string
  cert?: string
  key?: string
  /** False accepts any certificate: for tests alone. */
  rejectUnauthorized?: boolean
}

export interface LinkEvents {
  /** The broker accepted us. */
  onReady: (link: Link, limits: BrokerLimits) => void
  /** A promise pauses reading until it resolves. */
  onMessage: (message: BusMessage) => Promise<void> | null
  /** Exactly once, at the end. */
  onGone: (end: LinkEnd) => void
}

/** What the broker said that it takes (MQTT 5, 3.2.2.3); Infinity where it said nothing. */
export interface BrokerLimits {
  packetBytesMax: number
  inflightMax: number
  /** Does it speak MQTT 5 and know shared subscriptions (3.2.2.3.13)? */
  shares: boolean
}

export interface LinkEnd {
  /** Why, for people; null where the connection just ended. */
  error: string | null
  /** CONNACK return code or MQTT 5 reason code, where the broker refused us. */
  code: number | null
  /** Did any answer of the broker arrive? */
  answered: boolean
}

export interface Link {
  /** The pieces of the payload are copied before it returns (QoS 1) or resolves (QoS 0). */
  publish(topic: string, payload: Pieces, qos: 0 | 1, retain: boolean): Promise<void>
  /** Resolves when granted. @throws AppError E_BUS_REFUSED when the broker refuses the filter */
  subscribe(filter: string): Promise<void>
  unsubscribe(filter: string): Promise<void>
  /** Says good-bye to the broker (no will), and cuts after `ms` where it does not take that. */
  end(ms: number): Promise<void>
  /** Cuts at once. */
  destroy(): void
}

function clientOptions(options: LinkOptions): IClientOptions {
  const { username, password, will, tls, version } = options
  return {
    clientId: options.clientId,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    protocolVersion: version,
    clean: true,
    keepalive: KEEPALIVE_S,
    connectTimeout: options.connectMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    ...(will
      ? {
          will: {
            topic: will.topic,
            payload: Buffer.from(will.payload),
            qos: will.qos ?? 1,
            retain: will.retain ?? false,
          },
        }
      : {}),
    ...(tls ?? {}),
    ...(version === 5
      ? { properties: { receiveMaximum: receiveMax, maximumPacketSize: options.packetBytesMax } }
      : {}),
  }
}

/** Opens a connection. @throws where the URL or a certificate cannot be used at all */
export function openLink(options: LinkOptions, events: LinkEvents): Link {
  const client = mqtt.connect(options.url, clientOptions(options))
  const end: LinkEnd = { error: null, code: null, answered: false }
  let gone = false
  let oversize = false
  const published = createPublished(client, options.version)

  client.on('error', error => {
    end.error ??= messageOf(error) || 'the connection failed'
    if (!client.connected && 'code' in error && typeof error.code === 'number') {
      end.code ??= error.code
    }
  })
  client.on('packetreceive', packet => {
    end.answered = true
    if (packet.cmd === 'puback') published.acknowledged(packet)
    if (packet.cmd === 'disconnect') end.error ??= `the broker ended it (${packet.reasonCode ?? 0})`
  })
  client.on('connect', packet => {
    events.onReady(link, {
      packetBytesMax: packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
      inflightMax: packet.properties?.receiveMaximum ?? Number.POSITIVE_INFINITY,
      shares: options.version === 5 && packet.properties?.sharedSubscriptionAvailable !== false,
    })
  })
  client.on('close', () => {
    if (gone) return
    gone = true
    published.lost()
    events.onGone(end)
  })
  client.handleMessage = (packet, done) => {
    const { topic, payload, retain } = packet
    if (oversize) return done()
    const wait = events.onMessage({ topic, payload: Buffer.from(payload), retained: retain })
    if (wait) wait.then(() => done())
    else done()
  }
  // Many small packets with answers: Nagle's algorithm would add 40 ms to each round.
  if (client.stream instanceof Socket) client.stream.setNoDelay(true)
  gatherWrites(client)
  guardReading(client, options.packetBytesMax, () => {
    oversize = true
    end.error ??= `the broker sent a packet above ${options.packetBytesMax} bytes`
  })

  const link: Link = {
    publish(topic, payload, qos, retain) {
      if (gone) return Promise.reject(new Error('connection closed'))
      return qos === 1
        ? published.send(topic, payload, retain)
        : client.publishAsync(topic, Buffer.concat(payload), { qos, retain }).then(() => {})
    },
    subscribe: filter =>
      new Promise((resolve, reject) => {
        client.subscribe(filter, { qos: 1 }, error => {
          if (!error) resolve()
          else if (gone) reject(new Error('connection closed'))
          else reject(refusedFilter(filter, error))
        })
      }),
    unsubscribe: filter =>
      new Promise((resolve, reject) => {
        client.unsubscribe(filter, error => (error ? reject(error) : resolve()))
      }),
    end(ms) {
      published.flush()
      return endClient(client, ms)
    },
    destroy: () => void client.stream.destroy(),
  }
  return link
}

function refusedFilter(filter: string, cause: Error): AppError {
  return new AppError('E_BUS_REFUSED', `the broker refused the subscription to ${filter}`, {
    hint: "check what the broker's access list lets this user read",
    cause,
  })
}

/**
 * What one turn of the event loop sends goes out by one system call: mqtt.js writes each PUBLISH and
 * each PUBACK on its own, which costs more than all that we do with the message.
 */
function gatherWrites(client: MqttClient): void {
  const { stream } = client
  let isGathering = false
  const flush = () => {
    isGathering = false
    stream.uncork()
  }
  client.on('packetsend', () => {
    if (isGathering) return
    isGathering = true
    stream.cork()
    setImmediate(flush)
  })
}

/** Cuts the connection where the broker announces a packet that we would have to buffer whole. */
function guardReading(client: MqttClient, bytesMax: number, onBroken: () => void): void {
  const guard = createFrameGuard(bytesMax)
  // Before mqtt.js sees the chunk: a packet that came whole in it must not be delivered.
  client.stream.prependListener('data', (chunk: Uint8Array) => {
    if (guard.push(chunk)) return
    onBroken()
    client.stream.destroy()
  })
}

/** DISCONNECT first, so that the broker forgets the will; never waits longer than `ms`. */
function endClient(client: MqttClient, ms: number): Promise<void> {
  return new Promise(resolve => {
    const cut = setTimeout(() => client.stream.destroy(), ms)
    const done = () => {
      clearTimeout(cut)
      resolve()
    }
    if (client.stream.destroyed) return done()
    client.stream.once('close', done)
    // A graceful end waits for outstanding acknowledgements; whoever waits for them gave up.
    for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id))
    client.end(!client.connected)
  })
}
