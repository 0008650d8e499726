// Goal: docker/fleet.json as it is shipped: all of it runs and is on the page with the right numbers, one
// that is made again goes on in its history, and "down" leaves nothing and touches nothing else.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { memoryBytesOf } from '../../server/fleet/fields.ts'
import { parseFleet } from '../../server/fleet/spec.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { until } from '../parts/find.ts'
import { makeFleetImages } from '../parts/fleet-images.ts'
import { installation, pollux } from '../system/server.ts'
import { startApi } from '../web/caller.ts'
import { ask as askPage } from '../web/people.ts'

t.setTimeout(600_000)

const FILE = path.join(import.meta.dirname, '../../docker/fleet.json')
const PASSWORD = 'never-on-a-page'
const env = { FLEET_DB_PASSWORD: PASSWORD }
const ENGINE = 'engine'
const patience = 150_000

/** Name of each container → what the file says of it. */
async function asked() {
  const { services } = parseFleet(await readFile(FILE, 'utf8'), FILE)
  return new Map(
    Object.entries(services).flatMap(([key, service]) =>
      Array.from({ length: service.count ?? 1 }, (_, i) => [
        `example-${key}-${i + 1}`,
        { key, ...service },
      ]),
    ),
  )
}

t.test('docker/fleet.json', async t => {
  const wanted = await asked()
  t.equal(wanted.size, 50)
  const dockerd = await startDockerd(t)
  const { docker, address, run } = dockerd
  const images = [...wanted.values()].map(({ image }) => image)
  await makeFleetImages(t, dockerd, images)
  await run('bystander', ['-v', 'foreign:/data'], 'trap "exit 0" TERM; sleep 100000 & wait')
  await docker('network', 'create', 'foreign')
  const all = async () => ({
    containers: (await docker('ps', '-a', '--format', '{{.Names}} {{.ID}}')).split('\n').sort(),
    networks: (await docker('network', 'ls', '--format', '{{.Name}} {{.ID}}')).split('\n').sort(),
    volumes: (await docker('volume', 'ls', '-q')).split('\n').sort(),
  })
  const before = await all()
  const where = await installation(t)
  const fleet = async (t: Test, what: string, ...args: string[]) => {
    const ran = await pollux(where, ['fleet', what, FILE, '--engine', address, ...args], { env })
    t.equal(ran.code, 0, ran.stderr)
    t.notMatch(ran.stdout + ran.stderr, PASSWORD)
    return ran.stdout
  }
  const api = await startApi(t)
  const page = (where: string) =>
    askPage(api.test.url, where, { headers: { cookie: api.everybody.admin.cookie } })
  const latest = async () => {
    const { samples } = await api.latest(ENGINE)
    return (metric: string, row: string) =>
      samples.find(one => one.metric === `docker_container.${metric}` && one.row === row)?.value
  }

  await t.test('up: all of it runs', async t => {
    t.match(await fleet(t, 'up'), /: 50 created\n$/)
    t.match(await fleet(t, 'status'), /50 of 50 containers run/)
  })

  await t.test('all are on the page, with the numbers of the file', async t => {
    const document = { id: ENGINE, kind: 'docker', address, every: '3s', timeout: '20s' }
    t.equal((await api.ask('POST', '/devices', { body: document })).status, 201)
    const busy = [...wanted].flatMap(([name, { key }]) => (key === 'ubuntu-busy' ? [name] : []))
    const number = (value: unknown) => (typeof value === 'number' ? value : 0)
    await until(
      async () => {
        const of = await latest()
        const isWhole = [...wanted.keys()].every(
          name => of('memory_limit', name) !== undefined && typeof of('cpu', name) === 'number',
        )
        const isAtWork = busy.every(name => number(of('cpu', name)) > 0)
        const isVisited = number(of('net_in', 'example-visitor-1')) > 0
        return isWhole && isAtWork && isVisited
      },
      'numbers of all of them',
      patience,
    )
    const of = await latest()
    const total = Number(await docker('info', '--format', '{{.MemTotal}}'))
    for (const [name, { memory, key }] of wanted) {
      const limit = memory === undefined ? total : memoryBytesOf(memory)
      t.equal(of('memory_limit', name), limit, `${name}: memory limit`)
      t.equal(of('restarts', name), 0, `${name}: restarts`)
      t.ok(number(of('pids', name)) >= 1, `${name}: processes`)
      const cpu = number(of('cpu', name))
      if (key === 'ubuntu-busy') t.ok(cpu > 0 && cpu < 15, `${name}: a tenth of a core: ${cpu} %`)
      if (key === 'ubuntu-idle') t.ok(cpu < 5, `${name}: ${cpu} %`)
    }
    const list = await page('/containers?project=example')
    const shown = [...list.body.matchAll(/class="row-link" href="[^"]*">([^<]*)</g)].map(
      one => one[1],
    )
    t.same(shown.sort(), [...wanted.keys()].sort())
    t.notMatch(list.body, PASSWORD)
  })

  await t.test('one that is made again goes on', async t => {
    const name = 'example-redis-3'
    const query = { device: ENGINE, metric: 'docker_container.uptime', row: name }
    const points = async () => {
      const { series } = await api.history({ ...query, from: String(Date.now() - 3_600_000) })
      if (series.length > 1) throw new Error('it has two histories')
      return series[0]?.points ?? []
    }
    const first = await points()
    const id = await docker('inspect', '-f', '{{.Id}}', name)
    await docker('rm', '-f', name)
    const removedAt = Date.now()
    t.match(await fleet(t, 'up'), /: 49 unchanged, 1 created\n$|: 1 created, 49 unchanged\n$/)
    t.not(await docker('inspect', '-f', '{{.Id}}', name), id)
    const on = await until(
      async () => {
        const found = await points()
        return found.some(([at, value]) => at > removedAt && value !== null) && found
      },
      'values of the new one',
      patience,
    )
    t.equal(on[0]?.[0], first[0]?.[0], 'the old ones are there still')
    await until(
      async () =>
        /made again of the same image redis:7-alpine/.test(
          (await page(`/devices/${ENGINE}/rows/docker_container/${name}`)).body,
        ),
      'the event on its page',
      patience,
    )
  })

  await t.test('down leaves nothing, and touches nothing else', async t => {
    t.match(await fleet(t, 'down', '--volumes'), /: 50 removed\n$/)
    t.same(await all(), before)
  })
})
