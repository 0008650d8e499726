// Which transport a poll thread uses: the setting, as far as this machine can do it.

import type { SnmpTransport } from '../config.ts'
import { openBatched } from './batched.ts'
import type { OpenTransport } from './transport.ts'

/**
 * @param openUdp the transport that serves everywhere
 * @param warn called once where batched calls were asked for and cannot be had
 * @param library another C library; for tests
 */
export async function chooseTransport(
  setting: SnmpTransport,
  openUdp: OpenTransport,
  warn: (message: string) => void,
  library?: string,
): Promise<OpenTransport> {
  if (setting === 'dgram') return openUdp
  const whyNot = (reason: string) =>
    warn(`SNMP is polled by node:dgram, as batched system calls cannot be used: ${reason}`)
  const batched = await openBatched(whyNot, library)
  return batched ?? openUdp
}
