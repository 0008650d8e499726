// Why a sample is missing. The list is closed and the numbers are stored: never reuse one.

/** Reason → its number in storage (1 to 31; 0 means "no gap"). */
export const GAP_NUMBERS = {
  timeout: 1,
  auth: 2,
  unreachable: 3,
  partial: 4,
  reset: 5,
  'wrap-unsure': 6,
  overrun: 7,
  paused: 8,
  'no-such-object': 9,
  decode: 10,
  'poller-down': 11,
  'device-clock': 12,
  first: 13,
  range: 14,
  shed: 15,
  dropped: 16,
} as const

export type GapReason = keyof typeof GAP_NUMBERS

export const GAP_REASONS = Object.keys(GAP_NUMBERS) as GapReason[]

const BY_NUMBER = new Map<number, GapReason>(
  GAP_REASONS.map(reason => [GAP_NUMBERS[reason], reason]),
)

/** The reason of a stored number; undefined for a number that no version wrote. */
export function gapReason(number: number): GapReason | undefined {
  return BY_NUMBER.get(number)
}

/** One sentence for people: what the gap means and where to look. */
export const GAP_TEXT: Record<GapReason, string> = {
  timeout: 'The device did not answer in time',
  auth: 'The device refused our credentials',
  unreachable: 'The address could not be reached',
  partial: 'The device answered only a part',
  reset: 'The counter started again',
  'wrap-unsure': 'The counter went back, and whether it wrapped is unsure',
  overrun: 'The read before this one was still running',
  paused: 'Polling was paused',
  'no-such-object': 'The device has no such value',
  decode: 'The answer could not be understood',
  'poller-down': 'Pollux was not polling',
  'device-clock': "The device's clock was wrong",
  first: 'A rate needs two reads',
  range: 'The value was outside its believable range',
  shed: 'Read less often on purpose',
  dropped: 'The sample was lost before it was stored',
}
