// Which of what a reader learned is news: told when it changed in a way that matters, and seldom.

import type { DeviceTuning, Kindness, SnmpTuning } from '../model/device.ts'

/** Between two tellings of one device, ms. */
const tellMsMin = 60_000
/** Round trips and time limits waver: only what changed by this part, and by so many ms, is news. */
const changedPart = 0.5
const changedMs = 10
/** Rows and repetitions, by this part. */
const tablePart = 0.25

export const KIND: Kindness = { factor: 1, reason: null, since: null }

export interface TuningNews {
  /** What to tell now; null: nothing new, or too soon after the last. `at` is Unix ms. */
  tell(at: number, snmp: SnmpTuning | null, kindness: Kindness): DeviceTuning | null
}

/** @param told what was told before, by this reader or an earlier one */
export function createTuningNews(initial: DeviceTuning | null): TuningNews {
  let told = initial
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    tell(at, snmp, kindness) {
      // A clock that was set back must not silence the device for years.
      if (at < toldAt) toldAt = Number.NEGATIVE_INFINITY
      if (at - toldAt < tellMsMin) return null
      const isNews =
        kindness.factor !== (told?.kindness ?? KIND).factor || isChanged(told?.snmp ?? null, snmp)
      if (!isNews) return null
      toldAt = at
      // The session goes on changing its own.
      told = { at, snmp: structuredClone(snmp), kindness: { ...kindness } }
      return told
    },
  }
}

/** A session that learned nothing is no news: what was known before stays. */
function isChanged(before: SnmpTuning | null, now: SnmpTuning | null): boolean {
  if (now === null) return false
  if (before === null) return true
  const exact = ['inFlight', 'messageBytes', 'bulk', 'oidsPerGet', 'columnsPerRequest'] as const
  if (exact.some(name => before[name] !== now[name])) return true
  if (differs(before.srttMs, now.srttMs, changedPart, changedMs)) return true
  if (differs(before.timeoutMs, now.timeoutMs, changedPart, changedMs)) return true
  const names = new Set([...Object.keys(before.tables), ...Object.keys(now.tables)])
  return [...names].some(name => {
    const [was, is] = [before.tables[name], now.tables[name]]
    if (!was || !is) return true
    return (
      differs(was.repetitions, is.repetitions, tablePart, 0) ||
      differs(was.rows, is.rows, tablePart, 0)
    )
  })
}

function differs(was: number | null, is: number | null, part: number, atLeast: number): boolean {
  if (was === null || is === null) return was !== is
  const by = Math.abs(is - was)
  return by > atLeast && by > part * Math.min(was, is)
}
