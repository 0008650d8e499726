// A program of the system, run with all bounds: no shell, no input, so much time, so much output.

import { type ChildProcess, execFile } from 'node:child_process'

const outputBytesMax = 1024 * 1024

/** What it printed, and its exit status; null: it is not installed, or may not be run. */
export interface Output {
  status: number
  text: string
}

export interface Programs {
  /** @throws Error TimeoutError, or where it printed too much */
  run(name: string, args: readonly string[], msMax: number): Promise<Output | null>
  /** Ends those that run. */
  close(): void
}

export function createPrograms(): Programs {
  const running = new Set<ChildProcess>()
  return {
    run: (name, args, msMax) =>
      new Promise((resolve, reject) => {
        const options = {
          timeout: msMax,
          killSignal: 'SIGKILL',
          maxBuffer: outputBytesMax,
        } as const
        // Words in English, whatever the machine speaks.
        const env = { ...process.env, LC_ALL: 'C' }
        const child = execFile(name, args, { ...options, env }, (error, text) => {
          running.delete(child)
          if (!error) return resolve({ status: 0, text })
          if (error.code === 'ENOENT' || error.code === 'EACCES') return resolve(null)
          if (typeof error.code === 'number') return resolve({ status: error.code, text })
          if (error.killed && error.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
            return reject(new DOMException(`${name} did not end in ${msMax} ms`, 'TimeoutError'))
          reject(error)
        })
        child.stdin?.end()
        running.add(child)
      }),
    close() {
      for (const child of running) child.kill('SIGKILL')
    },
  }
}
