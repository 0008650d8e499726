// Processes by state, and what the programs use, from /proc/<pid>/stat (proc_pid_stat(5)). Read in
// small portions: a host may have ten thousand of them.

import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { Program, Tasks } from './source.ts'

/** Processes that are looked at. */
const tasksMax = 20_000
/** Files read before others have their turn. */
const portion = 100
/** USER_HZ, which Linux fixes for programs at 100 on all that Node runs on. */
const tickMs = 10

/** Fields of stat, counted from the state (field 3 of the manual). */
const STATE = 0
const USER_TIME = 11
const SYSTEM_TIME = 12
const THREADS = 17
const STARTED = 19
const VIRTUAL = 20
const RESIDENT = 21

type StateName = Exclude<keyof Tasks, 'threads' | 'programs'>
const STATES: Readonly<Record<string, StateName>> = {
  R: 'running',
  S: 'sleeping',
  I: 'sleeping',
  D: 'blocked',
  Z: 'zombie',
  T: 'stopped',
  t: 'stopped',
}

interface Task {
  name: string
  state: string
  cpuMs: number
  threads: number
  started: number
  memoryBytes: number
}

/** Reads /proc, remembering each process's CPU time from one call to the next. */
export function createTasks(proc: string): () => Promise<Tasks> {
  const pageBytes = pageSize()
  let before = new Map<string, number>()
  return async () => {
    const counts = { running: 0, sleeping: 0, blocked: 0, zombie: 0, stopped: 0, threads: 0 }
    const programs = new Map<string, Program>()
    const seen = new Map<string, number>()
    for (const [i, pid] of pidsOf(proc).entries()) {
      if (i % portion === portion - 1) await turn()
      const task = readTask(`${proc}/${pid}/stat`, pageBytes)
      if (!task) continue
      const key = `${pid} ${task.started}`
      seen.set(key, task.cpuMs)
      counts[STATES[task.state] ?? 'sleeping']++
      counts.threads += task.threads
      const known = programs.get(task.name)
      const program = known ?? { name: task.name, processes: 0, memoryBytes: 0, cpuMs: 0 }
      program.processes++
      program.memoryBytes += task.memoryBytes
      program.cpuMs += task.cpuMs - (before.get(key) ?? 0)
      programs.set(task.name, program)
    }
    before = seen
    return { ...counts, programs: [...programs.values()] }
  }
}

function pidsOf(proc: string): string[] {
  return readdirSync(proc)
    .filter(name => /^[0-9]+$/.test(name))
    .slice(0, tasksMax)
}

/** null: it ended meanwhile. */
function readTask(file: string, pageBytes: number): Task | null {
  try {
    return parseTask(readFileSync(file, 'utf8'), pageBytes)
  } catch {
    return null
  }
}

/** A name may hold blanks and brackets: the last bracket ends it. */
export function parseTask(stat: string, pageBytes: number): Task | null {
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  if (end < 0 || fields.length <= RESIDENT) return null
  const at = (index: number) => Number(fields[index])
  return {
    // Kernel threads have no memory, and names without number.
    name: at(VIRTUAL) === 0 ? '(kernel)' : stat.slice(stat.indexOf('(') + 1, end),
    state: fields[STATE] ?? '',
    cpuMs: (at(USER_TIME) + at(SYSTEM_TIME)) * tickMs,
    threads: at(THREADS),
    started: at(STARTED),
    memoryBytes: Math.max(0, at(RESIDENT)) * pageBytes,
  }
}

/** By our own size in bytes and in pages, to the nearest power of two. */
function pageSize(): number {
  try {
    const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1])
    return 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages)) || 4096
  } catch {
    return 4096
  }
}
