// What reading a Docker engine costs: its own CPU and ours, by one-shot reads with our own deltas
// against streams of statistics. `npm run bench -- docker [containers ...]`; needs root.

import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import path from 'node:path'
import { addressPolicy } from '../server/addresses.ts'
import { openEngine } from '../server/docker/engine.ts'
import { linesOf } from '../server/docker/lines.ts'
import { readEngine } from '../server/docker/read.ts'
import { type Dockerd, startDockerd } from '../test/parts/dockerd.ts'

const COUNTS = [50, 200]
const startsAtOnce = 8
/** Each way is looked at for so long; it reads every `everyMs`, but for streams, which come each second. */
const measureMs = 30_000
const everyMs = 10_000
const ticksPerSecond = 100

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, Math.max(0, ms)))

/** CPU ms that the engine has used: dockerd and its containerd, not the shims of containers. */
async function engineCpuMs(dockerd: Dockerd): Promise<number> {
  const pid = (await readFile(path.join(path.dirname(dockerd.socketPath), 'd.pid'), 'utf8')).trim()
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  let ticks = 0
  for (const one of [pid, ...children.trim().split(' ').filter(Boolean)]) {
    const stat = await readFile(`/proc/${one}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return (ticks * 1000) / ticksPerSecond
}

async function measured(name: string, dockerd: Dockerd, work: () => Promise<number>) {
  const engineBefore = await engineCpuMs(dockerd)
  const before = process.cpuUsage()
  const startedAt = performance.now()
  const readings = await work()
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(before)
  const engine = (await engineCpuMs(dockerd)) - engineBefore
  return {
    way: name,
    readings,
    'engine, CPU ms/s': Math.round(engine / seconds),
    'client, CPU ms/s': Math.round((user + system) / 1000 / seconds),
    'engine, ms/reading': readings ? Number((engine / readings).toFixed(2)) : null,
  }
}

/** Reads of everything every `everyMs`, as a poll does. */
async function polls(dockerd: Dockerd, oneShot: boolean): Promise<number> {
  const engine = await openEngine({
    address: dockerd.address,
    addresses: addressPolicy([]),
    timeoutMs: 30_000,
  })
  const version = { ...(await engine.version()), ...(!oneShot && { ApiVersion: '1.40' }) }
  const end = performance.now() + measureMs
  let readings = 0
  for (let next = performance.now(); next < end; next += everyMs) {
    await pause(next - performance.now())
    const { made } = await readEngine(engine, version, true, new AbortController().signal)
    readings += made.size
  }
  await pause(end - performance.now())
  engine.close()
  return readings
}

/** A stream of statistics to each container: one reading a second, whatever we need. */
async function streams(dockerd: Dockerd): Promise<number> {
  const ids = (await dockerd.docker('ps', '-q', '--no-trunc')).split('\n')
  const { socketPath } = dockerd
  let readings = 0
  const calls = ids.map(id => {
    const call = get({ socketPath, path: `/containers/${id}/stats?stream=true` }, async answer => {
      try {
        for await (const line of linesOf(answer, { dropped: 0 })) {
          JSON.parse(line)
          readings++
        }
      } catch {
        // It ends by being cut.
      }
    })
    return call.on('error', () => {})
  })
  await pause(measureMs)
  for (const call of calls) call.destroy()
  return readings
}

async function startContainers(dockerd: Dockerd, from: number, to: number): Promise<void> {
  let next = from
  const worker = async () => {
    while (next < to) {
      await dockerd.run(`c${next++}`, ['--network', 'none'], 'while :; do sleep 5; done')
    }
  }
  await Promise.all(Array.from({ length: startsAtOnce }, worker))
}

const asked = process.argv.slice(2).map(Number)
const counts = asked.length > 0 ? asked : COUNTS
if (!counts.every(count => Number.isInteger(count) && count > 0)) {
  process.stderr.write('npm run bench -- docker [containers ...]\n')
  process.exit(2)
}
const endings: (() => unknown)[] = []
const dockerd = await startDockerd({ teardown: end => endings.push(end) })
try {
  let running = 0
  for (const count of counts.sort((a, b) => a - b)) {
    await startContainers(dockerd, running, count)
    running = count
    await pause(5000)
    const rows = [
      await measured('nothing', dockerd, async () => {
        await pause(measureMs)
        return 0
      }),
      await measured('one-shot every 10 s', dockerd, () => polls(dockerd, true)),
      await measured('two readings every 10 s', dockerd, () => polls(dockerd, false)),
      await measured('streams', dockerd, () => streams(dockerd)),
    ]
    process.stdout.write(`${count} containers\n`)
    console.table(rows)
  }
} finally {
  for (const end of endings.reverse()) await end()
}
