// Goal: addresses of engines are read as written, and a wrong one is refused with a way out.

import t from 'tap'
import { parseEngineAddress } from '../../server/docker/address.ts'
import { knowsOneShot } from '../../server/docker/engine.ts'
import { AppError } from '../../server/model/errors.ts'

t.test('addresses that can be used', async t => {
  const tcp = (host: string, port: number, tls = false) => ({ kind: 'tcp', host, port, tls })
  t.same(parseEngineAddress('unix:///var/run/docker.sock', false), {
    kind: 'unix',
    socketPath: '/var/run/docker.sock',
  })
  t.same(parseEngineAddress('tcp://10.0.0.1:2375', false), tcp('10.0.0.1', 2375))
  t.same(parseEngineAddress('tcp://engine.lan', false), tcp('engine.lan', 2375))
  t.same(parseEngineAddress('tcp://engine.lan', true), tcp('engine.lan', 2376, true))
  t.same(parseEngineAddress('tcp://engine.lan', false, 4000), tcp('engine.lan', 4000))
  t.same(parseEngineAddress('tcp://engine.lan:80', false, 4000), tcp('engine.lan', 80))
  t.same(parseEngineAddress('tcp://[fd00::1]:2375/', false), tcp('fd00::1', 2375))
  const ssh = {
    kind: 'ssh',
    host: 'host.lan',
    port: 22,
    user: 'ops',
    socketPath: '/var/run/docker.sock',
  }
  t.same(parseEngineAddress('ssh://ops@host.lan', false), ssh)
  t.same(parseEngineAddress('ssh://ops@host.lan:2022/run/podman/podman.sock', false), {
    ...ssh,
    port: 2022,
    socketPath: '/run/podman/podman.sock',
  })
  t.same(parseEngineAddress('ssh://ops@[fd00::1]:2022', false), {
    ...ssh,
    host: 'fd00::1',
    port: 2022,
  })
  t.throws(() => parseEngineAddress('ssh://ops@host.lan', true), { code: 'E_DOCKER_ADDRESS' })
})

t.test('addresses that are refused', async t => {
  const wrong = [
    'unix://var/run/docker.sock',
    `unix:///${'x'.repeat(120)}`,
    'unix:///a\0b',
    'tcp://',
    'tcp://host:99999',
    'tcp://user:password@host:2375',
    'tcp://host:2375/path',
    'tcp://host:2375?x=1',
    'ssh://host',
    'ssh://user:password@host',
    'ssh://us%20er@host',
    'ssh://user@host?x=1',
    'ssh://user@host/%zz',
    `ssh://user@host/${'x'.repeat(120)}`,
    'ssh://user@host:99999',
    'http://host',
    '/var/run/docker.sock',
    '',
  ]
  for (const address of wrong) {
    try {
      parseEngineAddress(address, false)
      t.fail(`${address} was taken`)
    } catch (error) {
      t.equal(error instanceof AppError && error.code, 'E_DOCKER_ADDRESS', JSON.stringify(address))
      t.ok(error instanceof AppError && error.hint, `${address} has a hint`)
    }
  }
  t.throws(() => parseEngineAddress('unix:///a.sock', true), { code: 'E_DOCKER_ADDRESS' })
})

t.test('API versions that know one-shot', async t => {
  t.notOk(knowsOneShot('1.40'))
  t.notOk(knowsOneShot('1.9'))
  t.notOk(knowsOneShot('nonsense'))
  t.ok(knowsOneShot('1.41'))
  t.ok(knowsOneShot('1.100'))
  t.ok(knowsOneShot('2.0'))
})
