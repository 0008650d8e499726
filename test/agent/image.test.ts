// Goal: the image of the agent as docker/agent/Dockerfile makes it, and the unit of docs/agent.md: both start
// the agent as it is here, as nobody, with its folder. No registry is asked: the base is made of this
// machine's Node, and its npm copies the packages that are here.

import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { type Dockerd, startDockerd } from '../parts/dockerd.ts'
import { program, tempDir, until } from '../parts/find.ts'

t.setTimeout(600_000)

const run = promisify(execFile)
const ROOT = path.join(import.meta.dirname, '../..')
const BASE = 'base:1'
const APPLETS = ['sh', 'cp', 'mkdir', 'chmod', 'chown', 'ls', 'id', 'cat']

const Lock = Type.Object({
  packages: Type.Record(
    Type.String(),
    Type.Object({ dev: Type.Optional(Type.Boolean()), optional: Type.Optional(Type.Boolean()) }),
  ),
})
const parseLock = parser(Lock, 'E_TEST', 'the lock file')

/** The packages that `npm ci --omit=dev --omit=optional` brings. */
async function modules(): Promise<string[]> {
  const lock = parseLock(JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')))
  return (
    Object.entries(lock.packages)
      .filter(([name, { dev, optional }]) => name !== '' && !dev && !optional)
      .map(([name]) => name)
      // Those within another one come with it.
      .filter(name => name.lastIndexOf('node_modules/') === 0)
  )
}

/** Of the project, under the same names; thousands of files, so by the program that is made for it. */
const copy = (names: readonly string[], to: string) =>
  run('cp', ['-r', '--parents', ...names, to], { cwd: ROOT })

/** Node with its libraries, a shell, and an npm that copies. */
async function makeBase(t: Test, { address }: Dockerd): Promise<void> {
  const root = await tempDir(t)
  const place = (name: string) => path.join(root, name)
  await mkdir(place('bin'))
  await cp(process.execPath, place('bin/node'))
  const { stdout } = await run('ldd', [process.execPath])
  for (const [file] of stdout.matchAll(/\/\S+\.so\S*/g)) {
    await mkdir(path.dirname(place(file)), { recursive: true })
    await cp(file, place(file), { dereference: true })
  }
  await cp(await program('busybox', 'busybox-static'), place('bin/busybox'))
  for (const applet of APPLETS) await symlink('busybox', place(`bin/${applet}`))
  await mkdir(place('modules'))
  await copy(await modules(), place('modules'))
  const npm = '#!/bin/sh\n[ "$1" = ci ] && cp -r /modules/node_modules .\n'
  await writeFile(place('bin/npm'), npm, { mode: 0o755 })
  await chmod(root, 0o755)
  const docker = await program('docker', 'docker.io')
  const script = `tar -C "$1" -c . | "$2" import - ${BASE}`
  await run('sh', ['-c', script, 'sh', root, docker], {
    env: { ...process.env, DOCKER_HOST: address },
  })
}

t.test('the image', async t => {
  const dockerd = await startDockerd(t, { isInMemory: true })
  await makeBase(t, dockerd)
  const context = await tempDir(t)
  await copy(['package.json', 'package-lock.json', 'oids', 'agent', 'server'], context)
  const file = path.join(ROOT, 'docker/agent/Dockerfile')
  const options = ['--network=none', '--build-arg', `BASE=${BASE}`, '-f', file]
  await dockerd.docker('build', ...options, '-t', 'pollux-agent', context)
  const helped = await dockerd.docker('run', '--rm', 'pollux-agent', '--help')
  t.match(helped, /measure this host[\s\S]*--docker \[address\]/)
  const shell = ['run', '--rm', '--entrypoint', 'sh', 'pollux-agent', '-c']
  const inside = await dockerd.docker(...shell, 'id -u; ls -ld /var/lib/pollux-agent; ls')
  t.match(
    inside,
    /^10001\ndrwx------ .* 10001 .*\nagent\nnode_modules\noids\npackage.json\nserver$/,
  )
  // It waits for a server that is away, and ends when it is told to.
  const way = ['--server', 'https://127.0.0.1:1', '--token', 'enrol_x', '--docker']
  await dockerd.docker('run', '-d', '--name', 'agent', '--pid=host', 'pollux-agent', ...way)
  const logs = async () =>
    run('docker', ['logs', 'agent'], { env: { ...process.env, DOCKER_HOST: dockerd.address } })
  await until(async () => /no answer from https/.test((await logs()).stderr), 'it to ask')
  await dockerd.docker('stop', '-t', '30', 'agent')
  const ended = await dockerd.docker('inspect', '-f', '{{.State.ExitCode}}', 'agent')
  t.equal(ended, '0', (await logs()).stderr)
})

t.test('the unit of the documentation', async t => {
  const text = await readFile(path.join(ROOT, 'docs/agent.md'), 'utf8')
  const unit = /```ini\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
  const here = unit.replaceAll('/opt/pollux', ROOT)
  t.not(here, unit)
  const file = path.join(await tempDir(t), 'pollux-agent.service')
  const verify = async (content: string) => {
    await writeFile(file, content)
    const analyze = await program('systemd-analyze', 'systemd')
    const { stderr } = await run(analyze, ['verify', '--man=no', file])
    return stderr.split('\n').filter(line => line.includes('pollux-agent'))
  }
  t.same(await verify(here), [])
  t.match(await verify(here.replace('DynamicUser=', 'DynamicUsr=')), [/DynamicUsr/])
})
