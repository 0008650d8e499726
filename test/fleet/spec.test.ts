// Goal: a fleet's file is checked as a whole: every wrong field is named with its path before anything
// happens, and the schema that editors use is the one that is checked.

import { readFile } from 'node:fs/promises'
import t from 'tap'
import { createBody, withTag } from '../../server/docker/deploy.ts'
import { environmentsOf } from '../../server/fleet/environment.ts'
import { memoryBytesOf, portOf } from '../../server/fleet/fields.ts'
import { Fleet, parseFleet } from '../../server/fleet/spec.ts'
import { networksOf, specHash, unitsOf, volumesOf } from '../../server/fleet/units.ts'
import { AppError } from '../../server/model/errors.ts'

const text = (services: unknown, name: unknown = 'shop') => JSON.stringify({ name, services })

/** Paths and messages of what is wrong. */
function faults(source: string): Record<string, string> {
  try {
    parseFleet(source, 'f.json')
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return Object.fromEntries(error.errors.map(one => [one.path, one.message]))
  }
  return {}
}

t.test('the example is valid, has about 50 containers, and its schema is ours', async t => {
  const read = (name: string) => readFile(new URL(`../../docker/${name}`, import.meta.url), 'utf8')
  const fleet = parseFleet(await read('fleet.json'), 'docker/fleet.json')
  t.equal(unitsOf(fleet, new Map()).length, 50)
  const { $schema, ...schema } = JSON.parse(await read('fleet.schema.json'))
  t.match($schema, /json-schema/)
  t.same(schema, JSON.parse(JSON.stringify(Fleet)))
})

t.test('wrong fields are named, all at once', async t => {
  const good = { image: 'box:1' }
  t.throws(() => parseFleet('{ "name": ', 'f.json'), { code: 'E_FLEET', message: /not JSON/ })
  t.match(faults(text({}, 'shop')), { services: /fewer/ })
  t.match(faults(text({ web: good }, '<b>')), { name: /small letters/ })
  t.match(
    faults(
      text({
        web: { image: '$(reboot)', count: 0, cpus: -1, restart: 'maybe', nosuch: 1 },
        db: { env: { A: { secret: '../x' }, B: 5 } },
      }),
    ),
    {
      'services.web.image': /name of an image/,
      'services.web.count': />= 1/,
      'services.web.cpus': />=/,
      'services.web.restart': /unless-stopped/,
      'services.web': /nosuch/,
      'services.db.image': /missing/,
    },
  )
  t.match(
    faults(
      text({
        web: { ...good, ports: ['80', '99999:1', '8080:80'], memory: '1m', volumes: ['a'] },
        api: { ...good, count: 3, ports: ['8079:80'], depends: ['web', 'gone'] },
      }),
    ),
    {
      'services.web.ports.0': /8080:80/,
      'services.web.ports.1': /8080:80/,
      'services.web.memory': /6m/,
      'services.web.volumes.0': /data/,
      'services.api.ports.0': /needs port 8080, which services.web.ports.2 has/,
      'services.api.depends.1': /no service "gone"/,
    },
  )
  const ring = {
    a: { ...good, depends: ['b'] },
    b: { ...good, depends: ['c'] },
    c: { ...good, depends: ['a'] },
  }
  t.equal(Object.keys(faults(text(ring))).length, 3, 'a ring of dependencies')
  const many = Object.fromEntries(['a', 'b', 'c'].map(key => [key, { ...good, count: 400 }]))
  t.match(faults(text(many)), { services: /1200 containers/ })
})

t.test('small texts', async t => {
  t.match(portOf('[::1]:53:5353/udp'), {
    hostAddress: '::1',
    hostPort: 53,
    port: 5353,
    protocol: 'udp',
  })
  t.match(portOf('8080:80'), { hostAddress: '', hostPort: 8080, port: 80, protocol: 'tcp' })
  for (const wrong of ['', '80', '0:80', '80:0', '70000:80', 'a:80', '1.1.1.1:80', '80:80/icmp'])
    t.equal(portOf(wrong), null, wrong)
  t.equal(memoryBytesOf('256m'), 256 * 1024 ** 2)
  t.equal(memoryBytesOf('1.5g'), 1.5 * 1024 ** 3)
  t.equal(memoryBytesOf('6291456'), 6 * 1024 ** 2)
  for (const wrong of ['', 'm', '5m', '-1g', '1t', '1e9', 'NaN'])
    t.equal(memoryBytesOf(wrong), null, wrong)
  t.equal(withTag('nginx'), 'nginx:latest')
  t.equal(withTag('host:5000/nginx'), 'host:5000/nginx:latest')
  t.equal(withTag('nginx:1'), 'nginx:1')
})

t.test('containers of a count: names, ports, networks, volumes', async t => {
  const fleet = parseFleet(
    text({
      web: {
        image: 'nginx',
        count: 2,
        ports: ['127.0.0.1:8080:80'],
        network: 'front',
        cpus: 0.25,
        memory: '64m',
        volumes: ['data:/data', '/etc/x:/etc/x:ro'],
        env: { A: 'x' },
      },
      host: { image: 'box', network: 'host' },
    }),
    'f.json',
  )
  const environments = await environmentsOf(fleet, { env: {}, secret: async () => null })
  const units = unitsOf(fleet, environments)
  t.same(
    units.map(unit => unit.container.name),
    ['shop-web-1', 'shop-web-2', 'shop-host-1'],
  )
  t.same(networksOf(units), ['shop-front'])
  t.same(volumesOf(units), ['shop-data'])
  const [, second] = units
  if (!second) throw new Error('no second container')
  t.same(createBody(second.container), {
    Image: 'nginx',
    Env: ['A=x'],
    Labels: { 'pollux.fleet': 'shop', 'pollux.fleet.service': 'web' },
    ExposedPorts: { '80/tcp': {} },
    HostConfig: {
      NetworkMode: 'shop-front',
      RestartPolicy: { Name: 'unless-stopped' },
      Binds: ['shop-data:/data', '/etc/x:/etc/x:ro'],
      NanoCpus: 250_000_000,
      Memory: 64 * 1024 ** 2,
      PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }] },
    },
    NetworkingConfig: { EndpointsConfig: { 'shop-front': { Aliases: ['web'] } } },
  })
  const changed = { ...second.container, env: { A: 'y' } }
  t.not(specHash(second.container, 'i1'), specHash(changed, 'i1'), 'another environment')
  t.not(specHash(second.container, 'i1'), specHash(second.container, 'i2'), 'another image')
})

t.test('missing secrets are all named, and no value is in the error', async t => {
  const env = {
    A: { secret: 'db-password' },
    B: { env: 'TOKEN' },
    C: { env: 'THERE' },
    D: 'plain-text',
  }
  const fleet = parseFleet(text({ web: { image: 'box', env } }), 'f.json')
  const failed = await environmentsOf(fleet, {
    env: { THERE: 'value-of-there' },
    secret: async () => null,
  }).catch((error: unknown) => error)
  if (!(failed instanceof AppError)) throw new Error('it did not fail')
  t.match(failed.errors, [
    { path: 'services.web.env.A', message: /pollux secret set db-password/ },
    { path: 'services.web.env.B', message: /TOKEN/ },
  ])
  t.notMatch(JSON.stringify([failed, failed.errors, failed.message]), /value-of-there|plain-text/)
  const opened = await environmentsOf(fleet, {
    env: { THERE: 'x', TOKEN: 't' },
    secret: async name => `opened ${name}`,
  })
  t.same(opened.get('web'), { A: 'opened db-password', B: 't', C: 'x', D: 'plain-text' })
})
