// An enrolled agent at work: its connection to the broker, its spool, its clock, and the measuring.
// A broker that is away costs nothing but disk; one that refuses this agent is told from it.

import path from 'node:path'
import type { Logger } from 'pino'
import { connectBus } from '../server/bus/client.ts'
import { createSender, type SpoolingSender } from '../server/bus/sender.ts'
import {
  ackTopic,
  agentSettingsTopic,
  eventTopic,
  rowsTopic,
  sampleTopic,
} from '../server/bus/topics.ts'
import type { EnrolAnswer } from '../server/model/agent.ts'
import { Ack } from '../server/model/collection.ts'
import { AppError, messageOf } from '../server/model/errors.ts'
import { checker, parseJson } from '../server/validate.ts'
import { type Agent, createAgent } from './agent.ts'
import type { OpenExtra } from './beside.ts'
import { createServerClock, type ServerClock, type ServerClockOptions } from './clock.ts'
import { readKnownTime, writeKnownTime } from './clock-file.ts'
import { rowsBody } from './messages.ts'
import { createSettings, keptPace } from './settings.ts'
import type { HostSource } from './source.ts'

/** The server's time is asked for this often while it is not known, ms. */
const askTimeEveryMs = 10_000
/** The server's time is kept for a restart this often, ms. */
const keepTimeEveryMs = 60_000
/** A broker that refuses name and password for so long will not change its mind, ms. */
const refusedMsMax = 10 * 60_000
const lookEveryMs = 1000
/** Bytes of spool on disk: days of an hour's outage each, at 10 s. */
const spoolBytesMax = 256 * 1024 * 1024
/** Of events: some ten thousand. */
const eventBytesMax = 16 * 1024 * 1024

const checkAck = checker(Ack, { firstOnly: true })

export interface RunOptions {
  identity: EnrolAnswer
  dir: string
  /** Until Pollux asks for another interval. */
  everyMs: number
  log: Logger
  source?: HostSource
  extra?: OpenExtra
  /** The host's clocks, for tests that set them. */
  clocks?: Pick<ServerClockOptions, 'wall' | 'steady'>
  refusedMs?: number
  backoff?: { msMin: number; msMax: number }
}

export interface RunningAgent {
  readonly agent: Agent
  readonly sender: SpoolingSender
  /** null: its account may send no events. */
  readonly events: SpoolingSender | null
  readonly clock: ServerClock
  readonly connected: boolean
  /** Rejects with AppError E_AGENT_REVOKED where the broker refuses this agent for good. */
  readonly ended: Promise<never>
  /** What is not acknowledged is sent by the next start. */
  close(): Promise<void>
}

/** @throws AppError E_SPOOL, E_BUS_URL */
export async function runAgent(options: RunOptions): Promise<RunningAgent> {
  const { identity, dir, log } = options
  const { site, device, src, mqtt, kinds = [] } = identity
  const kept = identity.settings ? await keptPace(dir, src) : null
  const bus = connectBus({
    ...mqtt,
    // Mosquitto takes no other from an agent's account: so nobody else takes its connection over.
    clientId: mqtt.username,
    log,
    ...(options.backoff ? { backoff: options.backoff } : {}),
  })
  // A folder for each device: after enrolling as another, the old one's messages would be refused.
  const open = (folder: string, bytesMax: number) =>
    createSender({
      ...{ bus, site, src, log },
      dir: path.join(dir, folder, device),
      spool: { bytesMax },
    }).catch(async error => {
      await bus.close()
      throw error
    })
  const sender = await open('spool', spoolBytesMax)
  // Places of its own: an edge that takes no events from us must hold up no sample.
  const events =
    kinds.length === 0
      ? null
      : await open('spool-events', eventBytesMax).catch(async error => {
          await sender.close()
          throw error
        })
  const clock = createServerClock({
    // A clock that a test sets knows nothing of another start.
    known: options.clocks ? null : await readKnownTime(dir),
    ...options.clocks,
    onKnown: () => {
      agent.release()
      keepTime()
    },
    onWrong: ahead => tellClock(ahead, log),
  })
  let keptTime = Promise.resolve()
  function keepTime(): void {
    const { known } = clock
    if (known === null) return
    keptTime = keptTime
      .then(() => writeKnownTime(dir, known))
      .catch(error => log.debug({ err: error }, "the server's time was not kept"))
  }
  const agent = createAgent({
    sender,
    ...(events && { eventSender: events }),
    topics: {
      sample: (id, group) => sampleTopic(site, id, group),
      rows: (id, group) => rowsTopic(site, id, group),
      events: (id, kind) => (kinds.includes(kind) ? eventTopic(site, id, kind) : null),
    },
    deviceId: device,
    everyMs: kept?.everyMs ?? options.everyMs,
    isPaused: kept?.enabled === false,
    log,
    clock,
    ...(options.source && { source: options.source }),
    ...(options.extra && { extra: options.extra }),
  })

  const stopAcks = await bus.subscribe(ackTopic(site, src), ({ payload }) => {
    const checked = checkAck(parseJson(payload))
    if (checked.ok && checked.value.boot === sender.boot) clock.acked(checked.value)
  })
  /** A broker that does not let us hear them (an edge of an earlier Pollux) ends nothing. */
  const hear = (topic: string, take: (payload: Buffer) => void) =>
    bus
      .subscribe(topic, ({ payload }) => take(payload))
      .catch(error => {
        log.warn({ err: messageOf(error) }, 'settings cannot be heard: see docs/agent.md')
        return async () => undefined
      })
  const settings = createSettings({ dir, src, follow: agent.follow, log })
  const stopSettings = identity.settings
    ? await hear(agentSettingsTopic(site, src), settings.take)
    : async () => undefined
  /** Any message is acknowledged with the server's time; this one has no rows and no time of ours. */
  const askTime = () => {
    if (!bus.connected || clock.at(clock.steady()) !== null) return
    const body = JSON.stringify(rowsBody('host', [], 0))
    clock.sent(sender.send(rowsTopic(site, device, 'host'), Buffer.from(body)))
  }
  const stopState = bus.onState(askTime)
  const asking = setInterval(askTime, askTimeEveryMs)
  const keeping = setInterval(keepTime, keepTimeEveryMs)

  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => undefined)
  const stopLooking = watchRefusal({
    isRefused: () => bus.isRefused && !bus.connected,
    msMax: options.refusedMs ?? refusedMsMax,
    log,
    onEnd: reject,
  })
  agent.start()

  const shutDown = async () => {
    stopLooking()
    clearInterval(asking)
    clearInterval(keeping)
    stopState()
    await stopSettings()
    await settings.close()
    await agent.close()
    await stopAcks()
    await events?.close()
    await sender.close()
    await bus.close()
    await keptTime
  }
  let closing: Promise<void> | null = null
  return {
    agent,
    sender,
    events,
    clock,
    ended,
    get connected() {
      return bus.connected
    },
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

interface Refusal {
  isRefused: () => boolean
  msMax: number
  log: Logger
  onEnd: (error: AppError) => void
}

const ENROL_AGAIN =
  'an administrator revoked it, or its password is wrong: enrol it again with a new --token'

/** A broker may refuse for a moment, as its accounts come back; for minutes it means it. */
function watchRefusal({ isRefused, msMax, log, onEnd }: Refusal): () => void {
  let since: number | null = null
  const timer = setInterval(
    () => {
      if (!isRefused()) {
        since = null
        return
      }
      if (since === null) log.error(`the broker refuses this agent: ${ENROL_AGAIN}`)
      since ??= performance.now()
      if (performance.now() - since < msMax) return
      clearInterval(timer)
      onEnd(new AppError('E_AGENT_REVOKED', 'the broker refuses this agent', { hint: ENROL_AGAIN }))
    },
    Math.min(lookEveryMs, msMax),
  )
  return () => clearInterval(timer)
}

function tellClock(aheadSeconds: number | null, log: Logger): void {
  if (aheadSeconds === null) log.info("the clock of this host agrees with the server's again")
  else {
    const where = aheadSeconds > 0 ? 'ahead of' : 'behind'
    const text = `the clock of this host is ${Math.abs(aheadSeconds).toFixed(1)} s ${where} the server's`
    log.warn(`${text}: samples get the server's time`)
  }
}
