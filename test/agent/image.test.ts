// Goal: the image of the agent as docker/agent/Dockerfile makes it, and the unit of docs/agent.md: both start
// the agent as it is here, as nobody, with its folder.

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startDockerd } from '../parts/dockerd.ts'
import { program, tempDir, until } from '../parts/find.ts'
import { copyOfProject, makeNodeImage } from '../parts/node-image.ts'

t.setTimeout(600_000)

const run = promisify(execFile)
const ROOT = path.join(import.meta.dirname, '../..')

t.test('the image', async t => {
  const dockerd = await startDockerd(t, { isInMemory: true })
  const base = await makeNodeImage(t, dockerd)
  const context = await tempDir(t)
  await copyOfProject(['package.json', 'package-lock.json', 'oids', 'agent', 'server'], context)
  const file = path.join(ROOT, 'docker/agent/Dockerfile')
  const options = ['--network=none', '--build-arg', `BASE=${base}`, '-f', file]
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
