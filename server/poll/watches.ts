// Devices that somebody looks at: read every few seconds beside their grid, for as long as that is asked
// for again and again. Bounded in number and in pace; what nobody asks for any more ends by itself.

/** Devices watched at once in one poller. */
export const watchedMax = 20
export const watchEveryMsMin = 1000
/** An order holds no longer than this; who still watches gives it again. */
export const watchForMsMax = 30_000

export interface Watches {
  readonly size: number
  /** False: too many are watched already. */
  watch(id: string, everyMs: number, forMs: number): boolean
  close(): void
}

interface Watch {
  until: number
  everyMs: number
  timer: NodeJS.Timeout
}

/** @param read reads the device now; not called while the one before may still be waited for */
export function createWatches(read: (id: string) => void): Watches {
  const watches = new Map<string, Watch>()

  const end = (id: string) => {
    clearInterval(watches.get(id)?.timer)
    watches.delete(id)
  }
  const begin = (id: string, everyMs: number, until: number) => {
    const timer = setInterval(() => {
      const watch = watches.get(id)
      if (!watch || performance.now() > watch.until) return end(id)
      read(id)
    }, everyMs)
    watches.set(id, { until, everyMs, timer })
  }
  return {
    get size() {
      return watches.size
    },
    watch(id, everyMs, forMs) {
      const until = performance.now() + Math.min(forMs, watchForMsMax)
      const pace = Math.max(watchEveryMsMin, everyMs)
      const known = watches.get(id)
      if (known) {
        known.until = Math.max(known.until, until)
        if (known.everyMs <= pace) return true
        end(id)
      }
      if (watches.size >= watchedMax) return false
      begin(id, pace, until)
      return true
    },
    close() {
      for (const id of [...watches.keys()]) end(id)
    },
  }
}
