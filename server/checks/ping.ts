// Three ICMP echoes by the system's own `ping` (iputils, busybox, BSD): loss and round trips.

import { execFile } from 'node:child_process'
import { isIP } from 'node:net'
import { CheckFailed, type Found } from './outcome.ts'

const echoes = 3
const spacingMs = 200
/** A few lines are said; who says more is not ping. */
const outputBytesMax = 65_536
/** Processes under way at once in this thread; the others wait within their own time limit. */
const pingsMax = 8

let underWay = 0
const waiting = new Set<() => void>()

/**
 * @param address a numeric address that may be asked
 * @param command another program that takes the same arguments; for tests
 * @throws CheckFailed where no echo came back, or ping cannot be used
 */
export async function checkPing(
  address: string,
  timeoutMs: number,
  found: Found,
  signal: AbortSignal,
  command = 'ping',
): Promise<void> {
  if (isIP(address) === 0) throw new CheckFailed(`"${address}" is no address`)
  await turn(signal)
  try {
    note(await output(command, address, timeoutMs, signal), found)
  } finally {
    underWay--
    const [next] = waiting
    next?.()
  }
}

async function turn(signal: AbortSignal): Promise<void> {
  while (underWay >= pingsMax) {
    signal.throwIfAborted()
    await new Promise<void>(resolve => {
      const go = () => {
        waiting.delete(go)
        signal.removeEventListener('abort', go)
        resolve()
      }
      waiting.add(go)
      signal.addEventListener('abort', go, { once: true })
    })
  }
  signal.throwIfAborted()
  underWay++
}

function output(
  command: string,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string> {
  // Whole seconds, as busybox wants them; what was lost is said before the check's time is over.
  const wait = String(Math.max(1, Math.floor((timeoutMs - spacingMs * echoes) / 1000)))
  const args = [
    '-n',
    '-c',
    String(echoes),
    '-i',
    String(spacingMs / 1000),
    '-W',
    wait,
    '--',
    address,
  ]
  const env = { PATH: process.env.PATH, LC_ALL: 'C' }
  return new Promise((resolve, reject) => {
    const options = { env, signal, maxBuffer: outputBytesMax, killSignal: 'SIGKILL' } as const
    execFile(command, args, options, (error, stdout, stderr) => {
      // 1: echoes were lost, which the output says too.
      if (error === null || error.code === 1) resolve(stdout)
      else if (error.code === 'ENOENT')
        reject(new CheckFailed('there is no program "ping" on this machine'))
      else reject(new CheckFailed(`ping failed: ${stderr.trim() || error.message}`))
    })
  })
}

function note(output: string, found: Found): void {
  const counts = /(\d+) packets transmitted, (\d+) (?:packets )?received/.exec(output)
  if (counts === null) throw new CheckFailed('what ping said cannot be understood')
  const [sent, received] = [Number(counts[1]), Number(counts[2])]
  if (sent > 0) found.number('ping.loss', (100 * (sent - received)) / sent)
  const trips = [...output.matchAll(/time[=<]([\d.]+) ?ms/g)].map(match => Number(match[1]) / 1000)
  if (trips.length > 0) {
    const sum = trips.reduce((total, trip) => total + trip, 0)
    found.number('time', sum / trips.length)
    found.number('ping.min', Math.min(...trips))
    found.number('ping.max', Math.max(...trips))
    found.number('ping.jitter', jitterOf(trips))
  }
  if (received === 0) throw new CheckFailed('no echo came back')
}

/** The mean difference between one round trip and the next, as RFC 3550 compares packets. */
function jitterOf(trips: readonly number[]): number {
  const steps = trips.slice(1).map((trip, i) => Math.abs(trip - (trips[i] ?? trip)))
  return steps.length === 0 ? 0 : steps.reduce((sum, step) => sum + step, 0) / steps.length
}
