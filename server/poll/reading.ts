// In the poll thread: one device's reader, opened, read within a deadline and closed. Whatever a
// collector throws ends as a failed collection; only an error outside a read ends the thread.

import {
  type Collected,
  type Collector,
  type DeviceReader,
  type FailedBody,
  type ReadOptions,
  type Surroundings,
  type Target,
  type Tell,
  UNKNOWN_GROUP,
} from '../collectors/collector.ts'
import { Deadline } from '../collectors/deadline.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'

/** How long a read that was aborted may take to end before it is given up. */
const abortGraceMs = 1000
/** Groups of one device that are remembered for reporting a failure. */
const groupsMax = 512
const errorCharsMax = 1024

/** What one read came to; `thrown` is set where the collector broke its promise not to reject. */
export interface ReadResult {
  collected: Collected
  thrown: string | null
  /** The read did not end even when aborted: it was left behind, and the reader replaced. */
  abandoned: boolean
}

export interface DeviceReading {
  readonly epoch: number
  readonly reading: boolean
  /** @throws AppError what the collector says is wrong with the target */
  open(): void
  read(at: number, deadlineMs: number, options: ReadOptions): Promise<ReadResult>
  /** The catalogue changed: in force with the next read. A reader that cannot take it is replaced. */
  setSurroundings(surroundings: Surroundings): void
  /** Aborts a read under way. Never rejects. */
  close(): Promise<void>
}

const nothing = (): Collected => ({ collections: [], rows: [], identity: null })

/** Error text with every secret of the device taken out: a library may quote what it was given. */
export function withoutSecrets(text: string, secrets: Readonly<Record<string, string>>): string {
  let clean = text
  for (const secret of Object.values(secrets)) {
    if (secret.length >= 4) clean = clean.replaceAll(secret, '(hidden)')
  }
  return clean.slice(0, errorCharsMax)
}

/** What a read gives; null: it went on for `abortGraceMs` after its abort. */
function within<T>(read: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let grace: NodeJS.Timeout | undefined
    const onAbort = () => {
      grace = setTimeout(resolve, abortGraceMs, null)
    }
    const end = () => {
      clearTimeout(grace)
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort)
    read.then(
      result => {
        end()
        resolve(result)
      },
      error => {
        end()
        reject(error)
      },
    )
  })
}

export function createReading(
  target: Target,
  epoch: number,
  collector: Collector | undefined,
  initial: Surroundings,
  tell: Tell,
): DeviceReading {
  let surroundings = initial
  let reader: DeviceReader | null = null
  let underWay: AbortController | null = null
  /** Of a read that ended well, for the next one: the collector took its listeners off. */
  let unused: AbortController | null = null
  const deadline = new Deadline(() => underWay?.abort())
  let closed = false
  let groups: string[] = []

  const textOf = (error: unknown) => withoutSecrets(messageOf(error), target.secrets)

  const opened = (): DeviceReader => {
    if (!collector) {
      throw new AppError('E_KIND', `devices of kind ${target.config.kind} are not polled`)
    }
    reader ??= collector.open(target, surroundings, told => {
      if (!closed) tell(told)
    })
    return reader
  }

  const closeReader = async () => {
    const old = reader
    reader = null
    try {
      await old?.close()
    } catch {
      // What a reader says at its end changes nothing: the device is let go either way.
    }
  }

  const failed = (reason: GapReason, error: string, at: number, startedAt: number): Collected => {
    const took = Math.max(0, Math.round(performance.now() - startedAt))
    const body: FailedBody = { at, took, ok: false, reason, error }
    const under = groups.length > 0 ? groups : [UNKNOWN_GROUP]
    return { ...nothing(), collections: under.map(group => ({ group, body })) }
  }

  const remember = (collected: Collected) => {
    const named = collected.collections.map(c => c.group).filter(g => g !== UNKNOWN_GROUP)
    if (named.length > 0) groups = named.slice(0, groupsMax)
  }

  const begin = (): AbortController => {
    const abort = unused?.signal.aborted === false ? unused : new AbortController()
    unused = null
    return abort
  }

  const collect = async (
    at: number,
    deadlineMs: number,
    options: ReadOptions,
  ): Promise<ReadResult> => {
    const startedAt = performance.now()
    const abort = begin()
    underWay = abort
    deadline.set(deadlineMs)
    const late = () => `the read did not end within ${Math.round(deadlineMs)} ms`
    try {
      const result = await within(opened().collect(at, abort.signal, options), abort.signal)
      if (result !== null) {
        unused = abort
        remember(result)
        return { collected: result, thrown: null, abandoned: false }
      }
      void closeReader()
      const collected = closed ? nothing() : failed('timeout', late(), Date.now(), startedAt)
      return { collected, thrown: null, abandoned: true }
    } catch (error) {
      if (closed) return { collected: nothing(), thrown: null, abandoned: false }
      const timedOut = abort.signal.aborted
      const text = timedOut ? late() : textOf(error)
      const collected = failed(timedOut ? 'timeout' : 'decode', text, Date.now(), startedAt)
      return { collected, thrown: timedOut ? null : text, abandoned: false }
    } finally {
      deadline.clear()
      underWay = null
    }
  }

  return {
    epoch,
    get reading() {
      return underWay !== null
    },
    open() {
      try {
        opened()
      } catch (error) {
        throw new AppError('E_READER', textOf(error))
      }
    },
    read: collect,
    setSurroundings(next) {
      surroundings = next
      try {
        reader?.setCatalogue(next.catalogue)
      } catch {
        void closeReader()
      }
    },
    async close() {
      closed = true
      underWay?.abort()
      await closeReader()
    },
  }
}
