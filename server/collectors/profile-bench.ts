// The workbench of whoever writes a profile: jobs to the thread of profile-bench-worker.ts, which is
// started when there is something to do and ends when there was nothing for a while, or when a job does
// not end.

import { Worker } from 'node:worker_threads'
import { AppError } from '../model/errors.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { Draft, DraftDevice, DraftReport } from '../profiles/draft.ts'
import type { Target } from './collector.ts'
import type { BenchJob, BenchReply, BenchRequest, DraftTry } from './profile-bench-worker.ts'

export type { DraftTry } from './profile-bench-worker.ts'

/** Without work the thread and its memory are given back after this, ms. */
const idleMs = 60_000
/** A job takes a second; one that does not end is ended with its thread, ms. */
const jobMsMax = 60_000
/** Jobs that wait. */
const waitingMax = 8
const heapMbMax = 512

interface Waiting {
  resolve(reply: BenchReply): void
  reject(error: AppError): void
}

export class ProfileBench {
  readonly #catalogue: () => Catalogue
  readonly #networks: readonly string[]
  readonly #jobMsMax: number
  #worker: Worker | null = null
  #version = ''
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: {
    catalogue: () => Catalogue
    /** CIDRs that may be asked beside the private networks. */
    networks: readonly string[]
    jobMsMax?: number
  }) {
    this.#catalogue = options.catalogue
    this.#networks = options.networks
    this.#jobMsMax = options.jobMsMax ?? jobMsMax
  }

  /** @throws AppError E_PROFILE_BENCH (it took too long), E_BUSY (passing) */
  async check(draft: Draft, devices: DraftDevice[]): Promise<DraftReport> {
    const { report } = await this.#ask({ do: 'check', draft, devices })
    if (!report) throw lost('an answer of another kind')
    return report
  }

  /** @throws AppError as `check`; E_RECORDING, E_PROFILE (it has errors) */
  tryRecording(draft: Draft, bytes: Uint8Array): Promise<DraftTry> {
    return this.#try({ do: 'recording', draft, bytes })
  }

  /** @throws AppError as `check`; E_PROFILE, and those of a device that does not answer */
  tryDevice(draft: Draft, target: Target): Promise<DraftTry> {
    return this.#try({ do: 'device', draft, target, networks: this.#networks })
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const worker = this.#worker
    if (worker) this.#lost(worker, 'it was closed')
    await worker?.terminate()
  }

  async #try(job: BenchJob): Promise<DraftTry> {
    const { tried } = await this.#ask(job)
    if (!tried) throw lost('an answer of another kind')
    return tried
  }

  async #ask(job: BenchJob): Promise<BenchReply> {
    if (this.#waiting.size >= waitingMax) {
      throw new AppError('E_BUSY', 'too many profiles are being checked at once', {
        passing: true,
        hint: 'try again in a moment',
      })
    }
    const reply = await new Promise<BenchReply>((resolve, reject) => {
      this.#worker ??= this.#start()
      const { version, sources } = this.#catalogue()
      const isKnown = version === this.#version
      this.#version = version
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      const request: BenchRequest = { id, version, sources: isKnown ? null : sources, job }
      this.#worker.postMessage(request)
      if (this.#waiting.size === 1) this.#watch()
    })
    if (!reply.failure) return reply
    const { code, message, hint } = reply.failure
    throw new AppError(code, message, { hint })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./profile-bench-worker.ts', import.meta.url), {
      execArgv: [],
      name: 'profile-bench',
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: 16 },
    })
    this.#version = ''
    worker.on('message', (reply: BenchReply) => {
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
    this.#timer = setTimeout(() => void this.#end(isIdle), isIdle ? idleMs : this.#jobMsMax).unref()
    // It must not keep the process; a job that is awaited must be answered.
    if (isIdle) this.#worker?.unref()
    else this.#worker?.ref()
  }

  async #end(isIdle: boolean): Promise<void> {
    const worker = this.#worker
    if (worker && !isIdle) this.#lost(worker, 'it took too long')
    else this.#worker = null
    await worker?.terminate()
  }

  #lost(worker: Worker, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    for (const { reject } of this.#waiting.values()) reject(lost(why))
    this.#waiting.clear()
  }
}

function lost(why: string): AppError {
  return new AppError('E_PROFILE_BENCH', `the profile could not be looked at: ${why}`, {
    hint: 'look for what makes it large or slow, and try again',
  })
}
