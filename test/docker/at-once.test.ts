// Goal: in the whole program, a container that appears, is renamed, made again or removed is on the
// list at once though the engine is polled every ten minutes, and its events are kept.

import t from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { until } from '../parts/find.ts'
import { parseLatest } from '../system/server.ts'
import { startTestProgram } from '../web/program.ts'

const parseEvents = parser(
  Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.String(),
      row: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  ),
  'E_TEST',
  'the list of events',
)

t.test('seen at once', async t => {
  const [dockerd, running] = await Promise.all([startDockerd(t), startTestProgram(t)])
  const { devices } = running.program
  const { cookie } = await running.signIn()
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${running.url}/api/v1/${path}`, { headers: { cookie } })
    if (answer.status !== 200)
      throw new Error(`${path} gave ${answer.status}: ${await answer.text()}`)
    return answer.json()
  }
  const stateOf = async (row: string) => {
    const { samples } = parseLatest(await get('devices/engine/latest'))
    const found = samples.find(one => one.row === row && one.metric === 'docker_container.state')
    return found?.value
  }
  const stream = async () => {
    const { samples } = parseLatest(await get('devices/engine/latest'))
    return samples.find(one => one.metric === 'docker_engine.stream')?.value
  }
  const isKept = async (name: string, row: string) => {
    const events = parseEvents(await get('events?device=engine'))
    return events.some(one => one.kind === 'docker' && one.name === name && one.row === row)
  }
  t.comment('what a device over ssh keeps, and what is read back of it')
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'Zm9v'.repeat(300)}\n-----END OPENSSH PRIVATE KEY-----\n`
  const far = {
    id: 'far',
    name: 'far',
    kind: 'docker',
    address: 'ssh://ops@192.0.2.1',
    enabled: false,
  }
  await t.rejects(devices.create(far, { name: 'test', address: '' }, 'api'), /ssh|valid/)
  const ssh = { key, knownHosts: '192.0.2.1 ssh-ed25519 AAAA' }
  await devices.create({ ...far, ssh }, { name: 'test', address: '' }, 'api')
  const read = JSON.stringify(await get('devices/far'))
  t.match(read, 'far.ssh.key')
  t.notMatch(read, 'PRIVATE KEY', 'the key is never read back')

  const idle = 'while :; do sleep 1; done'
  await dockerd.run('one', [], idle)
  const engine = { id: 'engine', name: 'engine', kind: 'docker', address: dockerd.address }
  const by = { name: 'test', address: '' }
  await devices.create({ ...engine, every: '10m', timeout: '10s' }, by, 'api')
  await until(async () => (await stateOf('one')) === 0, 'the first container')
  await until(async () => (await stream()) === 1, 'the stream')

  await dockerd.run('two', [], idle)
  await until(async () => (await stateOf('two')) === 0, 'one that appears')
  await until(() => isKept('start', 'two'), 'its start')
  await dockerd.docker('rename', 'two', 'three')
  await until(async () => (await stateOf('three')) === 0, 'one that is renamed')
  await until(() => isKept('renamed', 'three'), 'its other name')
  await dockerd.docker('rm', '-f', 'one')
  await dockerd.run('one', [], 'exit 3')
  await until(async () => (await stateOf('one')) === 3, 'one that is made again')
  await until(() => isKept('recreated', 'one'), 'that it was made again')
  await until(() => isKept('die', 'one'), 'its end')
})
