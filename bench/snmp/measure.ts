// One measured poller: a program of its own, so that its CPU time and memory are its own. It gets its
// options as JSON in its first argument and prints one line of JSON.

import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import type { SnmpTransport } from '../../server/config.ts'
import { checker, parseJson } from '../../server/validate.ts'
import type { Fleet } from './simulator.ts'

export const Measured = Type.Object({
  /** Polls that gave their values. */
  polls: Type.Number(),
  /** Polls that did not. */
  lost: Type.Number(),
  cpuSeconds: Type.Number(),
  wallSeconds: Type.Number(),
  /** Resident memory at the end, MB. */
  rssMb: Type.Number(),
  note: Type.Optional(Type.String()),
})
export type Measured = Static<typeof Measured>

const check = checker(Measured)

export type Security = 'v2c' | 'v3'

export interface Job {
  fleet: Fleet
  security: Security
  transport: SnmpTransport
  seconds: number
}

/** Options of a measured program, as `measure` gave them. */
export function jobOf<T extends Job>(): T {
  return JSON.parse(process.argv[2] ?? '{}')
}

export function report(measured: Measured): void {
  process.stdout.write(`${JSON.stringify(measured)}\n`)
}

/** `profileDir`: a CPU profile of each of its threads is written there. */
export function measure(program: string, job: Job, profileDir: string | null): Promise<Measured> {
  const profiling = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : []
  const file = path.join(import.meta.dirname, program)
  const child = spawn(process.execPath, [...profiling, file, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => {
      const line = text.trim().split('\n').at(-1) ?? ''
      const checked = code === 0 ? check(parseJson(line)) : null
      if (checked?.ok) resolve(checked.value)
      else reject(new Error(`${program} ended with ${code}: ${line.slice(0, 500)}`))
    })
  })
}

/** CPU time of this process and all its threads while `run` runs. */
export async function cpuOf<T>(
  run: () => Promise<T>,
): Promise<{ result: T; cpuSeconds: number; wallSeconds: number }> {
  const cpu = process.cpuUsage()
  const from = performance.now()
  const result = await run()
  const { user, system } = process.cpuUsage(cpu)
  return {
    result,
    cpuSeconds: (user + system) / 1e6,
    wallSeconds: (performance.now() - from) / 1000,
  }
}

export const rssMb = (): number => process.memoryUsage.rss() / 2 ** 20

/** Clock ticks a second of /proc/PID/stat: Linux has always told user space 100. */
const ticksPerSecond = 100

/** CPU seconds of another process, or (`children`) of those that this one started and that ended. */
export async function cpuSecondsOf(pid: number | 'children'): Promise<number> {
  const text = await readFile(`/proc/${pid === 'children' ? 'self' : pid}/stat`, 'utf8')
  // After the name in brackets, which may hold anything, come the fields from the third on (proc(5)).
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0] = pid === 'children' ? fields.slice(13, 15) : fields.slice(11, 13)
  return (user + system) / ticksPerSecond
}

export async function rssMbOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024
}
