// How many devices one CPU-second of this process polls over SNMP: sysUpTime and 11 columns of the
// interface tables of a real snmpd on loopback, one long-lived session a device. Prints, judges not.
//   node bench/snmp.ts [devices] [rounds]

import { openSession } from '../server/snmp/open.ts'
import type { SnmpCredentials } from '../server/snmp/session.ts'
import { startSnmpd } from '../test/parts/snmpd.ts'

const devices = Number(process.argv[2] ?? 50)
const rounds = Number(process.argv[3] ?? 6)
const COLUMNS = [
  ...[7, 8, 13, 14, 19, 20].map(n => `1.3.6.1.2.1.2.2.1.${n}`),
  ...[1, 6, 10, 15, 18].map(n => `1.3.6.1.2.1.31.1.1.1.${n}`),
]
const AUTH = 'authpass123'
const PRIV = 'privpass123'

const ends: (() => unknown)[] = []
const agent = await startSnmpd(
  { teardown: end => ends.unshift(end) },
  { users: [{ name: 'ops', auth: 'SHA-256', authKey: AUTH, priv: 'AES', privKey: PRIV }] },
)

const CREDENTIALS: Record<string, SnmpCredentials> = {
  v2c: { version: '2c', community: agent.community },
  'v3 authPriv': {
    version: '3',
    user: 'ops',
    level: 'authPriv',
    auth: { protocol: 'sha256', key: AUTH },
    priv: { protocol: 'aes', key: PRIV },
  },
}

for (const [what, credentials] of Object.entries(CREDENTIALS)) {
  const sessions = Array.from({ length: devices }, () =>
    openSession({
      address: agent.address,
      port: agent.port,
      credentials,
      timeoutMs: 5000,
      retries: 1,
    }),
  )
  const poll = async (session: (typeof sessions)[number]) => {
    await session.get(['1.3.6.1.2.1.1.3.0'])
    await session.walk(COLUMNS, 5000)
  }
  for (let round = 0; round < rounds; round++) {
    const before = sessions.reduce((sum, { counters }) => sum + counters.varbinds, 0)
    const cpu = process.cpuUsage()
    for (let at = 0; at < devices; at += 8) await Promise.all(sessions.slice(at, at + 8).map(poll))
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (user + system) / 1e6
    const varbinds = sessions.reduce((sum, { counters }) => sum + counters.varbinds, 0) - before
    console.info(
      `${what}, round ${round + 1}: ${(devices / seconds).toFixed(0)} devices/CPU-s, ` +
        `${(varbinds / seconds).toFixed(0)} values/CPU-s, ${varbinds / devices} values a device`,
    )
  }
  for (const session of sessions) session.close()
}
for (const end of ends) await end()
