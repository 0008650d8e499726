// What the Dockerfiles of Pollux are built on where no registry may be asked: an image of this machine's Node
// with a shell, whose npm copies the packages that are here, and whose apt-get has what it is asked for.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import type { Dockerd } from './dockerd.ts'
import { program, type Teardown, tempDir } from './find.ts'

const run = promisify(execFile)
const ROOT = path.join(import.meta.dirname, '../..')
const BASE = 'base:1'
const APPLETS = ['sh', 'cp', 'mkdir', 'chmod', 'chown', 'ls', 'id', 'cat', 'rm', 'touch', 'ping']

const Lock = Type.Object({
  packages: Type.Record(
    Type.String(),
    Type.Object({ dev: Type.Optional(Type.Boolean()), optional: Type.Optional(Type.Boolean()) }),
  ),
})
const parseLock = parser(Lock, 'E_TEST', 'the lock file')

/** `npm ci --omit=dev`, with `--omit=optional` where it says so. */
const NPM = `#!/bin/sh
[ "$1" = ci ] || exit 1
cp -r /modules/node_modules .
case "$*" in *--omit=optional*) ;; *) cp -r /optional/node_modules . ;; esac
`

/** Of the project, under the same names; thousands of files, so by the program that is made for it. */
export const copyOfProject = (names: readonly string[], to: string) =>
  run('cp', ['-r', '--parents', ...names, to], { cwd: ROOT })

/** @returns the name of the base image */
export async function makeNodeImage(t: Teardown, { address }: Dockerd): Promise<string> {
  const root = await tempDir(t)
  const place = (name: string) => path.join(root, name)
  await mkdir(place('bin'))
  await mkdir(place('tmp'))
  await cp(process.execPath, place('bin/node'))
  const { stdout } = await run('ldd', [process.execPath])
  for (const [file] of stdout.matchAll(/\/\S+\.so\S*/g)) {
    await mkdir(path.dirname(place(file)), { recursive: true })
    await cp(file, place(file), { dereference: true })
  }
  await cp(await program('busybox', 'busybox-static'), place('bin/busybox'))
  for (const applet of APPLETS) await symlink('busybox', place(`bin/${applet}`))
  for (const [folder, names] of Object.entries(await modules())) {
    await mkdir(place(folder))
    await copyOfProject(names, place(folder))
  }
  await writeFile(place('bin/npm'), NPM, { mode: 0o755 })
  await writeFile(place('bin/apt-get'), '#!/bin/sh\n', { mode: 0o755 })
  await chmod(root, 0o755)
  await chmod(place('tmp'), 0o1777)
  const docker = await program('docker', 'docker.io')
  const script = `tar -C "$1" -c . | "$2" import - ${BASE}`
  await run('sh', ['-c', script, 'sh', root, docker], {
    env: { ...process.env, DOCKER_HOST: address },
  })
  return BASE
}

/** The packages of the lock file that are for the program; those within another one come with it. */
async function modules(): Promise<{ modules: string[]; optional: string[] }> {
  const lock = parseLock(JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')))
  const all = Object.entries(lock.packages).filter(
    ([name, { dev }]) => !dev && name.lastIndexOf('node_modules/') === 0,
  )
  const names = (isOptional: boolean) =>
    all.filter(([, { optional = false }]) => optional === isOptional).map(([name]) => name)
  // Those for other systems are not here, and the image has a Node of its own.
  const isMeant = (name: string) =>
    existsSync(path.join(ROOT, name)) && !name.startsWith('node_modules/node-linux-')
  return { modules: names(false), optional: names(true).filter(isMeant) }
}
