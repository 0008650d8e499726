// The whole program as people start it, for tests: `node server/pollux.js serve` in a process of its
// own with a private data folder and free ports, and what may be asked of it from outside.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import Type, { type Static } from 'typebox'
import { addToken } from '../../server/auth/tokens.ts'
import { openStore } from '../../server/store/open.ts'
import { parser } from '../../server/validate.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'

const POLLUX = fileURLToPath(new URL('../../server/pollux.js', import.meta.url))
/** A process that did not end by itself after so long is killed, and has failed, ms. */
const killMs = 40_000
const outputCharsMax = 200_000

export type Env = Readonly<Record<string, string>>

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A place for one installation: its settings, the same for every start and every command. */
export interface Installation {
  dir: string
  dataDir: string
  /** Where the data are unless a test says otherwise. */
  sqliteUrl: string
  env: Env
}

/** @param env added to, and before, what tests need: free ports, loopback allowed */
export async function installation(t: Teardown, env: Env = {}): Promise<Installation> {
  const dir = await tempDir(t)
  const dataDir = path.join(dir, 'data')
  await mkdir(path.join(dir, 'cwd'))
  return {
    dir,
    dataDir,
    sqliteUrl: `sqlite:${path.join(dataDir, 'pollux.db')}`,
    env: {
      POLLUX_DATA_DIR: dataDir,
      POLLUX_PORT: '0',
      POLLUX_MQTT_LISTEN: '127.0.0.1:0',
      POLLUX_ALLOW_NETWORKS: '127.0.0.0/8',
      ...env,
    },
  }
}

/** Nothing of the test's own surroundings: no settings of a developer, no hooks of the runner. */
function spawnPollux(where: Installation, args: readonly string[], env: Env): ChildProcess {
  const { PATH = '/usr/bin:/bin', HOME = '/', TMPDIR } = process.env
  return spawn(process.execPath, [POLLUX, ...args], {
    cwd: path.join(where.dir, 'cwd'),
    env: { PATH, HOME, ...(TMPDIR && { TMPDIR }), ...where.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

export interface Watched {
  child: ChildProcess
  stdout(): string
  stderr(): string
  ended: Promise<Ended>
}

function watch(child: ChildProcess): Watched {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', chunk => (stdout = (stdout + chunk).slice(-outputCharsMax)))
  child.stderr?.on('data', chunk => (stderr = (stderr + chunk).slice(-outputCharsMax)))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { child, stdout: () => stdout, stderr: () => stderr, ended }
}

/** Runs one command of Pollux to its end. */
export async function pollux(
  where: Installation,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Env } = {},
): Promise<Ended> {
  const { child, ended } = watch(spawnPollux(where, args, env))
  child.stdin?.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), 3 * killMs)
  const result = await ended
  clearTimeout(timer)
  return result
}

export interface Server {
  url: string
  pid: number
  stdout(): string
  stderr(): string
  /** SIGTERM, and the end that it made by itself; killed, and seen in `signal`, where it made none. */
  stop(): Promise<Ended>
  ended: Promise<Ended>
  /** kill -9, now. */
  kill(): Promise<Ended>
}

/** Starts the server; whatever becomes of it, it is gone after the test. */
export function spawnServer(
  t: Teardown,
  where: Installation,
  env: Env = {},
  args: readonly string[] = [],
): Watched {
  return spawnCommand(t, where, ['serve', ...args], env)
}

/** Starts any command that goes on until it is stopped. */
export function spawnCommand(
  t: Teardown,
  where: Installation,
  args: readonly string[],
  env: Env = {},
): Watched & { stop(): Promise<Ended> } {
  const watched = watch(spawnPollux(where, args, env))
  const { child } = watched
  child.stdin?.end()
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) await endOf(watched)
  })
  return { ...watched, stop: () => endOf(watched) }
}

/** SIGTERM, then SIGKILL where that does not end it. */
async function endOf({ child, ended }: Watched): Promise<Ended> {
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), killMs)
  const result = await ended
  clearTimeout(hard)
  return result
}

/**
 * Starts the server and waits for the line that says where it is.
 * @throws Error with all that it printed when it ended instead
 */
export async function startServer(
  t: Teardown,
  where: Installation,
  env: Env = {},
  args: readonly string[] = [],
): Promise<Server> {
  const watched = spawnServer(t, where, env, args)
  const { child, ended } = watched
  let end: Ended | null = null
  void ended.then(
    result => (end = result),
    () => undefined,
  )
  const url = await until(
    () => {
      if (end) throw new Error(`the server ended: ${JSON.stringify(end)}`)
      const said = /(?:Pollux is|tells how it does) at (\S+?)(?:\/readyz)?\n/
      return said.exec(watched.stdout())?.[1]
    },
    'the server to say where it is',
    30_000,
  )
  return {
    url,
    pid: child.pid ?? 0,
    stdout: watched.stdout,
    stderr: watched.stderr,
    ended,
    stop: () => endOf(watched),
    async kill() {
      child.kill('SIGKILL')
      return await ended
    },
  }
}

// ---- what programs may ask

const parseToken = parser(Type.Object({ token: Type.String() }), 'E_TEST', 'the token')

/** A token of the installation, made on the command line while the server may be running. */
export async function makeToken(where: Installation, name = 't'): Promise<string> {
  const made = await pollux(where, ['token', 'add', '--name', name, '--role', 'admin', '--json'])
  if (made.code !== 0) throw new Error(`no token: ${made.stderr}`)
  return parseToken(JSON.parse(made.stdout)).token
}

/** As `makeToken`, without a process of its own: for tests that are about something else. */
export async function quickToken(databaseUrl: string): Promise<string> {
  const store = await openStore({ url: databaseUrl, log: silentLog })
  try {
    const made = { name: 'quick', role: 'admin', expiresInMs: 3_600_000, at: Date.now() } as const
    return (await addToken(store.users, made)).token
  } finally {
    await store.close()
  }
}

async function change(
  url: string,
  token: string,
  method: 'POST' | 'PATCH',
  where: string,
  document: unknown,
): Promise<void> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  const answer = await fetch(url + where, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body: JSON.stringify(document),
  })
  if (!answer.ok)
    throw new Error(`${method} ${where} gave ${answer.status}: ${await answer.text()}`)
}

type Document = Readonly<Record<string, unknown>>

/** Adds devices by the API. */
export async function addDevices(url: string, token: string, devices: readonly Document[]) {
  for (const device of devices) await change(url, token, 'POST', '/api/v1/devices', device)
}

/** Pauses devices by the API: nothing is read any more. */
export async function pauseDevices(url: string, token: string, devices: readonly Document[]) {
  for (const { id } of devices)
    await change(url, token, 'PATCH', `/api/v1/devices/${id}`, { enabled: false })
}

const Latest = Type.Object({
  at: Type.Union([Type.Number(), Type.Null()]),
  samples: Type.Array(
    Type.Object({
      metric: Type.String(),
      row: Type.Union([Type.String(), Type.Null()]),
      value: Type.Union([Type.Number(), Type.String(), Type.Null()]),
      at: Type.Number(),
      gap: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
})
export type LatestSample = Static<typeof Latest>['samples'][number]

export const parseLatest = parser(Latest, 'E_TEST', 'the latest samples')

/** GET with a bearer token. */
export function ask(url: string, token: string, where: string): Promise<Response> {
  return fetch(url + where, { headers: { authorization: `Bearer ${token}` } })
}

/** The newest samples of a device by the API; empty while there is none. */
export async function latestOf(
  url: string,
  token: string,
  device: string,
): Promise<LatestSample[]> {
  const answer = await ask(url, token, `/api/v1/devices/${device}/latest`)
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`latest of ${device} gave ${answer.status}: ${text}`)
  return parseLatest(JSON.parse(text)).samples
}

/** A figure of /metrics summed over all its labels that match; 0 where there is none. */
export async function figure(
  url: string,
  token: string,
  name: string,
  labels: Env = {},
): Promise<number> {
  const answer = await ask(url, token, '/metrics')
  if (answer.status !== 200) throw new Error(`/metrics gave ${answer.status}`)
  let sum = 0
  for (const line of (await answer.text()).split('\n')) {
    const [, found, shown = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (found !== name) continue
    if (Object.entries(labels).every(([key, text]) => shown.includes(`${key}="${text}"`)))
      sum += Number(value)
  }
  return sum
}

export interface SenderNumbers {
  sent: number
  stored: number
  refused: number
  dropped: number
  waiting: number
}

/** What a sender says of its own messages. */
export async function senderNumbers(
  url: string,
  token: string,
  sender: 'poll' | 'agent',
): Promise<SenderNumbers> {
  const text = await (await ask(url, token, '/metrics')).text()
  const of = (state: keyof SenderNumbers) => {
    const lines = text.split('\n').filter(l => l.startsWith('pollux_sender_collections{'))
    const line = lines.find(l => l.includes(`sender="${sender}"`) && l.includes(`state="${state}"`))
    if (!line) throw new Error(`/metrics does not tell ${state} of ${sender}`)
    return Number(line.split(' ').at(-1))
  }
  return {
    sent: of('sent'),
    stored: of('stored'),
    refused: of('refused'),
    dropped: of('dropped'),
    waiting: of('waiting'),
  }
}
