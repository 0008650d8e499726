// How many devices one CPU-second polls over SNMP: the bare engine, the whole poll role, npm net-snmp
// and what else is installed, over the same simulated fleet. Prints one table; judges nothing.

import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { SnmpTransport } from '../../server/config.ts'
import { type Teardown, tempDir, which } from '../../test/parts/find.ts'
import { startMosquitto } from '../../test/parts/mosquitto.ts'
import { VARBINDS } from './fleet-facts.ts'
import { type Job, type Measured, measure, type Security } from './measure.ts'
import type { NetSnmpJob } from './net-snmp.ts'
import { findPeers } from './peers.ts'
import type { RoleJob } from './role.ts'
import { type Fleet, startFleet } from './simulator.ts'

const PARTS = ['engine', 'role', 'paced', 'given', 'net-snmp', 'peers'] as const
const SITE = 'bench'
const USER = { username: 'bench', password: 'bench', publish: ['#'], subscribe: ['#'] }

const USAGE = `npm run bench -- snmp [options]
  --devices N      simulated devices (1000)
  --seconds N      measured for each line (8)
  --only PARTS     of ${PARTS.join(',')} (all)
  --security LIST  v2c,v3 (both)
  --transport LIST dgram,batched (both)
  --threads N      poll threads of the role (as many as it starts by itself)
  --own            our own simulator, where fleet.c could be had
  --cpu-prof DIR   write CPU profiles of all threads of the measured programs
POLLUX_BENCH_FLEET names the source of fleet.c.
`

export async function benchSnmp(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      devices: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '8' },
      only: { type: 'string', default: PARTS.join(',') },
      security: { type: 'string', default: 'v2c,v3' },
      transport: { type: 'string', default: 'dgram,batched' },
      threads: { type: 'string' },
      own: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(USAGE)
  const profileDir = values['cpu-prof'] ? path.resolve(values['cpu-prof']) : null
  if (profileDir) await mkdir(profileDir, { recursive: true })
  const ends: (() => unknown)[] = []
  const t: Teardown = { teardown: end => ends.unshift(end) }
  const end = async () => {
    for (const one of ends.splice(0)) await one()
  }
  const stop = () => void end().finally(() => process.exit(1))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, stop)
  // Whoever read what we print is gone.
  process.stdout.once('error', stop)
  try {
    await all(t, {
      devices: Number(values.devices),
      seconds: Number(values.seconds),
      parts: new Set(values.only.split(',')),
      securities: values.security.split(',').filter(s => s === 'v2c' || s === 'v3'),
      transports: values.transport.split(',').filter(s => s === 'dgram' || s === 'batched'),
      threads: values.threads === undefined ? null : Number(values.threads),
      own: values.own,
      profileDir,
    })
  } finally {
    await end()
  }
}

interface Wanted {
  devices: number
  seconds: number
  parts: ReadonlySet<string>
  securities: readonly Security[]
  transports: readonly SnmpTransport[]
  threads: number | null
  own: boolean
  profileDir: string | null
}

async function all(t: Teardown, wanted: Wanted): Promise<void> {
  // A busy simulator takes a core, and is worth it only where there are others.
  const busy = availableParallelism() > 2
  const fleet = await startFleet(t, { devices: wanted.devices, busy, own: wanted.own })
  const { kind, devices } = fleet
  say(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.version}`)
  say(
    `${devices} devices by ${kind}, ${VARBINDS} varbinds a poll, measured ${wanted.seconds} s each\n`,
  )
  say(line('', 'devices/CPU-s', 'varbinds/CPU-s', 'RSS MB', 'lost', 'remark'))
  for (const security of wanted.securities) {
    if (security === 'v3' && !fleet.v3) {
      say('(v3 is left out: our own simulator speaks v2c alone; fleet.c needs gcc and libcrypto)')
      continue
    }
    for (const transport of wanted.transports) {
      await ours(t, wanted, { fleet, security, transport, seconds: wanted.seconds })
    }
    if (security === 'v2c' && wanted.parts.has('given')) await withoutReading(t, wanted, fleet)
  }
  await others(t, wanted, fleet)
}

async function ours(t: Teardown, wanted: Wanted, job: Job): Promise<void> {
  const { parts, profileDir, threads } = wanted
  const kind = `${job.security} ${job.transport}`
  if (parts.has('engine')) {
    await row(`engine ${kind}`, () => measure('engine.ts', job, profileDir))
  }
  if (!parts.has('role') && !parts.has('paced')) return
  if (!(await which('mosquitto'))) return say('(poll role left out: no Mosquitto here)')
  const role = async (every: string | null, warmSeconds: number) => {
    const receivers = await startReceivers(t)
    const roleJob: RoleJob = { ...job, ...receivers, every, warmSeconds, given: false, threads }
    return measure('role.ts', roleJob, profileDir)
  }
  if (parts.has('role')) await row(`poll role ${kind}, flat out`, () => role(null, 3))
  if (parts.has('paced')) {
    await row(`poll role ${kind}, each 10 s`, () => role('10s', 10))
  }
}

async function withoutReading(t: Teardown, wanted: Wanted, fleet: Fleet): Promise<void> {
  if (!(await which('mosquitto'))) return
  await row('poll role without reading', async () => {
    const roleJob: RoleJob = {
      ...{ fleet, security: 'v2c', transport: 'dgram', seconds: wanted.seconds },
      ...{ ...(await startReceivers(t)), every: null, warmSeconds: 3, given: true },
      threads: wanted.threads,
    }
    return measure('role.ts', roleJob, wanted.profileDir)
  })
}

async function others(t: Teardown, wanted: Wanted, fleet: Fleet): Promise<void> {
  const { parts, seconds, profileDir } = wanted
  if (parts.has('net-snmp')) {
    for (const way of ['bulk', 'tableColumns'] as const) {
      const job: NetSnmpJob = { fleet, security: 'v2c', transport: 'dgram', seconds, way }
      await row(`npm net-snmp, ${way}`, () => measure('net-snmp.ts', job, profileDir))
    }
  }
  if (!parts.has('peers')) return
  for (const { peer, program } of await findPeers()) {
    if (program) await row(peer.name, () => peer.measure(t, program, fleet))
    else say(`(${peer.name} left out: ${peer.binary} is not installed)`)
  }
}

/** A broker and a receiver for one run, so that no run hears of another's messages. */
async function startReceivers(t: Teardown): Promise<Pick<RoleJob, 'broker' | 'dir'>> {
  const { url } = await startMosquitto(t, [USER], ['max_inflight_messages 0'])
  const { username: user, password } = USER
  const file = path.join(import.meta.dirname, 'acker.ts')
  const acker = spawn(process.execPath, [file, url, user, password, SITE], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => void acker.kill('SIGKILL'))
  await new Promise(resolve => acker.stdout.once('data', resolve))
  return { broker: { url, user, password, site: SITE }, dir: await tempDir(t) }
}

async function row(name: string, run: () => Promise<Measured>): Promise<void> {
  try {
    const measured = await run()
    const { polls, lost, cpuSeconds, wallSeconds, rssMb, note } = measured
    const rate = polls / cpuSeconds
    const remark = `${(polls / wallSeconds).toFixed(0)}/s wall${note ? `; ${note}` : ''}`
    const rss = rssMb > 0 ? rssMb.toFixed(0) : '-'
    say(line(name, rate.toFixed(0), (rate * VARBINDS).toFixed(0), rss, `${lost}`, remark))
    const { threads, startCpuSeconds } = measured
    const us = (seconds: number) => `${((1e6 * seconds) / polls).toFixed(0)} us`
    if (threads) {
      const each = Object.entries(threads).map(([name, seconds]) => `${name} ${us(seconds)}`)
      say(`${INDENT}CPU a poll: ${us(cpuSeconds)}; ${each.join(', ')}`)
    }
    if (startCpuSeconds) {
      say(
        `${INDENT}its start and warming up, not in the above: ${startCpuSeconds.toFixed(1)} CPU-s`,
      )
    }
  } catch (error) {
    say(line(name, 'failed', '', '', '', error instanceof Error ? error.message : `${error}`))
  }
}

const INDENT = ' '.repeat(4)

function line(name: string, rate: string, values: string, rss: string, lost: string, note: string) {
  const cells = [rate.padStart(13), values.padStart(14), rss.padStart(6), lost.padStart(5)]
  return `${name.padEnd(28)} ${cells.join(' ')}  ${note}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
