// What `pollux agent` costs its host, with the containers of a Docker engine and without: two agents as real
// commands against one server, CPU seconds and memory of each over some minutes. Needs root and Docker.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { enrolToken } from '../test/agent/hosts.ts'
import { startDockerd } from '../test/parts/dockerd.ts'
import { until } from '../test/parts/find.ts'
import { installation, quickToken, spawnCommand, startServer } from '../test/system/server.ts'

/** Ticks of a CPU second in /proc (sysconf(_SC_CLK_TCK), always 100 on Linux). */
const ticksPerSecond = 100
/** Start, enrolment and the first read of everything are over by then, ms. */
const warmMs = 60_000

const { values } = parseArgs({
  options: {
    containers: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '300' },
    every: { type: 'string', default: '10s' },
  },
})
const [containers, seconds] = [Number(values.containers), Number(values.seconds)]

/** CPU seconds so far, of what it ran and has ended too (proc(5)), and memory in use now, MB. */
async function costOf(pid: number): Promise<{ cpu: number; megabytes: number }> {
  const [stat, status] = await Promise.all(
    ['stat', 'status'].map(name => readFile(`/proc/${pid}/${name}`, 'utf8')),
  )
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status ?? '')?.[1])
  return { cpu: ticks / ticksPerSecond, megabytes: Math.round(kilobytes / 1024) }
}

const teardowns: (() => unknown)[] = []
const t = { teardown: (done: () => unknown) => void teardowns.unshift(done) }
try {
  const where = await installation(t)
  const server = await startServer(t, where)
  const apiToken = await quickToken(where.sqliteUrl)
  const { address, run } = await startDockerd(t)
  for (let i = 0; i < containers; i++)
    await run(`box-${i}`, [], 'trap "exit 0" TERM; sleep 100000 & wait')
  const agents = []
  for (const [name, more] of [
    ['the host alone', []],
    [`with ${containers} containers`, [`--docker=${address}`]],
  ] as const) {
    const token = await enrolToken(server.url, apiToken)
    const dir = path.join(where.dir, `agent-${agents.length}`)
    const args = ['--server', server.url, '--token', token, '--data', dir, '--every', values.every]
    const watched = spawnCommand(t, where, ['agent', ...args, ...more])
    await until(() => /"msg":"measuring"/.test(watched.stderr()), 'the agent')
    agents.push({ name, pid: watched.child.pid ?? 0, most: 0 })
  }
  await setTimeout(warmMs)
  const before = await Promise.all(agents.map(({ pid }) => costOf(pid)))
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    await setTimeout(1000)
    for (const agent of agents)
      agent.most = Math.max(agent.most, (await costOf(agent.pid)).megabytes)
  }
  for (const [i, { name, pid, most }] of agents.entries()) {
    const cpu = (await costOf(pid)).cpu - (before[i]?.cpu ?? 0)
    const share = ((cpu / seconds) * 100).toFixed(2)
    console.log(
      `${name}, every ${values.every}: ${cpu.toFixed(1)} CPU s in ${seconds} s (${share} % of one core), at most ${most} MB`,
    )
  }
} finally {
  for (const done of teardowns) await done()
}
