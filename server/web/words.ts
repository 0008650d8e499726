// How states, ages and texts from devices are written on pages. Status is always word, shape and
// colour together; text from a device never carries control or direction characters.

import type { DeviceState, DeviceStatus } from '../model/collection.ts'
import { type Dictionary, en } from './languages/en.ts'
import { translate } from './languages/translate.ts'

/** Control characters, and those that turn the direction of text (Unicode TR 36, 2.6). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g

/** Text of a device as one line of at most `max` characters. */
export function plainText(text: string | null | undefined, max = 255): string {
  const clean = (text ?? '').replace(UNSAFE, ' ').trim()
  return clean.length > max ? `${clean.slice(0, max - 1)}…` : clean
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
export function statusView(status: DeviceStatus | null, words: Dictionary = en): StatusView {
  if (!status)
    return {
      state: 'unknown',
      symbol: 'unknown',
      word: words.status.waiting,
      since: null,
      why: words.status.noSample,
    }
  const why = status.reason === null ? '' : words.gap[status.reason]
  const said = translate(words.messages, plainText(status.error, 300))
  return {
    state: status.state,
    symbol: status.state,
    word: words.status[status.state],
    since: status.since,
    why: [why, said].filter(Boolean).join(words.messages[': ']),
  }
}
