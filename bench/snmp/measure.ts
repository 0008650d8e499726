// One measured poller: a program of its own, so that its CPU time and memory are its own. It gets its
// options as JSON in its first argument and prints one line of JSON.

import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
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
  /** CPU seconds of all that came before: modules, finding out who answers, warming up. */
  startCpuSeconds: Type.Optional(Type.Number()),
  /** Of `cpuSeconds`, those of the threads that have names of their own. */
  threads: Type.Optional(Type.Record(Type.String(), Type.Number())),
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

/** Options of a measured program, as `measure` gave them. It ends when its parent does. */
export function jobOf<T extends Job>(): T {
  endWithParent()
  return JSON.parse(process.argv[2] ?? '{}')
}

/** Our standard input is a pipe of the parent: it closes however the parent ends. */
export function endWithParent(): void {
  process.stdin.once('close', () => process.exit(1))
  process.stdin.resume()
  process.stdin.unref()
}

export function report(measured: Measured): void {
  process.stdout.write(`${JSON.stringify(measured)}\n`)
}

/** `profileDir`: a CPU profile of each of its threads is written there. */
export function measure(program: string, job: Job, profileDir: string | null): Promise<Measured> {
  const profiling = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : []
  const file = path.join(import.meta.dirname, program)
  const child = spawn(process.execPath, [...profiling, file, JSON.stringify(job)], {
    stdio: ['pipe', 'pipe', 'inherit'],
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

/** CPU seconds of each thread of this process, by its name; several of one name are summed. */
export async function cpuSecondsByThread(): Promise<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const task of await readdir('/proc/self/task')) {
    const text = await readFile(`/proc/self/task/${task}/stat`, 'utf8').catch(() => null)
    if (text === null) continue
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))
    sums[name] = (sums[name] ?? 0) + cpuSecondsIn(text, 'own')
  }
  return sums
}

/** CPU seconds of another process, or (`children`) of those that this one started and that ended. */
export async function cpuSecondsOf(pid: number | 'children'): Promise<number> {
  const text = await readFile(`/proc/${pid === 'children' ? 'self' : pid}/stat`, 'utf8')
  return cpuSecondsIn(text, pid === 'children' ? 'children' : 'own')
}

function cpuSecondsIn(text: string, whose: 'own' | 'children'): number {
  // After the name in brackets, which may hold anything, come the fields from the third on (proc(5)).
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0] = whose === 'children' ? fields.slice(13, 15) : fields.slice(11, 13)
  return (user + system) / ticksPerSecond
}

export async function rssMbOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024
}
