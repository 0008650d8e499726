// A storm is told once, with a count: the first of its like at once, those that follow within a minute
// as one event that says how many there were. Pure; memory is bounded for each device and in all.

import type { EventBody } from '../model/event.ts'
import type { Told } from './protocol.ts'

/** What follows is summed for so long, ms. */
const summedMs = 60_000
/** Sorts of events that are told apart, of one device in a minute; the rest are counted together. */
export const sortsPerDeviceMax = 60
/** The same of all devices together. */
export const sortsMax = 5000
/** Events told in a second, of all devices together; the rest are summed. */
export const toldPerSecondMax = 500

type Kind = 'trap' | 'syslog'
type What = Omit<Told, 'device'>

export interface Storm {
  /** @param sort what makes two events alike */
  offer(device: string, kind: Kind, sort: string, what: What): void
  /** One that was not read, as there were too many. */
  unread(device: string, kind: Kind): void
  /** Tells the sums of minutes that are over; `all`: of those that are not over too. */
  settle(all?: boolean): void
  readonly counts: Readonly<StormCounts>
}

/** offered = told + summed + waiting, at any moment. `sums` are the events that say how many. */
export interface StormCounts {
  offered: number
  told: number
  summed: number
  waiting: number
  sums: number
}

interface Minute {
  from: number
  sorts: Map<string, { first: What; more: number }>
  /** Beyond the sorts that are told apart, and what was not read. */
  others: Record<Kind, number>
}

export function createStorm(tell: (told: Told) => void, now: () => number = Date.now): Storm {
  const minutes = new Map<string, Minute>()
  const counts: StormCounts = { offered: 0, told: 0, summed: 0, waiting: 0, sums: 0 }
  let sorts = 0
  let second = 0
  let toldInSecond = 0

  const minuteOf = (device: string, at: number): Minute => {
    const known = minutes.get(device)
    if (known) return known
    const made: Minute = { from: at, sorts: new Map(), others: { trap: 0, syslog: 0 } }
    minutes.set(device, made)
    return made
  }

  const mayTell = (at: number): boolean => {
    const current = Math.floor(at / 1000)
    if (current !== second) [second, toldInSecond] = [current, 0]
    return toldInSecond < toldPerSecondMax
  }

  const sum = (told: Told, times: number) => {
    counts.waiting -= times
    counts.summed += times
    counts.sums++
    tell(told)
  }

  const settleOne = (device: string, { sorts: ofDevice, others }: Minute, at: number) => {
    minutes.delete(device)
    sorts -= ofDevice.size
    for (const { first, more } of ofDevice.values()) {
      if (more === 0) continue
      const event = likeIt(first.event, more, at)
      const { row, others: sharers } = first
      sum({ device, others: sharers, event, row, poll: false }, more)
    }
    for (const kind of ['trap', 'syslog'] as const) {
      if (others[kind] === 0) continue
      const event = floodOf(kind, others[kind], at)
      sum({ device, others: [], event, row: null, poll: false }, others[kind])
    }
  }

  return {
    counts,
    offer(device, kind, sort, what) {
      const at = now()
      const minute = minuteOf(device, at)
      const name = `${kind} ${sort}`
      const known = minute.sorts.get(name)
      const hasRoom = minute.sorts.size < sortsPerDeviceMax && sorts < sortsMax
      counts.offered++
      if (!known && hasRoom && mayTell(at)) {
        minute.sorts.set(name, { first: what, more: 0 })
        sorts++
        counts.told++
        toldInSecond++
        tell({ device, ...what })
        return
      }
      counts.waiting++
      if (known) known.more++
      else minute.others[kind]++
    },
    unread(device, kind) {
      counts.offered++
      counts.waiting++
      minuteOf(device, now()).others[kind]++
    },
    settle(all = false) {
      const at = now()
      for (const [device, minute] of minutes) {
        // A clock that was set back ends a minute too.
        const isOver = all || at < minute.from || at >= minute.from + summedMs
        if (isOver) settleOne(device, minute, at)
      }
    },
  }
}

const numberOf = (count: number): string => count.toLocaleString('en')

function likeIt(first: EventBody, more: number, at: number): EventBody {
  const tail = ` (and ${numberOf(more)} like it)`
  return {
    ...first,
    at,
    text: `${first.text.slice(0, 1000 - tail.length).toWellFormed()}${tail}`,
    fields: { ...first.fields, more: String(more) },
  }
}

function floodOf(kind: Kind, count: number, at: number): EventBody {
  const what = kind === 'trap' ? 'SNMP notifications' : 'lines of syslog'
  return {
    ...{ at, kind, severity: 'warning', name: 'flood' },
    text: `${numberOf(count)} more ${what} came within a minute and were not told one by one`,
    fields: { more: String(count) },
  }
}
