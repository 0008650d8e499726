// A private Podman with its service on a socket, its storage in a folder of the test, and the same
// small image as dockerd.ts. Containers have no network. Needs root.

import { execFile } from 'node:child_process'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import path from 'node:path'
import { promisify } from 'node:util'
import { program, startPart, type Teardown, tempDir } from './find.ts'

const run = promisify(execFile)

export interface Podman {
  /** `unix://` and the socket's path. */
  address: string
  podman(...args: string[]): Promise<string>
  /** Starts a container in the background. */
  run(name: string, options: string[], command: string): Promise<void>
}

const answers = (socketPath: string) =>
  new Promise<boolean>(resolve => {
    get({ socketPath, path: '/_ping' }, answer => resolve(answer.resume().statusCode === 200)).on(
      'error',
      () => resolve(false),
    )
  })

export async function startPodman(t: Teardown): Promise<Podman> {
  const [binary, busybox] = await Promise.all([
    program('podman', 'podman'),
    program('busybox', 'busybox-static'),
  ])
  await program('conmon', 'conmon')
  const dir = await tempDir(t)
  const file = (name: string) => path.join(dir, name)
  await writeFile(file('containers.conf'), '[engine]\nevents_logger="file"\n')
  await mkdir(file('image/bin'), { recursive: true })
  await cp(busybox, file('image/bin/busybox'))
  for (const applet of ['sh', 'sleep']) await symlink('busybox', file(`image/bin/${applet}`))
  const env = { ...process.env, CONTAINERS_CONF: file('containers.conf') }
  const places = ['--root', file('root'), '--runroot', file('run'), '--tmpdir', file('tmp')]
  const how = [...places, '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs']
  const podman = async (...args: string[]) =>
    (await run(binary, [...how, ...args], { env })).stdout.trim()

  await run('sh', ['-c', `tar -C ${file('image')} -cf ${file('image.tar')} .`])
  await podman('import', '-q', file('image.tar'), 'box:1')
  const address = `unix://${file('p.sock')}`
  const part = await startPart(
    binary,
    [...how, 'system', 'service', '--time=0', address],
    () => answers(file('p.sock')),
    { env: { CONTAINERS_CONF: file('containers.conf') } },
  )
  t.teardown(async () => {
    await podman('rm', '-f', '-t', '0', '-a').catch(() => '')
    await part.stop()
  })
  return {
    address,
    podman,
    async run(name, options, command) {
      // Its default limits are above what a test machine may allow.
      const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']
      const alone = ['--network', 'none', ...limits]
      await podman('run', '-d', '--name', name, ...alone, ...options, 'box:1', 'sh', '-c', command)
    },
  }
}
