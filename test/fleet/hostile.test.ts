// Goal: an engine that lies, refuses or hangs costs a fleet one clear line for each container, in
// bounded time and memory; nothing that is not the fleet's own is ever touched.

import { createServer, type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { openDeployer } from '../../server/docker/deploy.ts'
import { down, up } from '../../server/fleet/fleet.ts'
import { parseFleet } from '../../server/fleet/spec.ts'
import { networksOf, unitsOf, volumesOf } from '../../server/fleet/units.ts'

const fleet = parseFleet(
  JSON.stringify({ name: 'shop', services: { web: { image: 'box:1', count: 3 } } }),
  'f.json',
)
const units = unitsOf(fleet, new Map())
const silent = () => undefined

/** Answers by the first path that begins so; every request is written down. */
async function engine(t: Test, answers: Record<string, RequestListener>) {
  const asked: string[] = []
  const server = createServer((request, answer) => {
    const { method = '', url = '' } = request
    asked.push(`${method} ${url.split('?')[0]}`)
    request.resume()
    const found = Object.entries(answers).find(([path]) => url.startsWith(path))
    if (found) return found[1](request, answer)
    answer.writeHead(500).end('{"message":"out of order"}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const deployer = await openDeployer({
    address: `tcp://127.0.0.1:${address.port}`,
    addresses: addressPolicy(['127.0.0.0/8']),
    timeoutMs: 1000,
  })
  return { deployer, asked }
}

const says =
  (text: string, status = 200): RequestListener =>
  (_request, answer) =>
    answer.writeHead(status).end(text)

t.test('an engine that answers nothing, too much, or something else', async t => {
  const hung = await engine(t, { '/containers/json': () => undefined })
  await t.rejects(up(hung.deployer, 'shop', units, silent), { code: 'E_DOCKER_TIMEOUT' })
  const flood = await engine(t, {
    '/containers/json': (_request, answer) => {
      const send = () => {
        while (answer.write(' '.repeat(65_536)));
      }
      answer.on('drain', send)
      send()
    },
  })
  await t.rejects(up(flood.deployer, 'shop', units, silent), {
    code: /E_DOCKER_(TOO_BIG|TIMEOUT)/,
  })
  const html = await engine(t, { '/containers/json': says('<html>') })
  await t.rejects(down(html.deployer, 'shop', false, silent), { code: 'E_DOCKER_DECODE' })
  const wrong = await engine(t, { '/containers/json': says('[{"Id":"../../etc"}]') })
  await t.rejects(down(wrong.deployer, 'shop', false, silent), { code: 'E_DOCKER_DECODE' })
})

t.test('every failure is a line, and names the image that cannot be had', async t => {
  const broken = await engine(t, {
    '/containers/json': says('[]'),
    '/images/box%3A1/json': says('{"Id":"sha256:1"}'),
  })
  const failed = await up(broken.deployer, 'shop', units, silent)
  t.match(failed, Array(3).fill({ action: 'failed', detail: /500: out of order/ }))

  const pulls = await engine(t, {
    '/containers/json': says('[]'),
    '/images/box': says('{"message":"no such image"}', 404),
    '/images/create': says(`{"status":"Pulling"}\n{"error":"registry said <b>no</b>"}`),
  })
  const missing = await up(pulls.deployer, 'shop', units, silent)
  t.match(
    missing,
    Array(3).fill({ action: 'failed', detail: /box:1.*registry said.*docker load|load -i/ }),
  )
  t.equal(pulls.asked.filter(line => line === 'POST /images/create').length, 1, 'pulled once')
})

t.test("a volume or a network of the same name that is somebody else's is not joined", async t => {
  const shop = {
    web: { image: 'box:1', network: 'inner' },
    db: { image: 'box:1', volumes: ['data:/data'] },
    cache: { image: 'box:1' },
  }
  const own = unitsOf(parseFleet(JSON.stringify({ name: 'shop', services: shop }), 'f'), new Map())
  const [network = ''] = networksOf(own)
  const [volume = ''] = volumesOf(own)
  const answers = (labels: object | null) => ({
    '/containers/json': says('[]'),
    '/images/box%3A1/json': says('{"Id":"sha256:1"}'),
    '/containers/create': says(`{"Id":"${'e'.repeat(64)}"}`),
    '/containers/': says('', 204),
    '/networks': says(JSON.stringify([{ Name: network, Labels: labels }])),
    '/volumes': says(JSON.stringify({ Volumes: [{ Name: volume, Labels: labels }] })),
  })
  for (const labels of [null, {}, { 'pollux.fleet': 'other' }]) {
    const { deployer, asked } = await engine(t, answers(labels))
    const all = await up(deployer, 'shop', own, silent)
    const of = (name: string) => all.find(one => one.name === name)
    t.match(of(network), { action: 'failed', detail: /not of this fleet.*network rm/ })
    t.match(of(volume), { action: 'failed', detail: /not of this fleet.*volume rm/ })
    t.match(of('shop-web-1'), { action: 'skipped', detail: new RegExp(network) })
    t.match(of('shop-db-1'), { action: 'skipped', detail: new RegExp(volume) })
    t.match(of('shop-cache-1'), { action: 'created' }, 'the others are made')
    t.equal(asked.filter(line => line === 'POST /containers/create').length, 1)
  }
  const mine = await engine(t, answers({ 'pollux.fleet': 'shop' }))
  const all = await up(mine.deployer, 'shop', own, silent)
  t.match(
    all.map(one => one.action),
    ['unchanged', 'unchanged', 'created', 'created', 'created'],
  )
})

t.test('what bears another label or name is never removed, whatever its name', async t => {
  const id = (digit: string) => digit.repeat(64)
  const list = [
    { Id: id('a'), Names: ['/shop-web-1'], Status: 'Up', State: 'running', Labels: {} },
    {
      Id: id('b'),
      Names: ['/shop-web-2'],
      Status: 'Up',
      State: 'running',
      Labels: { 'pollux.fleet': 'other' },
    },
    {
      Id: id('c'),
      Names: ['/shop-old-7'],
      Status: 'Up',
      State: 'running',
      Labels: { 'pollux.fleet': 'shop', 'pollux.fleet.service': 'old' },
    },
    {
      // Of an image that "docker commit" made of a container of the fleet.
      Id: id('d'),
      Names: ['/my-own'],
      Status: 'Up',
      State: 'running',
      Labels: { 'pollux.fleet': 'shop', 'pollux.fleet.service': 'web' },
    },
  ]
  const { deployer, asked } = await engine(t, {
    '/containers/json': says(JSON.stringify(list)),
    [`/containers/${id('c')}`]: says('', 204),
    '/networks': says('[]'),
  })
  t.match(await down(deployer, 'shop', false, silent), [{ name: 'shop-old-7', action: 'removed' }])
  const changed = asked.filter(line => !line.startsWith('GET'))
  t.same(changed, [`POST /containers/${id('c')}/stop`, `DELETE /containers/${id('c')}`])
})
