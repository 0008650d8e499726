// What a read that failed is reported as: the gap's reason and the error's words.

import type { Kindness } from '../model/device.ts'
import type { AppError } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import { cleanText } from '../model/text.ts'
import type { FailedBody } from './collector.ts'

/** Letters of an error's text in a failed collection. */
const errorTextMax = 500

/**
 * A failed collection for each of these groups. `started` is of performance.now(); `at` (Unix ms) is the
 * time of the read in which others were answered: it is one read, not two that differ.
 */
export function failed(
  groups: readonly string[],
  error: AppError,
  started: number,
  signal: AbortSignal | null,
  at = Date.now(),
): { group: string; body: FailedBody }[] {
  const body: FailedBody = {
    at,
    took: elapsedMs(started),
    ok: false,
    reason: gapReason(error, signal),
    error: errorText(error),
  }
  return groups.map(group => ({ group, body }))
}

/** Groups that were left out on purpose. `at`: when the device was read, Unix ms. */
export function shed(
  groups: readonly string[],
  { factor, reason }: Kindness,
  at: number,
): { group: string; body: FailedBody }[] {
  const error = cleanText(`read every ${factor} intervals: ${reason}`, errorTextMax)
  const body: FailedBody = { at, took: 0, ok: false, reason: 'shed', error }
  return groups.map(group => ({ group, body }))
}

/** An error's words as they may be published. */
export function errorText(error: AppError): string {
  const text =
    error.code === 'E_ABORTED' ? 'the device was not read within its interval' : error.message
  return cleanText(text, errorTextMax)
}

const REASONS: Record<string, GapReason> = {
  E_SNMP_TIMEOUT: 'timeout',
  E_SNMP_UNREACHABLE: 'unreachable',
  E_SNMP_AUTH: 'auth',
  E_SNMP_DECODE: 'decode',
  E_SNMP_ERROR: 'partial',
  E_ADDRESS_REFUSED: 'unreachable',
  E_ADDRESS_UNKNOWN: 'unreachable',
  E_SNMP_CONFIG: 'auth',
}

/** A read that others stopped was an overrun; one that ran out of its own time, a timeout. */
export function gapReason(error: AppError, signal: AbortSignal | null): GapReason {
  if (error.code === 'E_ABORTED') return signal?.aborted ? 'overrun' : 'timeout'
  return REASONS[error.code] ?? 'decode'
}

/** Whole ms since a moment of performance.now(). */
export function elapsedMs(started: number): number {
  return Math.round(performance.now() - started)
}
