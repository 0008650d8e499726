// Measured: what else there is on this machine: net-snmp's tools, collectd and prometheus-snmp-exporter.
// Each is left out, with a line that says so, where it is not installed. They do other things with the
// values than we do (text, plugins), so compare with care.

import { execFile, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort, type Teardown, tempDir, which } from '../../test/parts/find.ts'
import { COLUMNS, COMMUNITY, fleetAddress, PORTS, SYS_UP_TIME, VARBINDS } from './fleet-facts.ts'
import { cpuSecondsOf, type Measured, rssMbOf } from './measure.ts'
import type { Fleet } from './simulator.ts'

const run = promisify(execFile)

/** Starting processes is slow: a few devices say enough. */
const toolDevices = 20
const exporterDevices = 200
/** collectd reads the whole fleet so often. */
const collectdIntervalS = 5
const collectdReads = 4

export interface Peer {
  name: string
  binary: string
  measure(t: Teardown, binary: string, fleet: Fleet): Promise<Measured>
}

const tool = (read: (binary: string, target: string) => Promise<number>): Peer['measure'] => {
  return async (_t, binary, fleet) => {
    const cpu = await cpuSecondsOf('children')
    const from = performance.now()
    const count = { polls: 0, lost: 0 }
    for (let device = 0; device < toolDevices; device++) {
      const values = await read(binary, `${fleetAddress(device)}:${fleet.port}`)
      count[values === VARBINDS ? 'polls' : 'lost']++
    }
    const cpuSeconds = (await cpuSecondsOf('children')) - cpu
    return { ...count, cpuSeconds, wallSeconds: (performance.now() - from) / 1000, rssMb: 0 }
  }
}

const common = ['-v2c', '-c', COMMUNITY, '-m', '', '-On', '-Oq', '-Oe']

/** As many snmpbulkget as it takes, each going on where the last one's answer ended. */
async function byBulkGet(binary: string, target: string): Promise<number> {
  let values = 0
  let index = 0
  while (index < PORTS) {
    const from = COLUMNS.map(column => (index === 0 ? column : `${column}.${index}`))
    const names = [SYS_UP_TIME.slice(0, -2), ...from]
    const { stdout } = await run(binary, [...common, '-Cn1', '-Cr6', target, ...names])
    const lines = stdout.split('\n')
    if (index === 0) values++
    const rows = Math.min(
      ...COLUMNS.map(column => lines.filter(line => line.startsWith(`.${column}.`)).length),
    )
    if (rows === 0) break
    values += rows * COLUMNS.length
    index += rows
  }
  return values
}

/** A walk for each column. */
async function byBulkWalk(binary: string, target: string): Promise<number> {
  let values = 0
  for (const root of [SYS_UP_TIME.slice(0, -2), ...COLUMNS]) {
    const { stdout } = await run(binary, [...common, '-Cr50', target, root])
    values += stdout.split('\n').filter(line => line.startsWith(`.${root}.`)).length
  }
  return values
}

async function exporter(t: Teardown, binary: string, fleet: Fleet): Promise<Measured> {
  const file = path.join(await tempDir(t), 'snmp.yml')
  const metric = (oid: string, i: number) => `  - name: c${i}
    oid: ${oid}
    type: gauge
    help: c${i}
    indexes: [{ labelname: ifIndex, type: gauge }]`
  await writeFile(
    file,
    `bench:
  walk: [${COLUMNS.join(', ')}]
  get: [${SYS_UP_TIME}]
  metrics:
  - { name: up, oid: ${SYS_UP_TIME.slice(0, -2)}, type: gauge, help: up }
${COLUMNS.map(metric).join('\n')}
  version: 2
  max_repetitions: 25
  auth: { community: ${COMMUNITY} }
`,
  )
  const port = await freePort()
  const at = `127.0.0.1:${port}`
  const child = spawn(binary, [`--config.file=${file}`, `--web.listen-address=${at}`], {
    env: { ...process.env, GOMAXPROCS: '1' },
    stdio: 'ignore',
  })
  t.teardown(() => void child.kill('SIGKILL'))
  const pid = child.pid ?? 0
  const scrape = async (device: number) => {
    const target = `${fleetAddress(device)}:${fleet.port}`
    const answer = await fetch(`http://${at}/snmp?module=bench&target=${target}`)
    return (await answer.text()).split('\n').filter(line => /^(c\d+\{|up )/.test(line)).length
  }
  await answering(() => scrape(0))
  const cpu = await cpuSecondsOf(pid)
  const from = performance.now()
  const count = { polls: 0, lost: 0 }
  for (let device = 0; device < exporterDevices; device++) {
    count[(await scrape(device).catch(() => 0)) === VARBINDS ? 'polls' : 'lost']++
  }
  const cpuSeconds = (await cpuSecondsOf(pid)) - cpu
  const wallSeconds = (performance.now() - from) / 1000
  return { ...count, cpuSeconds, wallSeconds, rssMb: await rssMbOf(pid) }
}

async function answering(probe: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await probe()
      return
    } catch (error) {
      if (tries > 100) throw error
      await delay(50)
    }
  }
}

/** It says nothing of single reads: it has time for all of them, and what it counts is its schedule. */
async function collectd(t: Teardown, binary: string, fleet: Fleet): Promise<Measured> {
  const dir = await tempDir(t)
  const file = (name: string) => path.join(dir, name)
  await mkdir(file('data'))
  const sources = COLUMNS.map((_, i) => `c${i}:DERIVE:U:U`).join(', ')
  await writeFile(file('types.db'), `bench ${sources}\nupt value:GAUGE:0:U\n`)
  const host = (device: number) => `<Host "sw-${device}">
    Address "${fleetAddress(device)}:${fleet.port}"
    Version 2
    Community "${COMMUNITY}"
    Collect "columns" "up"
    Interval ${collectdIntervalS}
    BulkSize 66
  </Host>`
  await writeFile(
    file('conf'),
    `BaseDir "${file('data')}"
PIDFile "${file('pid')}"
TypesDB "${file('types.db')}"
Interval ${collectdIntervalS}
ReadThreads 8
LoadPlugin snmp
<Plugin snmp>
  <Data "columns">
    Table true
    Type "bench"
    Values ${COLUMNS.map(oid => `"${oid}"`).join(' ')}
  </Data>
  <Data "up">
    Type "upt"
    Values "${SYS_UP_TIME}"
  </Data>
  ${Array.from({ length: fleet.devices }, (_, device) => host(device)).join('\n  ')}
</Plugin>
`,
  )
  const child = spawn(binary, ['-f', '-C', file('conf')], { stdio: 'ignore' })
  t.teardown(() => void child.kill('SIGKILL'))
  const pid = child.pid ?? 0
  await delay(collectdIntervalS * 2000)
  const cpu = await cpuSecondsOf(pid)
  const from = performance.now()
  await delay(collectdIntervalS * 1000 * collectdReads)
  const cpuSeconds = (await cpuSecondsOf(pid)) - cpu
  const wallSeconds = (performance.now() - from) / 1000
  const rssMb = await rssMbOf(pid)
  const note = `by its schedule; ${((100 * cpuSeconds) / wallSeconds).toFixed(0)} % of a core`
  return {
    ...{ polls: fleet.devices * collectdReads, lost: 0 },
    cpuSeconds,
    wallSeconds,
    rssMb,
    note,
  }
}

const PEERS: readonly Peer[] = [
  { name: 'snmpbulkget, 9 processes', binary: 'snmpbulkget', measure: tool(byBulkGet) },
  { name: 'snmpbulkwalk, 12 processes', binary: 'snmpbulkwalk', measure: tool(byBulkWalk) },
  { name: 'prometheus-snmp-exporter', binary: 'prometheus-snmp-exporter', measure: exporter },
  { name: 'collectd snmp', binary: 'collectd', measure: collectd },
]

/** Peers with the programs that are there; null: not installed. */
export async function findPeers(): Promise<{ peer: Peer; program: string | null }[]> {
  return Promise.all(PEERS.map(async peer => ({ peer, program: await which(peer.binary) })))
}
