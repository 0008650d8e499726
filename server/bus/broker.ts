// The embedded MQTT broker (3.1.1, over aedes): nobody anonymous, every topic authorised, everything
// bounded. It keeps retained messages in memory and no sessions: what must not be lost is spooled
// by its sender (DESIGN, rule 3). Past 300 lines: every handler of aedes that lets in, bounds or refuses
// somebody stands here, so that all of them are seen at once.

import type { EventEmitter } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes, type Client } from 'aedes'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { SetAside } from '../model/setaside.ts'
import { createDoor } from './door.ts'
import { createFrameGuard, type FrameGuard } from './frames.ts'
import { guardReads, type Intake } from './intake.ts'
import type { Principal } from './principals.ts'
import { createRetainedBound } from './retained.ts'
import { createSignInThrottle } from './throttle.ts'

/** Connections at a time. */
const clientsMax = 2000
/** Of one address: agents behind one router or container gateway share theirs. */
const addressMax = 1000
/** Connections that have not signed in; of one address. */
const waitingMax = 200
const addressWaitingMax = 100
/** Packet of somebody who has not signed in yet, bytes: a CONNECT with a will. */
const connectBytesMax = 16 * 1024
/** Packet of a principal that has no limit of its own, bytes. */
const packetBytesMax = 256 * 1024
/** Time until CONNECT must have come, ms. */
const connectMsMax = 10_000
/** A subscriber that takes nothing for so long is cut: it would hold up the others, ms. */
const drainMsMax = 5_000
/** Packets that a client may send before it is signed in. */
const earlyPacketsMax = 100
const topicLevelsMax = 20
/** Messages that may be on their way to subscribers at a time. */
const deliveriesMax = 1000
/** Publishes to forbidden topics after which the connection is cut. */
const deniedMax = 1000
/** Where a forbidden publish goes instead: nobody can subscribe to it. */
const DENIED_TOPIC = '$SYS/denied'
/** CONNACK return code "bad user name or password" (MQTT 3.1.1, 3.2.2.3). */
const BAD_CREDENTIALS = 4

export interface BrokerOptions {
  host: string
  /** 0 takes any free port. */
  port: number
  authenticate: (username: string, password: string) => Principal | null | Promise<Principal | null>
  authorize: (principal: Principal, action: 'publish' | 'subscribe', topic: string) => boolean
  log: Logger
  /** Hears of what is refused, for people to look at. */
  setAside?: SetAside
  tls?: { cert: string; key: string }
  clientsMax?: number
  addressMax?: number
  packetBytesMax?: number
}

export interface BrokerStats {
  /** Refused sign-ins, publishes and subscriptions. */
  denied: number
  /** Connections cut for a packet that was too large. */
  oversize: number
  /** Connections above the limits, in all, of an address, or not signed in. */
  rejected: number
  /** Times that a client sent faster than it may, and was read more slowly. */
  held: number
  /** Retained messages that were delivered but not kept. */
  notRetained: number
}

export interface Broker {
  readonly port: number
  /** `host:port`. */
  readonly address: string
  readonly connectedClients: number
  readonly stats: Readonly<BrokerStats>
  /** Cuts every connection of this user; gives their number. */
  disconnect(username: string): number
  /** Drops what this user had retained: it was removed. */
  forget(username: string): Promise<void>
  close(): Promise<void>
}

/** What the broker remembers of a connection. */
interface Session {
  socket: Socket
  address: string
  guard: FrameGuard
  intake: Intake
  principal: Principal | null
  denied: number
}

/**
 * Listens and serves. @throws AppError E_PORT_IN_USE, E_BROKER_LISTEN
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { log, setAside } = options
  const stats: BrokerStats = { denied: 0, oversize: 0, rejected: 0, held: 0, notRetained: 0 }
  const sessions = new WeakMap<Client, Session>()
  const sockets = new Map<Socket, Client | null>()
  const opened = new WeakMap<object, Omit<Session, 'principal' | 'denied'>>()
  const throttle = createSignInThrottle()
  const retained = createRetainedBound(() => stats.notRetained++)
  const door = createDoor(
    { addressMax: options.addressMax ?? addressMax, waitingMax, addressWaitingMax },
    () => stats.rejected++,
  )
  let closing: Promise<void> | null = null

  const broker = await Aedes.createBroker({
    concurrency: deliveriesMax,
    connectTimeout: connectMsMax,
    drainTimeout: drainMsMax,
    queueLimit: earlyPacketsMax,
    maxTopicLevels: topicLevelsMax,
    maxClientsIdLength: 512,
    preConnect(client, packet, done) {
      const connection = opened.get(client.conn)
      if (!connection) return done(new Error('unknown connection'), false)
      sessions.set(client, { ...connection, principal: null, denied: 0 })
      // Client ids are each user's own, so that nobody can take over somebody else's connection.
      packet.clientId = `${packet.username ?? ''}:${packet.clientId || Math.random()}`
      // No sessions: their queues would have no bound.
      packet.clean = true
      done(null, true)
    },
    authenticate(client, username, password, done) {
      signIn(client, username, password).then(
        ok => (ok ? done(null, true) : done(badCredentials(), false)),
        error => {
          log.error({ err: messageOf(error) }, 'a sign-in at the MQTT broker could not be checked')
          done(badCredentials(), false)
        },
      )
    },
    authorizePublish(client, packet, done) {
      const session = client && sessions.get(client)
      if (!session?.principal) return done(new Error('not signed in'))
      const allowed =
        !packet.topic.startsWith('$') &&
        options.authorize(session.principal, 'publish', packet.topic)
      if (!allowed) {
        deny(session, 'publish', packet.topic, packet.payload)
        if (++session.denied > deniedMax) return done(new Error('too many forbidden publishes'))
        // As Mosquitto does: acknowledged and gone. A cut would only make the client send it again.
        packet.topic = DENIED_TOPIC
        packet.payload = Buffer.alloc(0)
        packet.retain = false
        return done()
      }
      if (packet.retain && !retained.mayKeep(session.principal, packet)) packet.retain = false
      done()
    },
    authorizeSubscribe(client, subscription, done) {
      const session = sessions.get(client)
      const { topic } = subscription
      const allowed =
        session?.principal &&
        (topic.startsWith('$')
          ? session.principal.admin === true
          : options.authorize(session.principal, 'subscribe', topic))
      if (session && !allowed) deny(session, 'subscribe', topic)
      done(null, allowed ? subscription : null)
    },
  })

  async function signIn(client: Client, username: string | undefined, password?: Buffer) {
    const session = sessions.get(client)
    if (!session) return false
    if (!username || !password) return refuseSignIn(session, '', 'without user and password')
    const asked = options.authenticate(username, password.toString('utf8'))
    // Not awaited where it is known at once: a revocation in between must find this connection.
    session.principal = asked instanceof Promise ? await asked : asked
    const { principal } = session
    if (!principal) return refuseSignIn(session, username, 'unknown user or wrong password')
    door.signedIn(session.socket)
    session.guard.bytesMax = principal.packetBytesMax ?? options.packetBytesMax ?? packetBytesMax
    const { messagesPerSecondMax, bytesPerSecondMax } = principal
    if (messagesPerSecondMax && bytesPerSecondMax) {
      session.intake.limit({ messagesPerSecondMax, bytesPerSecondMax })
    }
    return true
  }

  /** Slowly, so that trying passwords costs the one who tries. */
  async function refuseSignIn({ address }: Session, username: string, why: string) {
    stats.denied++
    const sender = username.slice(0, 128)
    setAside?.note('sign-in', { sender, detail: `${why}, from ${address}` })
    const isFirst = await throttle.wait(address)
    log[isFirst ? 'warn' : 'debug']({ username: sender, address }, `an MQTT client came ${why}`)
    return false
  }

  function deny(session: Session, action: string, topic: string, payload?: string | Buffer): void {
    stats.denied++
    setAside?.note('not-allowed', {
      topic,
      sender: session.principal?.username ?? null,
      ...(payload && { payload: Buffer.from(payload) }),
      detail: `may not ${action} there`,
    })
    // One line for the first of a connection: a flood must not flood the log too.
    const level = session.denied === 0 ? 'warn' : 'debug'
    log[level](
      { username: session.principal?.username, topic: topic.slice(0, 256) },
      `an MQTT client may not ${action} there`,
    )
  }

  function accept(socket: Socket): void {
    if (closing || socket.destroyed) return void socket.destroy()
    sockets.set(socket, null)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    const guard = createFrameGuard(connectBytesMax)
    const address = socket.remoteAddress ?? ''
    const intake = guardReads(socket, guard, {
      onBroken: () => tooLarge(socket, guard.bytesMax, address),
      onHeld: () => stats.held++,
    })
    opened.set(socket, { socket, address, guard, intake })
    sockets.set(socket, broker.handle(socket))
  }

  function tooLarge(socket: Socket, bytesMax: number, address: string): void {
    stats.oversize++
    const client = sockets.get(socket)
    const username = (client && sessions.get(client)?.principal?.username) ?? null
    const detail = `a packet above ${bytesMax} bytes, from ${address}`
    setAside?.note('packet', { sender: username, detail })
    log.warn({ username, address, bytesMax }, 'an MQTT client was cut: its packet is too large')
  }

  const events: EventEmitter = broker
  events.on('error', (error: Error) => log.error({ err: messageOf(error) }, 'MQTT broker'))
  broker.on('clientError', (client, error) => {
    log.debug({ client: client.id, err: messageOf(error) }, 'an MQTT client was cut')
  })
  broker.on('connectionError', (_client, error) => {
    log.debug({ err: messageOf(error) }, 'an MQTT connection was cut')
  })
  const server = options.tls
    ? createTlsServer({ ...options.tls, minVersion: 'TLSv1.2', handshakeTimeout: connectMsMax })
    : createServer({ noDelay: true })
  // Before TLS, too: a handshake that never ends holds a place.
  server.on('connection', door.enter)
  server.on(options.tls ? 'secureConnection' : 'connection', accept)
  server.maxConnections = options.clientsMax ?? clientsMax
  server.on('drop', () => stats.rejected++)
  server.on('tlsClientError', error => log.debug({ err: messageOf(error) }, 'a TLS client failed'))
  try {
    await listen(server, options)
  } catch (error) {
    await new Promise<void>(resolve => broker.close(resolve))
    throw error
  }
  const port = portOf(server, options.port)

  async function shutDown(): Promise<void> {
    const ended = new Promise(resolve => server.close(resolve))
    for (const socket of sockets.keys()) socket.destroy()
    await ended
    await new Promise<void>(resolve => broker.close(resolve))
  }

  return {
    port,
    address: `${options.host}:${port}`,
    stats,
    get connectedClients() {
      return broker.connectedClients
    },
    disconnect(username) {
      let cut = 0
      for (const [socket, client] of sockets) {
        if (!client || sessions.get(client)?.principal?.username !== username) continue
        socket.destroy()
        cut++
      }
      return cut
    },
    async forget(username) {
      // An empty one deletes. Past the subscribers: to them the message is no news.
      const empty = { payload: Buffer.alloc(0) }
      for (const topic of retained.forget(username)) {
        if (keepsRetained(broker)) await broker.persistence.storeRetained({ topic, ...empty })
      }
    },
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

/** Aedes' types leave its persistence out. */
function keepsRetained(broker: object): broker is {
  persistence: { storeRetained(packet: { topic: string; payload: Buffer }): Promise<void> }
} {
  return 'persistence' in broker
}

function badCredentials() {
  return Object.assign(new Error('bad user name or password'), { returnCode: BAD_CREDENTIALS })
}

function listen(server: Server, { host, port }: BrokerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', cause => {
      const inUse = 'code' in cause && cause.code === 'EADDRINUSE'
      reject(
        inUse
          ? new AppError('E_PORT_IN_USE', `${host}:${port} is already in use`, {
              cause,
              hint: 'set POLLUX_MQTT_LISTEN to another host:port, or POLLUX_MQTT_URL to the broker that runs there',
            })
          : new AppError(
              'E_BROKER_LISTEN',
              `the MQTT broker cannot listen on ${host}:${port}: ${cause.message}`,
              { cause, hint: 'set POLLUX_MQTT_LISTEN to an address of this machine' },
            ),
      )
    })
    server.listen(port, host, () => resolve())
  })
}

function portOf(server: Server, asked: number): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : asked
}
