// The thread's side of the protocol: holds the readers of its devices, reads when told to, answers
// with encoded bytes and beats once a second. When to read is decided by the main thread.

import { performance } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import { addressPolicy } from '../addresses.ts'
import type { Collected, Collector, Surroundings, Told } from '../collectors/collector.ts'
import { messageOf } from '../model/errors.ts'
import type { Catalogue, ProfileSource } from '../profiles/catalogue.ts'
import { noDrops } from '../snmp/drops.ts'
import { takeDrops } from '../snmp/open.ts'
import { encodeCollected } from './encode.ts'
import { createGatherer, intoOneBuffer } from './gather.ts'
import type {
  Assignment,
  CollectedMessage,
  EncodedBody,
  FromThread,
  ThreadInit,
  ToThread,
} from './protocol.ts'
import { createReading, type DeviceReading } from './reading.ts'

const heartbeatMs = 1000
/** What was read waits so long for more: a message costs the main thread more than what is in it. */
const gatherMs = 10
/** Log messages to the main thread between two heartbeats. */
const logsPerBeatMax = 20

export interface ThreadParts {
  port: MessagePort
  init: ThreadInit
  collectors: Readonly<Record<string, Collector>>
  buildCatalogue: (sources: readonly ProfileSource[]) => Catalogue
}

/** Serves until told to close. Call once in a thread. */
export function serveThread({ port, init, collectors, buildCatalogue }: ThreadParts): void {
  const addresses = addressPolicy(init.networks)
  let surroundings: Surroundings = { catalogue: buildCatalogue(init.sources), addresses }
  const readings = new Map<string, DeviceReading>()
  const underWay = new Set<Promise<void>>()
  let abandoned = 0
  let logsLeft = logsPerBeatMax
  let logsDropped = 0

  const outbox = createGatherer<FromThread>(
    messages => {
      const buffer = intoOneBuffer(messages)
      port.postMessage(messages, buffer ? [buffer] : [])
    },
    flush => setTimeout(flush, gatherMs),
  )
  const post = (message: FromThread) => outbox.say(message)

  const logError = (message: string, device: string | null, error: string) => {
    if (logsLeft === 0) {
      logsDropped++
      return
    }
    logsLeft--
    post({ is: 'log', level: 'error', message, device, error, dropped: logsDropped })
    logsDropped = 0
  }

  const tell = (id: string, epoch: number, told: Told) => {
    try {
      const bodies = encodeCollected(told)
      const bytes = bodies.reduce((sum, { body }) => sum + body.length, 0)
      outbox.say({ is: 'told', id, epoch, bodies, readSoon: told.readSoon === true }, bytes)
    } catch (error) {
      logError('what a collector told could not be encoded', id, messageOf(error))
    }
  }

  const assign = ({ target, epoch }: Assignment) => {
    const { id, kind } = target.config
    void readings.get(id)?.close()
    const reading = createReading(target, epoch, collectors[kind], surroundings, told =>
      tell(id, epoch, told),
    )
    readings.set(id, reading)
    try {
      reading.open()
      post({ is: 'loaded', id, epoch, error: null })
    } catch (error) {
      post({ is: 'loaded', id, epoch, error: messageOf(error) })
    }
  }

  const drop = (id: string, epoch: number) => {
    const reading = readings.get(id)
    if (reading?.epoch !== epoch) return
    readings.delete(id)
    void reading.close()
  }

  const poll = async ({ id, epoch, at, deadlineMs, probe }: Extract<ToThread, { do: 'poll' }>) => {
    const reading = readings.get(id)
    if (reading?.epoch !== epoch || reading.reading) return
    const startedAt = performance.now()
    const result = await reading.read(at, deadlineMs, { probe })
    if (result.abandoned) abandoned++
    if (result.thrown !== null) logError('a collector failed', id, result.thrown)
    const tookMs = performance.now() - startedAt
    const message = collectedMessage(id, epoch, result.collected, tookMs)
    outbox.say(
      message,
      message.bodies.reduce((sum, { body }) => sum + body.length, 0),
    )
  }

  const track = (work: Promise<void>) => {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  const setCatalogue = (sources: readonly ProfileSource[]) => {
    surroundings = { catalogue: buildCatalogue(sources), addresses }
    for (const reading of readings.values()) reading.setSurroundings(surroundings)
  }

  const close = async (drainMs: number) => {
    let limit: NodeJS.Timeout | undefined
    const enough = new Promise(resolve => {
      limit = setTimeout(resolve, drainMs)
    })
    await Promise.race([Promise.allSettled([...underWay]), enough])
    clearTimeout(limit)
    await Promise.allSettled([...readings.values()].map(reading => reading.close()))
    await Promise.allSettled([...underWay])
    clearInterval(beat)
    post({ is: 'closed' })
    outbox.flush()
    port.close()
  }

  const handle = (message: ToThread) => {
    switch (message.do) {
      case 'assign':
        for (const assignment of message.devices) assign(assignment)
        return
      case 'drop':
        for (const { id, epoch } of message.devices) drop(id, epoch)
        return
      case 'catalogue':
        return setCatalogue(message.sources)
      case 'poll':
        return track(poll(message))
      case 'close':
        return void close(message.drainMs)
    }
  }

  let last = performance.eventLoopUtilization()
  const beat = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization, active } = performance.eventLoopUtilization(now, last)
    last = now
    logsLeft = logsPerBeatMax
    const snmpDrops = takeDrops()
    post({ is: 'heartbeat', utilisation: utilization, activeMs: active, abandoned, snmpDrops })
  }, heartbeatMs)
  port.on('message', (messages: ToThread[]) => messages.forEach(handle))
  post({ is: 'heartbeat', utilisation: 0, activeMs: 0, abandoned: 0, snmpDrops: noDrops() })
}

/** A read's result as a message; one whose encoding fails is a bug of the collector, told as such. */
function collectedMessage(
  id: string,
  epoch: number,
  collected: Collected,
  tookMs: number,
): CollectedMessage {
  const { collections, identity, tuning = null } = collected
  const groups = collections.map(({ group }) => group)
  // What was left out on purpose is no failure of the device.
  const failure = collections
    .map(({ body }) => body)
    .find(body => !body.ok && body.reason !== 'shed')
  const good = collections.some(({ body }) => body.ok)
  const silence = collected.silent ?? null
  const outcome = good ? 'good' : failure || silence ? 'failed' : 'nothing'
  const silent = silence !== null
  const cost = collected.cost ?? null
  const known = { id, epoch, identity, tuning, groups, tookMs, silent, cost }
  const head = { is: 'collected' as const, ...known }
  const told = silence ?? (failure && !failure.ok ? failure : null)
  try {
    const bodies: EncodedBody[] = encodeCollected(collected)
    return { ...head, outcome, reason: told?.reason ?? null, error: told?.error ?? null, bodies }
  } catch (error) {
    const text = `what was read could not be encoded: ${messageOf(error)}`
    const body = {
      at: Date.now(),
      took: Math.round(tookMs),
      ok: false,
      reason: 'decode' as const,
      error: text,
    } as const
    const bodies = encodeCollected({
      collections: groups.map(group => ({ group, body })),
    })
    return { ...head, outcome: 'failed', reason: 'decode', error: text, bodies }
  }
}
