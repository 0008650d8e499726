// What the anomaly score remembers of one series: a fixed 760 bytes, whatever its age, and how
// that is written down and read back. docs/models.md explains the method.

import { crc32 } from 'node:zlib'
/** Features of a sample; each has its own histogram. */
export const FEATURES = ['jump', 'season', 'level', 'shape'] as const
export type Feature = (typeof FEATURES)[number]

export const HOURS = 24
export const BINS = 48

/** Places of single numbers in `State.numbers`. */
export const AT = {
  /** Samples learned from. */
  seen: 0,
  /** Time of the newest sample, ms since 1970. */
  last: 1,
  /** Usual distance of two samples, ms. */
  interval: 2,
  /** Samples in a row whose time does not fit `last` and `interval`. */
  strange: 3,
  /** Samples that are still only learned from. */
  quiet: 4,
  /** Means over about 2, 30 and 100 samples. */
  fast: 5,
  mid: 6,
  slow: 7,
  /** Usual distance from `fast`, and from the mean of the hour. */
  spread: 8,
  hourSpread: 9,
  /** Mean square of the distance from `fast`, over about 20 and 300 samples. */
  varianceFast: 10,
  varianceSlow: 11,
  /** Smallest and largest value seen. */
  low: 12,
  high: 13,
  /** Highest surprise of the last samples, and how many samples ago. */
  held: 14,
  heldFor: 15,
  /** Counts in each histogram; the four always have as many. */
  counted: 16,
} as const
/** Behind the single numbers: the mean of each hour of the day (UTC). */
export const HOUR_MEANS = 17
/** Behind the histograms: samples in each hour's mean. */
export const HOURS_SEEN = FEATURES.length * BINS

const NUMBERS = HOUR_MEANS + HOURS
const COUNTS = HOURS_SEEN + HOURS

export interface State {
  numbers: Float64Array<ArrayBuffer>
  /** Counts of each feature by the logarithm of its size, one histogram behind the other. */
  counts: Uint16Array<ArrayBuffer>
}

export const STATE_BYTES = NUMBERS * 8 + COUNTS * 2

/** A state that has seen nothing. */
export const createState = (): State => viewOf(new ArrayBuffer(STATE_BYTES))

const viewOf = (buffer: ArrayBuffer): State => ({
  numbers: new Float64Array(buffer, 0, NUMBERS),
  counts: new Uint16Array(buffer, NUMBERS * 8, COUNTS),
})

/** Raised whenever the layout or the meaning of a number changes: older states are learned anew. */
const VERSION = 1
const HEAD_BYTES = 8

/** Version, checksum, then the bytes of the state (little-endian, as every machine that Node 24 runs on). */
export function encodeState({ numbers }: State): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(HEAD_BYTES + STATE_BYTES)
  made.set(new Uint8Array(numbers.buffer, 0, STATE_BYTES), HEAD_BYTES)
  const head = new DataView(made.buffer)
  head.setUint32(0, VERSION, true)
  head.setUint32(4, crc32(made.subarray(HEAD_BYTES)), true)
  return made
}

/** Null for what is cut short, damaged, or of another version: the series is learned anew. */
export function decodeState(bytes: Uint8Array): State | null {
  if (bytes.length !== HEAD_BYTES + STATE_BYTES) return null
  const head = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES)
  const body = bytes.slice(HEAD_BYTES)
  if (head.getUint32(0, true) !== VERSION || head.getUint32(4, true) !== crc32(body)) return null
  const state = viewOf(body.buffer)
  return state.numbers.every(Number.isFinite) ? state : null
}
