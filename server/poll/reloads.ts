// Reads the targets: when asked, every minute for a change whose message was lost, and again soon
// after a failure. One reading at a time. What the targets mean is poller.ts.

import type { Target } from '../collectors/collector.ts'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'

const refreshMs = 60_000
const retryMs = 5000
const targetsMsMax = 30_000

export interface Reloads {
  /** The first reading; null where it failed: that is logged. From now on `reload` applies. */
  first(): Promise<Target[] | null>
  /** Reads them again and again from now on: soon, where the first reading failed. */
  repeat(firstWasGood: boolean): void
  /** Who asks while a reading runs gets one that begins after it. @throws what `targets` throws */
  reload(): Promise<void>
  stop(): void
}

export function createReloads(options: {
  targets: () => Promise<Target[]>
  apply(targets: readonly Target[]): void
  log: Logger
}): Reloads {
  const { log } = options
  let state: 'new' | 'running' | 'stopped' = 'new'
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> | null = null
  let readingAfter: Promise<void> | null = null

  const readTargets = async (): Promise<Target[]> => {
    let limit: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const message = 'the device configs could not be read in time'
      const error = new AppError('E_TARGETS_TIMEOUT', message, { passing: true })
      limit = setTimeout(() => reject(error), targetsMsMax)
    })
    try {
      return await Promise.race([options.targets(), late])
    } finally {
      clearTimeout(limit)
    }
  }

  const logFailure = (error: unknown) =>
    log.error({ error: messageOf(error) }, 'device configs could not be read: trying again')

  const readOnce = async () => {
    const targets = await readTargets()
    if (state === 'running') options.apply(targets)
  }

  const reload = (): Promise<void> => {
    if (!reading) {
      reading = readOnce().finally(() => {
        reading = null
      })
      return reading
    }
    readingAfter ??= reading
      .catch(() => {})
      .then(() => {
        readingAfter = null
        return reload()
      })
    return readingAfter
  }

  const refreshIn = (ms: number) => {
    clearTimeout(timer)
    if (state === 'running') timer = setTimeout(refresh, ms)
  }

  async function refresh(): Promise<void> {
    try {
      await reload()
      refreshIn(refreshMs)
    } catch (error) {
      logFailure(error)
      refreshIn(retryMs)
    }
  }

  return {
    first() {
      if (state === 'new') state = 'running'
      return readTargets().catch((error: unknown) => {
        logFailure(error)
        return null
      })
    },
    repeat: firstWasGood => refreshIn(firstWasGood ? refreshMs : retryMs),
    reload,
    stop() {
      state = 'stopped'
      clearTimeout(timer)
    },
  }
}
