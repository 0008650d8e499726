// The whole program for tests: a private data folder, free ports, the simulated network on request.
// Everything is real: SQLite, the embedded broker, poll threads, the agent of this machine.

import path from 'node:path'
import { type Network, startNetwork } from '../../bench/network/network.ts'
import { type Program, startProgram } from '../../server/compose/program.ts'
import { readConfig } from '../../server/config.ts'
import { createLog } from '../../server/log.ts'
import { type Teardown, tempDir } from '../parts/find.ts'

export const ADMIN_PASSWORD = 'correct horse battery'

export interface TestProgram {
  url: string
  program: Program
  network: Network | null
  dataDir: string
  adminPassword: string
  /** Signs in as admin; the cookie goes into requests, the token into changes. */
  signIn(): Promise<{ cookie: string; csrf: string }>
}

export interface TestProgramOptions {
  /** Starts the simulated network and adds its devices. */
  network?: boolean
  every?: string
  env?: Record<string, string>
  dataDir?: string
}

export async function startTestProgram(
  t: Teardown,
  options: TestProgramOptions = {},
): Promise<TestProgram> {
  const dataDir = options.dataDir ?? path.join(await tempDir(t), 'data')
  const env = {
    POLLUX_DATA_DIR: dataDir,
    POLLUX_PORT: '0',
    POLLUX_MQTT_LISTEN: '127.0.0.1:0',
    POLLUX_TRAP_LISTEN: 'off',
    POLLUX_SYSLOG_LISTEN: 'off',
    POLLUX_ALLOW_NETWORKS: '127.0.0.0/8',
    POLLUX_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ...options.env,
  }
  const log = createLog(process.env.TEST_LOG === undefined ? 'silent' : 'debug')
  const program = await startProgram(readConfig(env), env, log)
  t.teardown(() => program.stop())
  const network = options.network ? await startNetwork() : null
  if (network) {
    t.teardown(() => network.close())
    await addNetworkDevices(program, network, options.every ?? '2s')
  }
  return {
    url: program.url,
    program,
    network,
    dataDir,
    adminPassword: ADMIN_PASSWORD,
    signIn: () => signIn(program.url, ADMIN_PASSWORD),
  }
}

export async function addNetworkDevices(
  program: Program,
  network: Network,
  every: string,
): Promise<void> {
  for (const { id, location, tags, port } of network.devices) {
    await program.devices.create(
      {
        id,
        kind: 'snmp',
        address: network.host,
        port,
        credentials: { version: '2c', community: network.community },
        every,
        timeout: '1s',
        location,
        tags,
      },
      { name: 'test', address: '' },
      'api',
    )
  }
}

export async function signIn(
  url: string,
  password: string,
  name = 'admin',
): Promise<{ cookie: string; csrf: string }> {
  const answer = await fetch(`${url}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: url },
    body: new URLSearchParams({ name, password }),
  })
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0]
  if (answer.status !== 303 || !cookie) throw new Error(`sign-in gave ${answer.status}`)
  const account = await (await fetch(`${url}/account`, { headers: { cookie } })).text()
  const csrf = /name="_csrf" value="([^"]+)"/.exec(account)?.[1]
  if (!csrf) throw new Error('the account page has no token')
  return { cookie, csrf }
}
