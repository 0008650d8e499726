// Rehearsals of rules beside the event loop: jobs to threads of rehearsal-worker.ts, which are started
// when somebody opens a rule and end when nobody did for a while. Bounded in jobs, time and memory.

import { Worker } from 'node:worker_threads'
import { AppError } from '../model/errors.ts'
import type {
  RehearsalInit,
  RehearsalJob,
  RehearsalReply,
  RehearsalRequest,
} from './rehearsal-worker.ts'
import { devicesMax, joined, type Rehearsal } from './rehearse.ts'

export type { RehearsalJob } from './rehearsal-worker.ts'

/** Without work the thread, its connections and its memory are given back after this, ms. */
const idleMs = 60_000
/** One rehearsal takes a second or two; a thread that does not answer for so long is ended, ms. */
const jobMsMax = 60_000
/** A form asks again while somebody types: so many forms at once are many people. */
const waitingMax = 8
/**
 * Some 200 are used. Below 2,000 V8 lets the heap of a thread grow so slowly that collecting it takes as long as
 * the rehearsal.
 */
const heapMbMax = 2048
/** They share the devices of a rehearsal; more would take the cores that pages and polling need. */
const threads = 2

interface Waiting {
  resolve(reply: RehearsalReply): void
  reject(error: AppError): void
}

export interface Rehearsals {
  /**
   * What a rule would have done over the last 30 days.
   * @throws AppError E_REHEARSAL (it took too long, or its thread ended), E_BUSY (passing), and those of
   *   the store
   */
  run(job: RehearsalJob): Promise<Rehearsal>
  /** Somebody will ask soon: the first answer then need not wait for the start of the threads. */
  warm(): void
  /** What waits is rejected. */
  close(): Promise<void>
}

export interface RehearsalOptions extends RehearsalInit {
  jobMsMax?: number
}

export function createRehearsals(options: RehearsalOptions): Rehearsals {
  const all = Array.from({ length: threads }, () => new RehearsalThread(options))
  let running = 0
  const run = async (job: RehearsalJob): Promise<Rehearsal> => {
    const looked = job.targets.slice(0, devicesMax)
    const parts = all.map((thread, mine) =>
      thread.run({ ...job, targets: looked.filter((_, index) => index % threads === mine) }),
    )
    const [first, ...rest] = await Promise.all(parts)
    if (!first) throw lost('there is no thread')
    const made = joined([first, ...rest])
    const devices = job.targets.length
    return { ...made, devices, isCut: made.isCut || devices > looked.length }
  }
  return {
    async run(job) {
      if (running >= waitingMax) throw busy()
      running++
      try {
        return await run(job)
      } finally {
        running--
      }
    },
    warm() {
      for (const thread of all) thread.warm()
    },
    async close() {
      await Promise.all(all.map(thread => thread.close()))
    },
  }
}

class RehearsalThread {
  readonly #init: RehearsalInit
  readonly #jobMsMax: number
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | null = null
  #lastId = 0
  #timer: NodeJS.Timeout | undefined

  constructor({ databaseUrl, logLevel, jobMsMax: own }: RehearsalOptions) {
    this.#init = { databaseUrl, logLevel }
    this.#jobMsMax = own ?? jobMsMax
  }

  async run(job: RehearsalJob): Promise<Rehearsal> {
    const reply = await this.#ask(job)
    if ('made' in reply) return reply.made
    const { code, message, hint, passing } = reply.failure
    throw new AppError(code, message, { hint, passing })
  }

  warm(): void {
    this.#worker ??= this.#start()
    if (this.#waiting.size === 0) this.#watch()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#end('it was closed')
  }

  #ask(job: RehearsalJob): Promise<RehearsalReply> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start()
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      const request: RehearsalRequest = { id, job }
      this.#worker.postMessage(request)
      if (this.#waiting.size === 1) this.#watch()
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./rehearsal-worker.ts', import.meta.url), {
      workerData: this.#init,
      execArgv: [],
      name: 'rehearsal',
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    })
    worker.on('message', (reply: RehearsalReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      this.#watch()
      waiting?.resolve(reply)
    })
    worker.on('error', error => this.#lost(worker, error.message))
    worker.on('exit', code => this.#lost(worker, `it ended (${code})`))
    return worker
  }

  /** The job that runs has its time from now on; without one, the thread. */
  #watch(): void {
    clearTimeout(this.#timer)
    const isIdle = this.#waiting.size === 0
    const ms = isIdle ? idleMs : this.#jobMsMax
    this.#timer = setTimeout(() => void this.#end('it took too long'), ms).unref()
    // It must not keep the process; a job that is awaited must be answered.
    if (isIdle) this.#worker?.unref()
    else this.#worker?.ref()
  }

  async #end(why: string): Promise<void> {
    const worker = this.#worker
    if (worker) this.#lost(worker, why)
    await worker?.terminate()
  }

  #lost(worker: Worker, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    for (const { reject } of this.#waiting.values()) reject(lost(why))
    this.#waiting.clear()
  }
}

const lost = (why: string): AppError =>
  new AppError('E_REHEARSAL', `the rule could not be rehearsed: ${why}`, {
    hint: 'name fewer devices, and try again',
  })

const busy = (): AppError =>
  new AppError('E_BUSY', 'too many rules are being rehearsed at once', {
    passing: true,
    hint: 'try again in a moment',
  })
