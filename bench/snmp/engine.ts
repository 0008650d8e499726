// Measured: the bare engine. Long-lived sessions, sysUpTime by GET and the columns by readTable, 64
// devices at a time; values are decoded into a table and dropped.

import { chooseTransport } from '../../server/snmp/batched-or-udp.ts'
import { openSession, useTransport } from '../../server/snmp/open.ts'
import type { SnmpCredentials, SnmpSession } from '../../server/snmp/session.ts'
import { openUdp } from '../../server/snmp/udp.ts'
import { COLUMNS, COMMUNITY, fleetAddress, PORTS, SYS_UP_TIME, V3 } from './fleet-facts.ts'
import { cpuOf, type Job, jobOf, report, rssMb, type Security } from './measure.ts'

/** Devices that are read at the same time. */
const widthMax = 64
const rowsMax = 5000

const { fleet, security, transport, seconds } = jobOf<Job>()

const CREDENTIALS: Record<Security, SnmpCredentials> = {
  v2c: { version: '2c', community: COMMUNITY },
  v3: {
    ...{ version: '3', user: V3.user, level: 'authPriv' },
    auth: { protocol: 'sha256', key: V3.auth },
    priv: { protocol: 'aes', key: V3.priv },
  },
}

let note = ''
const warn = (message: string) => {
  note = message
}
useTransport(await chooseTransport(transport, openUdp, warn))
const sessions = Array.from({ length: fleet.devices }, (_, device) =>
  openSession({
    ...{ address: fleetAddress(device), port: fleet.port, credentials: CREDENTIALS[security] },
    ...{ timeoutMs: 3000, retries: 1 },
  }),
)

/** True when every value came. */
async function poll(session: SnmpSession): Promise<boolean> {
  try {
    const [upTime] = await session.get([SYS_UP_TIME])
    const { table } = await session.readTable(COLUMNS, rowsMax)
    return upTime?.value.type === 'ticks' && table.indexes.length === PORTS && full(table.types)
  } catch {
    return false
  }
}

const full = (types: Uint8Array) => !types.includes(0)

async function round(): Promise<{ polls: number; lost: number }> {
  const count = { polls: 0, lost: 0 }
  let next = 0
  const lane = async () => {
    for (let session = sessions[next++]; session; session = sessions[next++]) {
      count[(await poll(session)) ? 'polls' : 'lost']++
    }
  }
  await Promise.all(Array.from({ length: widthMax }, lane))
  return count
}

// Two rounds before: one to find out sizes and to discover v3 engines, one to warm the code.
await round()
await round()
const until = performance.now() + seconds * 1000
const { result, cpuSeconds, wallSeconds } = await cpuOf(async () => {
  const total = { polls: 0, lost: 0 }
  do {
    const { polls, lost } = await round()
    total.polls += polls
    total.lost += lost
  } while (performance.now() < until)
  return total
})
report({ ...result, cpuSeconds, wallSeconds, rssMb: rssMb(), note })
for (const session of sessions) session.close()
