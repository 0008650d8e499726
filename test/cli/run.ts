// Runs `pollux …` as a person does: a process of its own, in an empty folder, with a data folder of
// its own and nothing else of this environment.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { type Teardown, tempDir } from '../parts/find.ts'

const LAUNCHER = path.join(import.meta.dirname, '../../server/pollux.js')
const RUN_MS_MAX = 60_000

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  env?: Record<string, string>
  /** What comes on standard input. */
  input?: string
}

export interface Shell {
  dataDir: string
  /** Where commands run; files named in arguments lie here. */
  folder: string
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** The answer of a command that must succeed, as JSON. */
  json(args: readonly string[], options?: RunOptions): Promise<unknown>
}

export async function shell(t: Teardown): Promise<Shell> {
  const folder = await tempDir(t)
  const dataDir = path.join(folder, 'data')
  const run: Shell['run'] = (args, { env = {}, input = '' } = {}) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [LAUNCHER, ...args], {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          // The second start of a test is twice as fast as the first.
          NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
          POLLUX_DATA_DIR: dataDir,
          ...env,
        },
        timeout: RUN_MS_MAX,
      })
      const ran: Ran = { code: null, stdout: '', stderr: '' }
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        ran.stdout += chunk
      })
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        ran.stderr += chunk
      })
      child.once('error', reject)
      child.once('close', code => resolve({ ...ran, code }))
      // A command that does not read its input may end before it is written.
      child.stdin.on('error', () => undefined)
      child.stdin.end(input)
    })
  return {
    dataDir,
    folder,
    run,
    async json(args, options) {
      const { code, stdout, stderr } = await run(args, options)
      if (code !== 0) throw new Error(`pollux ${args.join(' ')} gave ${code}: ${stderr}`)
      return JSON.parse(stdout)
    },
  }
}
