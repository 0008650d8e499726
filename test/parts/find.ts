// How a test gets a real part: a URL in the environment, a binary on this machine, Debian's package
// as root, or one sentence that names the package. No test is skipped because a part is absent.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { constants } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const SEARCH_PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin`

/** The full path of a program, or null. */
export async function which(binary: string): Promise<string | null> {
  for (const dir of SEARCH_PATH.split(':').filter(Boolean)) {
    const file = path.join(dir, binary)
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file
  }
  return null
}

/**
 * The full path of a program, installing Debian's package where it is absent and we are root.
 * @throws Error with one sentence that names the package
 */
export async function program(binary: string, debianPackage: string): Promise<string> {
  const found = await which(binary)
  if (found) return found
  if (process.getuid?.() === 0 && (await which('apt-get'))) {
    await aptInstall(debianPackage)
    const installed = await which(binary)
    if (installed) return installed
  }
  throw new Error(
    `The tests need ${binary}: install the Debian package "${debianPackage}" (or its like).`,
  )
}

/** One apt-get at a time on this machine: test files run side by side. */
async function aptInstall(debianPackage: string): Promise<void> {
  const flock = (script: string) =>
    run('flock', ['/tmp/pollux-test-apt.lock', 'sh', '-c', script], { maxBuffer: 1 << 26 })
  const env = 'DEBIAN_FRONTEND=noninteractive'
  const install = `${env} apt-get install -y -qq --no-install-recommends ${debianPackage}`
  await flock(`${install} || (apt-get update -qq && ${install})`)
}

/** A TCP port that was free a moment ago on 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(0, '127.0.0.1', resolve),
  )
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A UDP port that was free a moment ago on 127.0.0.1. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, '127.0.0.1', resolve)
  })
  const { port } = socket.address()
  await new Promise<void>(resolve => socket.close(() => resolve()))
  return port
}

/** What a test uses of tap's `t`: enough to clean up after itself. */
export interface Teardown {
  teardown(fn: () => void | Promise<unknown>): unknown
}

/** A short temporary folder (unix sockets must stay under 107 characters), gone after the test. */
export async function tempDir(t: Teardown): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'px-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

/** A started part. `stop` ends it by its process id and waits. */
export interface RunningPart {
  child: ChildProcess
  output: () => string
  stop: (signal?: NodeJS.Signals) => Promise<void>
}

/** Starts a program of ours and waits until `ready` says so; what it printed is in the error. */
export async function startPart(
  command: string,
  args: readonly string[],
  ready: () => Promise<boolean>,
  options: { env?: Record<string, string>; timeoutMs?: number; cwd?: string } = {},
): Promise<RunningPart> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-20_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  let ended: string | null = null
  child.once('error', error => (ended = error.message))
  let isReady = false
  let isStopped = false
  child.once('exit', (code, signal) => {
    ended = `exit ${code ?? signal}`
    // A part that dies by itself makes tests fail in words that do not name it.
    if (isReady && !isStopped && code !== 0) {
      process.stderr.write(`${command} ended by itself (${ended}):\n${text.slice(-4000)}\n`)
    }
  })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    isStopped = true
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    const hard = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await gone
    clearTimeout(hard)
  }
  const deadline = Date.now() + (options.timeoutMs ?? 20_000)
  while (ended === null && Date.now() < deadline) {
    if (await ready().catch(() => false)) {
      isReady = true
      return { child, output: () => text, stop }
    }
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  await stop('SIGKILL')
  throw new Error(`${command} did not start (${ended ?? 'not ready in time'}):\n${text}`)
}

/** A wait ends a hopeless test, it asserts no speed: a machine with other work gets at least this, ms. */
const patienceMs = 40_000

/** Waits until `probe` gives something other than null, undefined or false. */
export async function until<T>(
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  what: string,
  timeoutMs = patienceMs,
): Promise<T> {
  const waitMs = Math.max(timeoutMs, patienceMs)
  const deadline = Date.now() + waitMs
  for (;;) {
    const value = await probe()
    if (value !== null && value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`waited ${waitMs} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
