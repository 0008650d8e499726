// `npm run bench -- WHAT [options]`: measures, prints, and judges nothing.

import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { benchSnmp } from './snmp/main.ts'

/** Benchmarks that are a program of their own. */
const PROGRAMS: Record<string, string> = {
  store: 'store/main.ts',
  ingest: 'ingest/main.ts',
  failures: 'ingest/failures.ts',
  evaluate: 'evaluate.ts',
  docker: 'docker.ts',
  agent: 'agent.ts',
  live: 'live.ts',
  pages: 'pages.ts',
  alarms: 'alarms.ts',
  rehearsal: 'rehearsal.ts',
  m4: 'm4.ts',
  nab: 'nab.ts',
  disks: 'disks.ts',
}

const USAGE = `npm run bench -- WHAT [options]
  snmp      devices polled per CPU-second: engine, poll role, and others (--help says more)
  store     samples written and charts read, beside plain rows and InfluxDB (--help says more)
  ingest    from an MQTT message to a committed row: [sqlite|mariadb] [collections]
  failures  broker, database, ingest or disk gone under load: sent, stored, lost [--quick]
  evaluate  from a raw read to the JSON of its collections
  docker    CPU of an engine and of its reader: one-shot against streams: [containers ...]
  agent     CPU and memory of the agent, with containers and without: [--containers N] [--seconds N]
  pages     lists, search and overview of a large fleet: [devices] [requests]
  live      newest values in Redis: CPU of both sides, bytes a series: [streams] [rounds]
  m4        the seasonal forecast on M4 Hourly: error, range, time: --data DIR [--json] [--split]
  disks     time to full of made-up disks: missed and false: [--json] [--seed N]
  nab       the anomaly score on files of NAB: three profiles, time, bytes: --data DIR [--json] [--files]
  alarms    samples judged by alarm rules a CPU second: [devices] [rounds] [percent beyond a limit]
  rehearsal a rule over 30 days of many switches: [devices] [ports] [sqlite|mariadb]
`

async function main([what, ...args]: string[]): Promise<number> {
  if (what === 'snmp') {
    await benchSnmp(args)
    return 0
  }
  const program = what === undefined ? undefined : PROGRAMS[what]
  const file = program && path.join(import.meta.dirname, program)
  if (!file || !(await isThere(file))) {
    const asked = what === '--help' || what === 'help'
    process[asked ? 'stdout' : 'stderr'].write(USAGE)
    return asked ? 0 : 2
  }
  const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' })
  return new Promise(resolve => child.once('exit', code => resolve(code ?? 1)))
}

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  )

process.exitCode = await main(process.argv.slice(2))
