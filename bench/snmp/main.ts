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
  try {
    await all(t, {
      devices: Number(values.devices),
      seconds: Number(values.seconds),
      parts: new Set(values.only.split(',')),
      securities: values.security.split(',').filter(s => s === 'v2c' || s === 'v3'),
      transports: values.transport.split(',').filter(s => s === 'dgram' || s === 'batched'),
      own: values.own,
      profileDir,
    })
  } finally {
    for (const end of ends) await end()
  }
}

interface Wanted {
  devices: number
  seconds: number
  parts: ReadonlySet<string>
  securities: readonly Security[]
  transports: readonly SnmpTransport[]
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
  const { parts, profileDir } = wanted
  const kind = `${job.security} ${job.transport}`
  if (parts.has('engine')) {
    await row(`engine ${kind}`, () => measure('engine.ts', job, profileDir))
  }
  if (!parts.has('role') && !parts.has('paced')) return
  if (!(await which('mosquitto'))) return say('(poll role left out: no Mosquitto here)')
  const role = async (every: string | null, warmSeconds: number) => {
    const receivers = await startReceivers(t)
    const roleJob: RoleJob = { ...job, ...receivers, every, warmSeconds, given: false }
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
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => void acker.kill('SIGKILL'))
  await new Promise(resolve => acker.stdout.once('data', resolve))
  return { broker: { url, user, password, site: SITE }, dir: await tempDir(t) }
}

async function row(name: string, run: () => Promise<Measured>): Promise<void> {
  try {
    const { polls, lost, cpuSeconds, wallSeconds, rssMb, note } = await run()
    const rate = polls / cpuSeconds
    const remark = `${(polls / wallSeconds).toFixed(0)}/s wall${note ? `; ${note}` : ''}`
    const rss = rssMb > 0 ? rssMb.toFixed(0) : '-'
    say(line(name, rate.toFixed(0), (rate * VARBINDS).toFixed(0), rss, `${lost}`, remark))
  } catch (error) {
    say(line(name, 'failed', '', '', '', error instanceof Error ? error.message : `${error}`))
  }
}

function line(name: string, rate: string, values: string, rss: string, lost: string, note: string) {
  const cells = [rate.padStart(13), values.padStart(14), rss.padStart(6), lost.padStart(5)]
  return `${name.padEnd(28)} ${cells.join(' ')}  ${note}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
