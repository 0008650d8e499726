// How states, ages and texts from devices are written on pages. Status is always word, shape and
// colour together; text from a device never carries control or direction characters.

import type { DeviceState, DeviceStatus } from '../model/collection.ts'
import { GAP_TEXT } from '../model/gap.ts'

/** Control characters, and those that turn the direction of text (Unicode TR 36, 2.6). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g

/** Text of a device as one line of at most `max` characters. */
export function plainText(text: string | null | undefined, max = 255): string {
  const clean = (text ?? '').replace(UNSAFE, ' ').trim()
  return clean.length > max ? `${clean.slice(0, max - 1)}…` : clean
}

/** `4 s`, `12 min`, `3 h`, `5 d`: as long as a person wants to read. */
export function shortAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

const WORDS: Record<DeviceState, string> = {
  up: 'up',
  degraded: 'degraded',
  down: 'down',
  unknown: 'no data',
  paused: 'paused',
}

export interface StatusView {
  state: DeviceState
  /** Name of the symbol in views/layout/_symbols.eta. */
  symbol: DeviceState
  word: string
  since: number | null
  /** Why, as a sentence; empty when there is nothing to say. */
  why: string
}

/** A device's status as pages show it; null: judge has not spoken of it yet. */
export function statusView(status: DeviceStatus | null): StatusView {
  if (!status)
    return {
      state: 'unknown',
      symbol: 'unknown',
      word: 'waiting',
      since: null,
      why: 'No sample has come yet',
    }
  const why = status.reason === null ? '' : GAP_TEXT[status.reason]
  const said = plainText(status.error, 300)
  return {
    state: status.state,
    symbol: status.state,
    word: WORDS[status.state],
    since: status.since,
    why: [why, said].filter(Boolean).join(': '),
  }
}
