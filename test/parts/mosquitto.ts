// A private Mosquitto on a free port of 127.0.0.1, with users and an access list, that can be killed
// and started again on the same port. It keeps nothing: a kill loses its whole state.

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePort, program, type RunningPart, startPart, type Teardown, tempDir } from './find.ts'

const run = promisify(execFile)

export interface MosquittoUser {
  username: string
  password: string
  /** Topic filters. */
  publish: readonly string[]
  subscribe: readonly string[]
}

export interface Mosquitto {
  port: number
  url: string
  /** Of the broker as it runs now; 0: it does not. */
  readonly pid: number
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Again, on the same port, with nothing remembered. */
  start(): Promise<void>
  pause(): void
  resume(): void
}

export async function startMosquitto(
  t: Teardown,
  users: readonly MosquittoUser[],
  extraConfig: readonly string[] = [],
): Promise<Mosquitto> {
  const binary = await program('mosquitto', 'mosquitto')
  const passwd = await program('mosquitto_passwd', 'mosquitto')
  const dir = await tempDir(t)
  const port = await freePort()
  const file = (name: string) => path.join(dir, name)
  await writeFile(file('passwd'), '', { mode: 0o600 })
  for (const user of users) await run(passwd, ['-b', file('passwd'), user.username, user.password])
  await writeFile(file('acl'), users.map(aclOf).join('\n'), { mode: 0o600 })
  await writeFile(
    file('conf'),
    [
      `listener ${port} 127.0.0.1`,
      'user root',
      'allow_anonymous false',
      `password_file ${file('passwd')}`,
      `acl_file ${file('acl')}`,
      'persistence false',
      'max_queued_messages 10000',
      'log_dest stderr',
      ...extraConfig,
      '',
    ].join('\n'),
  )
  let part: RunningPart | null = null
  const start = async () => {
    part = await startPart(binary, ['-c', file('conf')], () => answers(port))
  }
  t.teardown(() => part?.stop('SIGKILL'))
  await start()
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    start,
    get pid() {
      return part?.child.pid ?? 0
    },
    stop: async (signal = 'SIGKILL') => part?.stop(signal),
    pause: () => void part?.child.kill('SIGSTOP'),
    resume: () => void part?.child.kill('SIGCONT'),
  }
}

function aclOf(user: MosquittoUser): string {
  return [
    `user ${user.username}`,
    ...user.publish.map(filter => `topic write ${filter}`),
    ...user.subscribe.map(filter => `topic read ${filter}`),
    '',
  ].join('\n')
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
