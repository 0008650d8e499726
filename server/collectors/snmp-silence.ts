// When a device counts as silent, and the one request that finds out whether it still is.

import type { AppError } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import type { SnmpSession } from '../snmp/session.ts'
import type { Silence } from './collector.ts'
import { errorText, gapReason } from './snmp-failures.ts'
import { asAppError } from './snmp-read.ts'

/** SNMPv2-MIB (RFC 3418): the one object that every agent has. */
const SYS_UPTIME = '1.3.6.1.2.1.1.3.0'

/** Nothing came, or somebody who does not know us: asking for more is in vain. */
const SILENT: ReadonlySet<GapReason> = new Set(['timeout', 'unreachable', 'auth'])

/** Null for an error that somebody had to send. */
export function silenceOf(error: AppError, signal: AbortSignal): Silence | null {
  const reason = gapReason(error, signal)
  return SILENT.has(reason) ? { reason, error: errorText(error) } : null
}

/** Asks once. Whatever is answered counts, also an error: the full read will tell it. */
export async function probe(
  session: SnmpSession,
  signal: AbortSignal,
  onError: (error: AppError) => Silence | null,
): Promise<Silence | null> {
  try {
    await session.get([SYS_UPTIME], signal)
    return null
  } catch (cause) {
    return onError(asAppError(cause))
  }
}
