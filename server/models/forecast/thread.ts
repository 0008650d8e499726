// Forecasts made beside the event loop: jobs to the thread of worker.ts, which is started when there is
// something to do and ends when there was nothing for a while.

import { Worker } from 'node:worker_threads'
import { AppError } from '../../model/errors.ts'
import type { Assessment, ForecastLine, SeriesToAssess } from './assess.ts'
import type { ForecastReply, ForecastRequest } from './worker.ts'

/** Without work the thread and its memory are given back after this, ms. */
const idleMs = 30_000
/** A job takes a second or two; a thread that does not answer for so long is ended, ms. */
const answerMsMax = 120_000
/** Jobs that wait; more are refused. */
const waitingMax = 50

interface Waiting {
  resolve(reply: ForecastReply): void
  reject(error: AppError): void
}

export class ForecastThread {
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #timer: NodeJS.Timeout | undefined

  /** @throws AppError E_FORECAST */
  async assess(series: SeriesToAssess[]): Promise<Assessment[]> {
    const reply = await this.#ask({ id: ++this.#lastId, kind: 'assess', series })
    if (reply.kind !== 'assess') throw failure(reply)
    return reply.done
  }

  /** @throws AppError E_FORECAST */
  async line(values: Float64Array, hours: number): Promise<ForecastLine | null> {
    const reply = await this.#ask({ id: ++this.#lastId, kind: 'line', values, hours })
    if (reply.kind !== 'line') throw failure(reply)
    return reply.done
  }

  /** Ends the thread; the next job starts another. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const worker = this.#worker
    if (worker) this.#lost(worker, 'it was ended')
    await worker?.terminate()
  }

  #ask(request: ForecastRequest): Promise<ForecastReply> {
    if (this.#waiting.size >= waitingMax)
      return Promise.reject(failed('too many forecasts are asked for at once'))
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start()
      this.#waiting.set(request.id, { resolve, reject })
      this.#endAfter(answerMsMax)
      this.#worker.postMessage(request)
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { execArgv: [] })
    worker.on('message', (reply: ForecastReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      this.#endAfter(this.#waiting.size === 0 ? idleMs : answerMsMax)
      waiting?.resolve(reply)
    })
    worker.on('error', error => this.#lost(worker, error.message))
    worker.on('exit', code => this.#lost(worker, `it ended (${code})`))
    return worker
  }

  #endAfter(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.close(), ms).unref()
    // It must not keep the process; a job that is awaited must be answered.
    if (this.#waiting.size === 0) this.#worker?.unref()
    else this.#worker?.ref()
  }

  #lost(worker: Worker, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    for (const { reject } of this.#waiting.values())
      reject(failed(`the thread that forecasts is gone: ${why}`))
    this.#waiting.clear()
  }
}

const failed = (message: string) =>
  new AppError('E_FORECAST', message, {
    passing: true,
    hint: 'try again in a moment',
  })

const failure = (reply: ForecastReply): AppError =>
  failed(reply.kind === 'failed' ? reply.error : 'an answer of another kind')
