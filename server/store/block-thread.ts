// Blocks made beside the event loop: jobs to the thread of block-worker.ts, which is started when there
// is something to do and ends when there was nothing for a while.

import { Worker } from 'node:worker_threads'
import { AppError } from '../model/errors.ts'
import type { BlockReply, BlockRequest } from './block-worker.ts'
import type { Condensed, CondenseJob, Rolled, RollJob } from './condense.ts'
import { packPolls } from './packed-polls.ts'

/** Without work the thread and its memory are given back after this, ms. */
const idleMs = 30_000
/** A job takes some 10 ms; a thread that does not answer for so long is ended, ms. */
const answerMsMax = 60_000

interface Waiting {
  resolve(reply: BlockReply): void
  reject(error: AppError): void
}

export class BlockThread {
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #timer: NodeJS.Timeout | undefined

  /** @throws AppError E_STORE_UNAVAILABLE (passing) where the thread ended; E_BLOCK where it failed */
  async condense(job: CondenseJob): Promise<Condensed> {
    const packed = { ...job, polls: packPolls(job.polls) }
    const reply = await this.#ask({ id: ++this.#lastId, kind: 'condense', job: packed })
    if (reply.kind !== 'condense') throw failure(reply)
    return reply.done
  }

  /** @throws as `condense` */
  async roll(job: RollJob): Promise<Rolled> {
    const reply = await this.#ask({ id: ++this.#lastId, kind: 'roll', job })
    if (reply.kind !== 'roll') throw failure(reply)
    return reply.done
  }

  /** Ends the thread; the next job starts another. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const worker = this.#worker
    if (worker) this.#lost(worker, 'the store was closed')
    await worker?.terminate()
  }

  #ask(request: BlockRequest): Promise<BlockReply> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start()
      this.#waiting.set(request.id, { resolve, reject })
      this.#endAfter(answerMsMax)
      this.#worker.postMessage(request)
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./block-worker.ts', import.meta.url), { execArgv: [] })
    worker.on('message', (reply: BlockReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      if (this.#waiting.size === 0) this.#endAfter(idleMs)
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
    for (const { reject } of this.#waiting.values()) {
      const message = `the thread that makes blocks is gone: ${why}`
      reject(
        new AppError('E_STORE_UNAVAILABLE', message, {
          passing: true,
          hint: 'Pollux starts another one by itself',
        }),
      )
    }
    this.#waiting.clear()
  }
}

function failure(reply: BlockReply): AppError {
  const why = reply.kind === 'failed' ? reply.error : 'an answer of another kind'
  return new AppError('E_BLOCK', `a block could not be made: ${why}`, {
    hint: 'report it with the log around it; the samples stay where they are',
  })
}
