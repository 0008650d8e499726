// Both brokers as docker/mosquitto/ ships them: made by its scripts, started with its files, in which
// only paths and ports are other ones.

import { execFile, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  freePort,
  program,
  type RunningPart,
  startPart,
  type Teardown,
  tempDir,
} from '../parts/find.ts'
import { dynsecPlugin, listens } from '../parts/mosquitto-dynsec.ts'

const SHIPPED = path.join(import.meta.dirname, '../../docker/mosquitto')
const run = promisify(execFile)

/** Runs a shipped script; gives what it printed. */
export async function script(name: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(path.join(SHIPPED, name), args, { stdio: ['pipe', 'pipe', 'inherit'] })
  // One that refuses its arguments ends before it reads.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let text = ''
  child.stdout.on('data', chunk => (text += chunk))
  const code = await new Promise(resolve => child.once('close', resolve))
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
  return text
}

async function configured(
  name: string,
  changes: readonly (readonly [string, string])[],
): Promise<string> {
  let text = await readFile(path.join(SHIPPED, name), 'utf8')
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${name} holds no "${from}" any more`)
    text = text.replaceAll(from, to)
  }
  return `user root\n${text}`
}

export interface Shipped {
  /** Inner listener. */
  port: number
  tlsPort: number
  ca: string
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
}

async function shipped(
  t: Teardown,
  dir: string,
  config: string,
  ports: number[],
): Promise<Shipped> {
  const binary = await program('mosquitto', 'mosquitto')
  const file = path.join(dir, 'mosquitto.conf')
  await writeFile(file, config)
  const [port = 0, tlsPort = 0] = ports
  let part: RunningPart | null = null
  const start = async () => {
    part = await startPart(binary, ['-c', file], () => listens(port))
  }
  t.teardown(() => part?.stop('SIGKILL'))
  await start()
  const ca = await readFile(path.join(dir, 'tls/ca.crt'), 'utf8')
  return { port, tlsPort, ca, start, stop: async signal => part?.stop(signal) }
}

/** The core, with the user of Pollux. `user` makes another one, as the README says. */
export async function startCore(t: Teardown) {
  const dir = await tempDir(t)
  const [port, tlsPort] = [await freePort(), await freePort()]
  await script('make-ca.sh', [path.join(dir, 'tls'), 'core', '127.0.0.1'])
  const printed = await script('make-core.sh', [path.join(dir, 'dynamic-security.json')])
  const password = /pollux:([0-9a-f]{64})@/.exec(printed)?.[1]
  if (!password) throw new Error(`make-core.sh printed ${printed}`)
  const config = await configured('core/mosquitto.conf', [
    ['/usr/lib/mosquitto_dynamic_security.so', await dynsecPlugin()],
    ['/mosquitto/data/', `${dir}/`],
    ['/mosquitto/config/tls/', `${dir}/tls/`],
    ['listener 1883', `listener ${port} 127.0.0.1`],
    ['listener 8883', `listener ${tlsPort} 127.0.0.1`],
  ])
  const core = await shipped(t, dir, config, [port, tlsPort])
  const ctrl = await program('mosquitto_ctrl', 'mosquitto')
  const pollux = { username: 'pollux', password }
  const dynsec = (...args: string[]) =>
    run(ctrl, [
      ...['-h', '127.0.0.1', '-p', `${port}`, '-u', 'pollux', '-P', password],
      'dynsec',
      ...args,
    ])
  return {
    ...{ core, pollux, dir },
    async user(username: string, role: string, secret: string) {
      await dynsec('createClient', username, '-p', secret)
      await dynsec('addClientRole', username, role)
      return { username, password: secret }
    },
  }
}

/** An edge whose bridge reaches the core by `corePort`. */
export async function startEdge(
  t: Teardown,
  options: { corePort: number; coreDir: string; password: string; users: readonly string[] },
) {
  const dir = await tempDir(t)
  const [port, tlsPort] = [await freePort(), await freePort()]
  const { corePort, coreDir, password, users } = options
  const printed = await script(
    'make-edge.sh',
    [dir, 'edge-1', '127.0.0.1', ...users],
    `${password}\n`,
  )
  // The same authority, and a certificate of its own.
  await run('cp', ['-r', path.join(coreDir, 'tls'), path.join(dir, 'tls')])
  await script('make-ca.sh', [path.join(dir, 'tls'), 'edge-1', '127.0.0.1'])
  const bridge = path.join(dir, 'bridge/bridge.conf')
  const text = (await readFile(bridge, 'utf8'))
    .replace('127.0.0.1:8883', `127.0.0.1:${corePort}`)
    .replaceAll('/etc/mosquitto/pollux/', `${dir}/`)
  await writeFile(bridge, text)
  const config = await configured('edge/mosquitto.conf', [
    ['/etc/mosquitto/pollux/', `${dir}/`],
    ['/var/lib/mosquitto/', `${dir}/`],
    ['listener 1883 127.0.0.1', `listener ${port} 127.0.0.1`],
    ['listener 8883', `listener ${tlsPort} 127.0.0.1`],
  ])
  const edge = await shipped(t, dir, config, [port, tlsPort])
  const passwords = new Map(
    printed
      .trim()
      .split('\n')
      .map(line => {
        const [username = '', secret = ''] = line.split(' ')
        return [username, { username, password: secret }] as const
      }),
  )
  return {
    ...{ edge, dir },
    credentials: (username: string) => passwords.get(username) ?? { username, password: '' },
  }
}
