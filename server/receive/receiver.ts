// The receivers as the rest of the program sees them: a thread that listens, started anew where it
// dies, and what it told.

import { Worker } from 'node:worker_threads'
import type { ListenAddress } from '../config.ts'
import type { Logger } from '../log.ts'
import type { CompiledNotification } from '../profiles/notification.ts'
import type { KeptClock } from './engine-clocks.ts'
import type {
  AsideCount,
  FromReceiver,
  Protocol,
  ReceiverInit,
  ReceiverStats,
  Sender,
  Told,
  ToReceiver,
} from './protocol.ts'

const heapMbMax = 256
/** From the death of a thread to the start of the next, doubling, ms. */
const restartMsMin = 1000
const restartMsMax = 5 * 60_000
/** A thread has so long to tell what it holds, ms. */
const closeMsMax = 3000

export interface Listening {
  address: ListenAddress | null
  problem: string | null
}

export interface Receiver {
  senders(senders: readonly Sender[]): void
  notifications(notifications: readonly CompiledNotification[]): void
  /** Null: it is off, or has not said yet. */
  listening(protocol: Protocol): Listening | null
  /** Of the thread that runs now. */
  stats(): ReceiverStats
  close(): Promise<void>
}

export interface ReceiverOptions extends ReceiverInit {
  onTold(told: Told): void
  onAside(aside: AsideCount): void
  /** Of the devices' engines, to be kept for the next start. */
  onClocks(clocks: readonly KeptClock[]): void
  log: Logger
}

const NOTHING: ReceiverStats = {
  received: { trap: 0, syslog: 0 },
  ...{ discovery: 0, setAside: 0, offered: 0, told: 0, summed: 0, waiting: 0, sums: 0, cut: 0 },
  kernelDrops: null,
  connections: 0,
}

export function createReceiver(options: ReceiverOptions): Receiver {
  const { onTold, onAside, onClocks, log, places, relays, engine } = options
  const init: ReceiverInit = { places, relays, engine, clocks: options.clocks }
  let known: ToReceiver[] = []
  let stats = NOTHING
  let restartMs = restartMsMin
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const listening = new Map<Protocol, Listening>()

  const hear = (message: FromReceiver) => {
    if ('protocol' in message) {
      const { protocol, address, problem } = message
      const before = listening.get(protocol)
      listening.set(protocol, { address, problem })
      if (before?.problem === problem && before.address?.port === address?.port) return
      const level = address === null || problem !== null ? 'warn' : 'info'
      const where = address && `${address.host}:${address.port}`
      log[level]({ protocol, where, problem }, where ? 'listening' : 'not listening')
      return
    }
    if ('clocks' in message) {
      init.clocks = message.clocks
      return onClocks(message.clocks)
    }
    stats = message.stats
    for (const one of message.aside) onAside(one)
    for (const one of message.told) onTold(one)
  }

  const start = (): Worker => {
    const thread = new Worker(new URL('./worker.ts', import.meta.url), {
      execArgv: [],
      name: 'receivers',
      workerData: init,
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: 16 },
    })
    thread.on('message', hear)
    thread.on('error', error => log.error({ err: error }, 'the thread of the receivers failed'))
    thread.on('exit', code => {
      if (isClosed) return
      log.error({ code, restartMs }, 'the thread of the receivers ended; it is started anew')
      stats = NOTHING
      listening.clear()
      timer = setTimeout(() => {
        worker = start()
      }, restartMs).unref()
      restartMs = Math.min(restartMs * 2, restartMsMax)
    })
    for (const message of known) thread.postMessage(message)
    return thread
  }
  let worker = start()

  const say = (message: ToReceiver) => {
    known = [...known.filter(one => one.do !== message.do), message]
    worker.postMessage(message)
  }

  return {
    senders: senders => say({ do: 'senders', senders }),
    notifications: notifications => say({ do: 'notifications', notifications }),
    listening: protocol => listening.get(protocol) ?? null,
    stats: () => stats,
    async close() {
      isClosed = true
      clearTimeout(timer)
      if (worker.threadId === -1) return
      const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
      worker.postMessage({ do: 'stop' } satisfies ToReceiver)
      const late = setTimeout(() => void worker.terminate(), closeMsMax)
      await ended
      clearTimeout(late)
    },
  }
}
