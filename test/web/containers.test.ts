// Goal: 50 real containers on the page with the right numbers; the list's state in the address; one
// that is made again goes on as the same; the log for administrators alone, and never as markup.

import t from 'tap'
import Type from 'typebox'
import { addressPolicy } from '../../server/addresses.ts'
import { openDeployer } from '../../server/docker/deploy.ts'
import { up } from '../../server/fleet/fleet.ts'
import { parseFleet } from '../../server/fleet/spec.ts'
import { unitsOf } from '../../server/fleet/units.ts'
import { parser } from '../../server/validate.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { until as untilIt } from '../parts/find.ts'
import { as, ask, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(900_000)

const MEASURED_MS = 10_000
/** Lists are dear to ask for: a busy machine is not asked more often than it can answer. */
const PAUSE_MS = 500
const PATIENCE_MS = 150_000
const until = <T>(probe: () => Promise<T | false>, what: string) =>
  untilIt(
    async () => {
      const found = await probe()
      if (found === false) await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      return found
    },
    what,
    PATIENCE_MS,
  )
/** Ends at once when it is asked to. */
const REST = 'trap "exit 0" TERM; sleep 100000 & wait'
const services = {
  web: { image: 'box:1', count: 20, command: ['sh', '-c', REST], memory: '32m' },
  idle: { image: 'box:1', count: 26, command: ['sh', '-c', REST] },
  busy: { image: 'box:1', count: 2, command: ['sh', '-c', 'while :; do :; done'], cpus: 0.1 },
  ended: { image: 'box:1', command: ['sh', '-c', 'exit 3'], restart: 'no' },
  talker: {
    image: 'box:1',
    command: ['sh', '-c', `echo '<b id="evil">bold</b>'; echo "$PASSWORD" | wc -c; ${REST}`],
    env: { PASSWORD: 'never-on-a-page' },
  },
}

const samplesOf = parser(
  Type.Object({
    series: Type.Array(Type.Object({ points: Type.Array(Type.Array(Type.Number())) })),
  }),
  'E_TEST',
  'the samples',
)

const test = await startTestProgram(t)
const { url, program } = test
const dockerd = await startDockerd(t)
const { docker, run, address } = dockerd
const everybody = await people(test)
const deployer = await openDeployer({
  address,
  addresses: addressPolicy([]),
  timeoutMs: 60_000,
})

async function deploy(of: object) {
  const fleet = parseFleet(JSON.stringify({ name: 'shop', services: of }), 'the fleet')
  const environments = new Map(
    Object.entries(fleet.services).map(([key, { env }]) => [key, env as Record<string, string>]),
  )
  const outcomes = await up(deployer, 'shop', unitsOf(fleet, environments), () => undefined)
  return outcomes.map(one => one.action)
}

const page = async (path: string, role: keyof typeof everybody = 'viewer') =>
  ask(url, path, as(url, everybody[role]))
/** Names in the order of the list. */
const names = (html: string): string[] =>
  [...html.matchAll(/class="row-link" href="[^"]*">([^<]*)</g)].map(match => match[1] ?? '')
/** One line of the list. */
function line(html: string, name: string): string {
  const rows = html.split('<tr id="container-').slice(1)
  return rows.find(row => names(row)[0] === name) ?? ''
}

/** The stream of a page as text, until `isThere`. */
async function hear(
  path: string,
  role: keyof typeof everybody,
  isThere: (text: string) => boolean,
) {
  const answer = await fetch(`${url}${path}`, { headers: as(url, everybody[role]).headers ?? {} })
  const reader = answer.body?.getReader()
  if (!reader) throw new Error(`${path} gave ${answer.status}`)
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    text += decoder.decode(value, { stream: true })
    if (done || isThere(text)) break
  }
  return { text, close: () => reader.cancel() }
}

t.test('without an engine the page says what to do', async t => {
  const { status, body } = await page('/containers')
  t.equal(status, 200)
  t.match(body, /No engine is watched yet/)
})

t.test('50 containers are on the page, with the right numbers', async t => {
  t.same(new Set(await deploy(services)), new Set(['created']))
  await run('foreign', ['--label', 'com.docker.compose.project=<script>x</script>'], REST)
  await program.devices.create(
    { id: 'engine-1', name: 'Engine <1>', kind: 'docker', address, every: '2s', timeout: '20s' },
    { name: 'test', address: '' },
    'api',
  )
  // A rate needs two reads, and names of images come in a message of their own.
  const html = await until(async () => {
    const { body } = await page('/containers')
    const isWhole = ['shop-busy-1', 'shop-web-7'].every(name =>
      /box:1[\s\S]*>[\d.]+\s%<\/span>/.test(line(body, name)),
    )
    return names(body).length === 51 && isWhole && body
  }, 'all containers with a CPU')
  t.match(line(html, 'shop-web-7'), /running/)
  t.match(line(html, 'shop-web-7'), /box:1/)
  t.match(line(html, 'shop-ended-1'), /exited/)
  t.notMatch(html, /<script>x|Engine <1>|never-on-a-page/)
  const stats = JSON.parse(
    await docker('stats', '--no-stream', '--format', '{{json .}}', 'shop-web-7'),
  )
  t.match(stats.MemUsage, /32MiB/)
  await until(async () => {
    const { body } = await page('/devices/engine-1/rows/docker_container/shop-web-7')
    return /32(\.0)? MiB/.test(body)
  }, 'the limit that docker stats shows')
})

t.test('sorted, filtered and grouped by the address', async t => {
  const byCpu = await until(async () => {
    const answer = await page('/containers?sort=-cpu')
    const first = names(answer.body).slice(0, 2).sort().join()
    return first === 'shop-busy-1,shop-busy-2' && answer
  }, 'the busy ones on top, after a read in which all were seen')
  t.match(byCpu.body, /class="col-cpu number" aria-sort="descending"/)
  t.equal(names((await page('/containers?sort=name')).body)[0], 'foreign')
  t.equal(names((await page('/containers?sort=-name')).body)[0], 'shop-web-20', 'numbers in order')
  t.same(names((await page('/containers?state=exited')).body), ['shop-ended-1'])
  t.equal(names((await page('/containers?q=WEB-1')).body).length, 11)
  t.same(names((await page('/containers?engine=nosuch')).body), [])
  const grouped = await page('/containers?group=project')
  t.match(grouped.body, /scope="rowgroup">shop <span class="muted">50</)
  t.match(grouped.body, /&lt;script&gt;x/)
  t.equal(names((await page('/containers?project=shop')).body).length, 50)
  for (const odd of ['sort=nosuch', 'page=0', 'page=99', 'group=x', 'q=%00%ff', 'sort=a&sort=b'])
    t.equal((await page(`/containers?${odd}`)).status, 200, odd)
  t.match(
    (await page('/containers?q=nothing-like-it')).body,
    /No container matches “nothing-like-it”/,
  )
  t.match((await page('/devices/engine-1')).body, /href="\/containers\?engine=engine-1"/)
})

t.test('what happens is seen on an open page', async t => {
  const heard = hear('/live?page=containers&q=late', 'viewer', text => text.includes('late-comer'))
  await run('late-comer', [], REST)
  t.match((await heard).text, /hx-target="#containers"/)
  await (await heard).close()
  await docker('rm', '-f', 'late-comer')
})

t.test('a container that is made again goes on as the same', async t => {
  await docker('commit', 'shop-idle-1', 'box:2')
  const actions = await deploy({
    ...services,
    web: { ...services.web, memory: '48m' },
    talker: { ...services.talker, image: 'box:2' },
  })
  t.equal(actions.filter(action => action === 'recreated').length, 21)
  const query = 'device=engine-1&metric=docker_container.memory_limit&row=shop-web-3'
  const { series } = await until(async () => {
    const answer = samplesOf(JSON.parse((await page(`/api/v1/samples?${query}`)).body))
    const values = answer.series.flatMap(one => one.points.map(point => point[1]))
    return values.includes(32 * 1024 ** 2) && values.includes(48 * 1024 ** 2) && answer
  }, 'values of before and after')
  t.equal(series.length, 1, 'in one series')
  const eventOf = (name: string, words: RegExp) =>
    until(async () => {
      const { body } = await page(`/devices/engine-1/rows/docker_container/${name}`)
      return words.test(body)
    }, `an event of ${name}`)
  await eventOf('shop-web-3', /made again of the same image box:1/)
  await eventOf(
    'shop-talker-1',
    /made again of another image: box:1 \([0-9a-f]{12}\) before, box:2/,
  )
  const { body } = await page('/containers?q=shop-web-3')
  t.same(names(body), ['shop-web-3'], 'it is there once')
})

t.test('the poller for these 50', async t => {
  const started = process.cpuUsage()
  await new Promise(resolve => setTimeout(resolve, MEASURED_MS))
  const { user, system } = process.cpuUsage(started)
  const share = (user + system) / 10 / MEASURED_MS
  t.comment(`whole program, 51 containers every 2 s: ${share.toFixed(1)} % of one core`)
})

t.test('the log: for administrators, escaped, in the audit log, one at a time', async t => {
  const log = '/devices/engine-1/rows/docker_container/shop-talker-1/log'
  for (const role of ['viewer', 'technician', 'engineer'] as const) {
    t.equal((await page(log, role)).status, 403, role)
    t.equal((await page(`${log}/stream`, role)).status, 403, role)
    t.notMatch((await page(log.replace(/\/log$/, ''), role)).body, log)
  }
  t.match((await page(log.replace(/\/log$/, ''), 'admin')).body, log)
  const still = await page(`${log}?still=1`, 'admin')
  t.match(still.body, /&lt;b id=&quot;evil&quot;&gt;bold/)
  t.notMatch(still.body, /<b id="evil"|never-on-a-page/)

  const first = hear(`${log}/stream`, 'admin', text => text.includes('another page'))
  await until(async () => {
    const { body } = await page('/audit?action=container.log', 'admin')
    return (body.match(/shop-talker-1/g)?.length ?? 0) >= 2
  }, 'both openings in the audit log')
  const second = await hear(`${log}/stream`, 'admin', text => text.includes('bold'))
  t.match(second.text, /&lt;b id=/)
  t.match((await first).text, /hx-target="#log-live"[\s\S]*opened on another page/)
  await second.close()
  await docker('rm', '-f', 'shop-talker-1')
  const gone = await hear(`${log}/stream`, 'admin', () => false)
  t.match(gone.text, /No such container/i, 'the page is told, and the stream ends')
  t.equal((await page('/devices/engine-1/rows/docker_container/nosuch/log', 'admin')).status, 404)
})
