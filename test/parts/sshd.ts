// A private sshd on 127.0.0.1 with its own host key: root may sign in with one key and open unix
// sockets, nothing else. Needs root.

import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePort, program, startPart, type Teardown, tempDir } from './find.ts'

const run = promisify(execFile)

export interface Sshd {
  port: number
  /** The private key that is let in. */
  key: string
  /** `ssh-ed25519 AAAA…` of the host. */
  hostKey: string
  /** Takes no more connections; those that are stay. */
  stop(): Promise<void>
  /** Processes that serve connections. */
  sessions(): Promise<number[]>
  /** Ends the connections at once. */
  cut(): Promise<void>
}

/** Makes a key pair. */
export async function sshKey(dir: string, name: string, kind = 'ed25519') {
  const keygen = await program('ssh-keygen', 'openssh-client')
  const file = path.join(dir, name)
  await run(keygen, ['-q', '-t', kind, '-N', '', '-C', '', '-f', file])
  const [key, pub] = await Promise.all([readFile(file, 'utf8'), readFile(`${file}.pub`, 'utf8')])
  return { file, key, pub: pub.trim() }
}

export async function startSshd(t: Teardown, more: readonly string[] = []): Promise<Sshd> {
  const sshd = await program('sshd', 'openssh-server')
  const dir = await tempDir(t)
  // It refuses files that others may write, and starts only where this folder is.
  await chmod(dir, 0o700)
  await mkdir('/run/sshd', { recursive: true })
  const [host, client] = [await sshKey(dir, 'host'), await sshKey(dir, 'client')]
  await writeFile(path.join(dir, 'authorized_keys'), `restrict,port-forwarding ${client.pub}\n`)
  const port = await freePort()
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host.file}`,
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'StrictModes no',
    'UsePAM no',
    `PidFile ${dir}/pid`,
    ...more,
  ]
  await writeFile(path.join(dir, 'config'), `${config.join('\n')}\n`)
  const answers = () =>
    new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => resolve(true)).once('error', () => resolve(false))
      socket.once('data', () => socket.destroy())
    })
  const part = await startPart(sshd, ['-D', '-e', '-f', path.join(dir, 'config')], answers)
  t.teardown(() => part.stop())
  const sessions = () => childrenOf(part.child.pid ?? 0)
  const cut = async () => {
    for (const pid of await sessions()) process.kill(pid, 'SIGKILL')
  }
  t.teardown(cut)
  return { port, key: client.key, hostKey: host.pub, stop: () => part.stop(), sessions, cut }
}

/** All below this process, the deepest first. */
async function childrenOf(pid: number): Promise<number[]> {
  const file = `/proc/${pid}/task/${pid}/children`
  const own = (await readFile(file, 'utf8').catch(() => '')).split(' ').filter(Boolean).map(Number)
  return [...(await Promise.all(own.map(childrenOf))).flat(), ...own]
}
