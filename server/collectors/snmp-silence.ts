// When a device counts as silent, and the one request that finds out whether it still is.

import { AppError } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import type { SnmpSession } from '../snmp/session.ts'
import type { Silence } from './collector.ts'
import { errorText, gapReason } from './snmp-failures.ts'

/** SNMPv2-MIB (RFC 3418): the one object that every agent has. */
const SYS_UPTIME = '1.3.6.1.2.1.1.3.0'

/** Nothing came, or somebody who does not know us: asking for more is in vain. */
const SILENT: ReadonlySet<GapReason> = new Set(['timeout', 'unreachable', 'auth'])

/** Null for an error that somebody had to send. */
export function silenceOf(error: AppError, signal: AbortSignal): Silence | null {
  const reason = gapReason(error, signal)
  return SILENT.has(reason) ? { reason, error: errorText(error) } : null
}

/** Nothing came at all: whether the host is there would say more. */
export function isUnexplained({ code }: AppError): boolean {
  return code === 'E_SNMP_TIMEOUT' || code === 'E_SNMP_UNREACHABLE'
}

/** The same error with a sentence added. */
export function explained(error: AppError, sentence: string): AppError {
  if (sentence === '') return error
  const { hint, passing } = error
  return new AppError(error.code, `${error.message}; ${sentence}`, {
    cause: error,
    passing,
    ...(hint !== undefined && { hint }),
  })
}

/** Asks once. @throws AppError of the session; one that somebody had to send is an answer too */
export async function probe(session: SnmpSession, signal: AbortSignal): Promise<void> {
  await session.get([SYS_UPTIME], signal)
}
