// Small stand-ins for the images of a fleet file, under exactly the names that it gives: each serves a page,
// and has the programs that the file's commands call, which do as little as they can.

import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Dockerd, IMAGE } from './dockerd.ts'
import { type Teardown, tempDir } from './find.ts'

const PROGRAMS = {
  serve: 'echo hello > /index.html; httpd -p 80 -h /; exec sleep 1000000',
  mosquitto: 'exec sleep 1000000',
  mosquitto_pub: ':',
  pgbench: 'case "$*" in *-i*) ;; *) sleep 5 ;; esac',
  'redis-benchmark': 'i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done',
}
const APPLETS = ['wget', 'httpd', 'echo', 'rm']

/** Makes one image and gives it all these names: a registry is asked for none of them. */
export async function makeFleetImages(
  t: Teardown,
  { docker }: Dockerd,
  names: readonly string[],
): Promise<void> {
  const dir = await tempDir(t)
  const bin = path.join(dir, 'bin')
  await mkdir(bin)
  for (const applet of APPLETS) await symlink('busybox', path.join(bin, applet))
  for (const [name, script] of Object.entries(PROGRAMS)) {
    await writeFile(path.join(bin, name), `#!/bin/sh\n${script}\n`)
    await chmod(path.join(bin, name), 0o755)
  }
  // `sleep` as the first process does not hear SIGTERM: each would be waited for.
  const lines = [`FROM ${IMAGE}`, 'COPY bin/ /bin/', 'STOPSIGNAL SIGKILL', 'CMD ["serve"]']
  await writeFile(path.join(dir, 'Dockerfile'), `${lines.join('\n')}\n`)
  await docker('build', '-q', '-t', 'fleet-stand-in:1', dir)
  for (const name of new Set(names)) await docker('tag', 'fleet-stand-in:1', name)
}
