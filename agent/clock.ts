// The host's clock against the server's. Every acknowledgement tells the server's time; between them
// a scale goes on that neither jumps nor stops, so that a clock that is set while the agent runs, or
// while the machine sleeps, moves no sample.

import os from 'node:os'
import type { Ack } from '../server/model/collection.ts'
import type { KnownTime } from './clock-file.ts'

/** A clock this far from the server's is good enough, ms. */
const toleranceMs = 2000
/** Quartz drifts less, ms in a ms: what is known of the server's time grows old with it. */
const driftMax = 1e-4
/** An acknowledgement that took longer may have lain at a broker: it tells nothing, ms. */
const roundTripMsMax = 10_000
/** Numbers whose sending is remembered. */
const sentMax = 500

export interface AgentClock {
  /** Now, on a scale without jumps, ms. */
  steady(): number
  /** Unix ms by the server's clock of a moment of `steady`; null: not measured yet. */
  at(moment: number): number | null
  /** How far the host's clock is ahead of the server's, s; null: not measured yet. */
  aheadSeconds(): number | null
  sent(seq: number): void
}

export interface ServerClock extends AgentClock {
  /** An acknowledgement of this start's own numbers came. */
  acked(ack: Pick<Ack, 'seq' | 'refused' | 'at'>): void
  readonly known: KnownTime | null
}

/** The clock of an agent inside of the server: it is right by definition. */
export function ownClock(): AgentClock {
  const steady = () => performance.now()
  return {
    steady,
    at: moment => Math.round(Date.now() - (steady() - moment)),
    aheadSeconds: () => 0,
    sent: () => undefined,
  }
}

export interface ServerClockOptions {
  /** Called when the server's time is known for the first time. */
  onKnown: () => void
  /** Called when the host's clock turns out wrong, or right again. */
  onWrong: (aheadSeconds: number | null) => void
  /** From an earlier agent of the same start of this host. */
  known?: KnownTime | null
  wall?: () => number
  steady?: () => number
}

export function createServerClock(options: ServerClockOptions): ServerClock {
  const { onKnown, onWrong, wall = Date.now, steady = sinceBoot } = options
  const sentAt = new Map<number, number>()
  let known: KnownTime | null = options.known ?? null
  let isWrong = false

  const serverAt = (moment: number) => known && known.server + (moment - known.steady)
  const aheadMs = () => {
    const server = serverAt(steady())
    return server === null ? null : wall() - server
  }
  /** Is the host's clock as right as we can tell? */
  const isGood = (ahead: number) => {
    if (!known) return false
    const doubtMs = known.errorMs + (steady() - known.steady) * driftMax
    return Math.abs(ahead) <= toleranceMs + doubtMs
  }
  const look = () => {
    const ahead = aheadMs()
    if (ahead === null || isWrong === !isGood(ahead)) return
    isWrong = !isWrong
    onWrong(isWrong ? ahead / 1000 : null)
  }

  return {
    steady,
    get known() {
      return known
    },
    at(moment) {
      const server = serverAt(moment)
      const ahead = aheadMs()
      if (server === null || ahead === null) return null
      look()
      return Math.round(isGood(ahead) ? server + ahead : server)
    },
    aheadSeconds() {
      const ahead = aheadMs()
      return ahead === null ? null : Math.round(ahead) / 1000
    },
    sent(seq) {
      sentAt.set(seq, steady())
      if (sentAt.size <= sentMax) return
      const oldest = sentAt.keys().next()
      if (!oldest.done) sentAt.delete(oldest.value)
    },
    acked({ seq, refused, at }) {
      const now = steady()
      const numbers = [...seq, ...refused.map(([one]): [number, number] => [one, one])]
      let roundTripMs = Number.POSITIVE_INFINITY
      for (const [number, sent] of sentAt) {
        if (!numbers.some(([from, to]) => number >= from && number <= to)) continue
        roundTripMs = Math.min(roundTripMs, now - sent)
        sentAt.delete(number)
      }
      if (at === undefined || roundTripMs > roundTripMsMax) return
      const isFirst = known === null
      known = { server: at, steady: now, errorMs: roundTripMs }
      look()
      if (isFirst) onKnown()
    },
  }
}

/** Linux counts sleep too, and whoever sets the clock does not move it (clock_gettime(2): CLOCK_BOOTTIME). */
function sinceBoot(): number {
  return process.platform === 'linux' ? os.uptime() * 1000 : performance.now()
}
