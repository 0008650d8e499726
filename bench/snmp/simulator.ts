// Starts the simulated fleet: fleet.c, compiled with gcc where both are there, else our own (fleet.ts),
// which speaks v2c alone.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { freeUdpPort, type Teardown, tempDir, which } from '../../test/parts/find.ts'
import { V3 } from './fleet-facts.ts'

const run = promisify(execFile)
const root = path.join(import.meta.dirname, '../..')
const startMsMax = 60_000

export interface Fleet {
  devices: number
  port: number
  /** Which simulator it is, for the table's head. */
  kind: 'fleet.c' | 'fleet.ts'
  /** Does it speak SNMPv3? */
  v3: boolean
}

/** The C simulator's source, by POLLUX_BENCH_FLEET or beside this repository; null: not there. */
async function source(): Promise<string | null> {
  const named = process.env.POLLUX_BENCH_FLEET
  const candidates = [named, path.join(root, '../shared/tools/fleet.c')]
  for (const file of candidates) {
    if (!file) continue
    const there = await access(file).then(
      () => true,
      () => false,
    )
    if (there) return file
    if (file === named) throw new Error(`POLLUX_BENCH_FLEET names ${file}, which is not there`)
  }
  return null
}

async function compiled(t: Teardown): Promise<string | null> {
  const file = await source()
  const gcc = await which('gcc')
  if (!file || !gcc) return null
  const binary = path.join(await tempDir(t), 'fleet')
  try {
    await run(gcc, ['-O2', '-march=native', '-w', '-o', binary, file, '-lcrypto'])
    return binary
  } catch (error) {
    console.warn(`fleet.c does not compile: ${error instanceof Error ? error.message : error}`)
    return null
  }
}

/** `busy`: fleet.c never sleeps, so that a poller is not charged for waking it; it takes a core. */
export async function startFleet(
  t: Teardown,
  options: { devices: number; busy: boolean; own: boolean },
): Promise<Fleet> {
  const { devices, busy } = options
  const port = await freeUdpPort()
  const binary = options.own ? null : await compiled(t)
  const child = binary
    ? spawn(binary, [...cArguments(devices, port), ...(busy ? ['-b'] : [])], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
    : spawn(
        process.execPath,
        [path.join(import.meta.dirname, 'fleet.ts'), `${devices}`, `${port}`],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      )
  t.teardown(() => stop(child))
  await firstLine(child)
  return { devices, port, kind: binary ? 'fleet.c' : 'fleet.ts', v3: binary !== null }
}

function cArguments(devices: number, port: number): string[] {
  return [
    ...['-n', `${devices}`, '-p', `${port}`],
    ...['-u', V3.user, '-A', V3.auth, '-X', V3.priv, '-a', 'sha256'],
  ]
}

function firstLine(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the simulator did not start')), startMsMax)
    const stream = child.stdout ?? child.stderr
    stream?.once('data', () => {
      clearTimeout(timer)
      resolve()
    })
    // Whatever it prints later must not fill the pipe.
    stream?.resume()
    child.once('exit', code => reject(new Error(`the simulator ended with ${code}`)))
  })
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
