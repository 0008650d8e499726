// Goal: the image as docker/Dockerfile makes it starts Pollux as nobody on a root that cannot be written, is
// healthy when it is ready, keeps its data, and ends in good order when it is told to.

import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { tempDir, until } from '../parts/find.ts'
import { copyOfProject, makeNodeImage } from '../parts/node-image.ts'

t.setTimeout(600_000)

const ROOT = path.join(import.meta.dirname, '../..')
const PARTS = ['migrations', 'oids', 'public', 'views', 'agent', 'server', 'docker/health.js']
const FILES = ['package.json', 'package-lock.json', 'LICENSE']
/** As docs/deployment.md starts it. */
const SAFE = ['--read-only', '--tmpfs=/tmp', '--cap-drop=ALL', '--security-opt=no-new-privileges']

const parseState = parser(
  Type.Object({
    Status: Type.String(),
    ExitCode: Type.Integer(),
    Health: Type.Object({
      Status: Type.String(),
      Log: Type.Array(Type.Object({ ExitCode: Type.Integer(), Output: Type.String() })),
    }),
  }),
  'E_TEST',
  'the state of a container',
)

const dockerd = await startDockerd(t, { isInMemory: true })
const base = await makeNodeImage(t, dockerd)
const context = await tempDir(t)
await copyOfProject([...FILES, ...PARTS], context)
const file = path.join(ROOT, 'docker/Dockerfile')
const options = ['--network=none', '--build-arg', `BASE=${base}`, '-f', file]
await dockerd.docker('build', ...options, '-t', 'pollux', context)

const state = async () =>
  parseState(JSON.parse(await dockerd.docker('inspect', '-f', '{{json .State}}', 'pollux')))
const output = async () => {
  const env = { ...process.env, DOCKER_HOST: dockerd.address }
  const { stdout, stderr } = await promisify(execFile)('docker', ['logs', 'pollux'], { env })
  return stdout + stderr
}
/** Not asked without a pause: each look is a process, and the program needs the machine to start. */
const health = (wanted: string) =>
  until(async () => {
    await delay(500)
    const { Health } = await state()
    return Health.Status === wanted && Health
  }, `the container to be ${wanted}`)
/** Asked soon and often, so that the test need not wait for the image's own pace. */
const start = (...more: string[]) =>
  dockerd.docker(
    ...['run', '-d', '--name', 'pollux', '--health-interval=1s', '-v', 'data:/data', ...SAFE],
    ...['-e', 'POLLUX_INSECURE_HTTP=1', ...more, 'pollux'],
  )

t.test('it starts as nobody, is healthy, and ends', async t => {
  await start()
  await health('healthy')
  t.match(await output(), /Pollux is at http[\s\S]*Sign in as admin with this password/)
  t.equal(await dockerd.exec('pollux', 'id -u'), '10001')
  t.match(await dockerd.exec('pollux', 'ls -ld /data'), /^drwx------ .* 10001 /)
  t.match(await dockerd.exec('pollux', 'ls /data'), /pollux\.db[\s\S]*secret\.key/)
  const written = await dockerd.exec('pollux', 'touch /opt/pollux/x || echo refused')
  t.match(written, /refused/, 'the root cannot be written')
  await dockerd.docker('stop', '-t', '60', 'pollux')
  const { ExitCode } = await state()
  t.equal(ExitCode, 0, await output())
  t.match(await output(), /stopped/)
})

t.test('another container goes on with its data', async t => {
  await dockerd.docker('rm', 'pollux')
  await start()
  await health('healthy')
  t.notMatch(await output(), /Sign in as/, 'the accounts are there')
})

t.test('a part that is away makes it unhealthy, and says which', async t => {
  await dockerd.docker('rm', '-f', 'pollux')
  await start(
    '-e',
    'POLLUX_MQTT_URL=mqtt://127.0.0.1:1',
    '--health-retries=1',
    '--health-start-period=1s',
  )
  const ill = await health('unhealthy')
  t.ok(ill.Log.every(({ ExitCode }) => ExitCode === 1))
})

t.test('its size', async t => {
  const bytes = async (image: string) =>
    Number(await dockerd.docker('image', 'inspect', '-f', '{{.Size}}', image))
  const [whole, below] = [await bytes('pollux'), await bytes(base)]
  t.comment(`${Math.round((whole - below) / 1e6)} MB on top of its base`)
  t.ok(whole > below)
})
