// A private Docker engine in its own network and mount namespaces, with one small image made from
// busybox: nothing of the host's own engine, bridge or mounts is touched. Needs root.

import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { program, startPart, type Teardown } from './find.ts'

const run = promisify(execFile)

/** The image that `run` starts unless told otherwise. */
export const IMAGE = 'box:1'

const APPLETS = ['sh', 'sleep', 'dd', 'ls', 'cat', 'true', 'false', 'nc', 'ip', 'kill', 'ping']

export interface Dockerd {
  socketPath: string
  /** `unix://` and the socket's path. */
  address: string
  /** The docker command's standard output. */
  docker(...args: string[]): Promise<string>
  /** Starts a container in the background; `options` come before the image. */
  run(name: string, options: string[], command: string): Promise<void>
  /** As a container's shell. */
  exec(name: string, command: string): Promise<string>
}

/**
 * Starts an engine, imports the image, and removes containers before the engine at the end. `isInMemory`:
 * images lie in memory, where layers need not be whole copies, for tests that build large ones.
 */
export async function startDockerd(t: Teardown, { isInMemory = false } = {}): Promise<Dockerd> {
  if (process.getuid?.() !== 0) {
    throw new Error('The tests of Docker start an engine of their own, so they must run as root.')
  }
  const [dockerd, client, busybox, unshare] = await Promise.all([
    program('dockerd', 'docker.io'),
    program('docker', 'docker.io'),
    program('busybox', 'busybox-static'),
    program('unshare', 'util-linux'),
    program('ip', 'iproute2'),
  ])
  const dir = await mkdtemp(path.join(tmpdir(), 'px-'))
  await chmod(dir, 0o755)
  await writeFile(path.join(dir, 'd.json'), '{}')
  const socketPath = path.join(dir, 'd.sock')
  const address = `unix://${socketPath}`
  const env = { ...process.env, DOCKER_CONFIG: dir, DOCKER_HOST: address }
  const docker = async (...args: string[]) =>
    (await run(client, args, { env, maxBuffer: 1 << 24 })).stdout.trim()

  const options = [
    `--config-file=${dir}/d.json`,
    `--data-root=${dir}/data`,
    `--exec-root=${dir}/exec`,
    `--pidfile=${dir}/d.pid`,
    `--host=${address}`,
    '--iptables=false',
    '--ip6tables=false',
  ]
  const memory = isInMemory ? `mkdir ${dir}/data && mount -t tmpfs none ${dir}/data && ` : ''
  const script = `${memory}ip link set lo up && exec ${dockerd} ${options.join(' ')}`
  const part = await startPart(unshare, ['-n', '-m', 'sh', '-c', script], async () => {
    await docker('version', '--format', '{{.Server.Version}}')
    return true
  })
  t.teardown(async () => {
    const ids = await docker('ps', '-aq').catch(() => '')
    if (ids) await docker('rm', '-f', ...ids.split('\n')).catch(() => '')
    await part.stop()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  })
  await importImage(dir, busybox, client, env)

  return {
    socketPath,
    address,
    docker,
    async run(name, args, command) {
      await docker('run', '-d', '--name', name, ...args, IMAGE, 'sh', '-c', command)
    },
    exec: (name, command) => docker('exec', name, 'sh', '-c', command),
  }
}

async function importImage(
  dir: string,
  busybox: string,
  client: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const bin = path.join(dir, 'root', 'bin')
  await mkdir(bin, { recursive: true })
  await cp(busybox, path.join(bin, 'busybox'))
  for (const applet of APPLETS) await symlink('busybox', path.join(bin, applet))
  await run('sh', ['-c', `tar -C ${dir}/root -c . | ${client} import - ${IMAGE}`], { env })
}
