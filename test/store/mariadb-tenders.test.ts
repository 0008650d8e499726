// Goal: two processes that do the maintenance of one database at once, under writes, lose nothing and
// double nothing; where one of them is killed in the middle the other goes on.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import type { MaintenanceStats, SamplePoint } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { log, type Place } from './place.ts'
import { collected, config, good } from './samples.ts'
import { count, DAY, MINUTE, minutes, readRange, T0 } from './tending.ts'

const DAYS = 6
const DEVICES = ['a', 'b', 'c']

t.setTimeout(600_000)
const shared = await anyMariaDb(t)

interface Tender {
  child: ChildProcess
  stats: MaintenanceStats | null
  exited: Promise<unknown>
}

function tender(t: Test, url: string, now: number): Tender {
  const file = new URL('./tender.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [file, url, String(now)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise(resolve => child.once('exit', resolve))
  const tender: Tender = { child, stats: null, exited }
  createInterface({ input: child.stdout }).on('line', line => {
    tender.stats = JSON.parse(line)
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return tender
}

t.test('two at once, and one of them killed', async t => {
  const url = await shared.createDatabase()
  const place: Place = { url, raw: statement => rawRows(url, statement) }
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const devices = await Promise.all(DEVICES.map(id => store.devices.create(config(id), 'form', 1)))
  const expected: SamplePoint[] = []
  const write = async (times: readonly number[]) => {
    for (const { uid } of devices) {
      const batch = times.map(at =>
        collected(uid, at, ['x'], { in: [(at - T0) / MINUTE], name: [`n${at % 7}`] }),
      )
      const outcomes = await store.samples.write(batch)
      if (outcomes.some(outcome => outcome !== 'stored')) t.fail(JSON.stringify(outcomes))
    }
    expected.push(...times.map(at => good(at, (at - T0) / MINUTE)))
  }
  const now = T0 + (DAYS + 1) * DAY
  await write(minutes(0, 600))
  const made = ({ stats }: Tender) => stats?.blocks ?? 0
  const both = [tender(t, url, now), tender(t, url, now)]
  const blocks = () => both.reduce((sum, one) => sum + made(one), 0)
  let survivor: Tender | null = null
  for (let from = 600; from < DAYS * 1440; from += 240) {
    await write(minutes(from, from + 240))
    // What comes late, into windows that may be compacted at this moment.
    await write([T0 + (from - 600) * MINUTE + 30_000])
    if (survivor === null && from > 3000) {
      // Whichever is at work: on a busy machine one may do all before the other has begun.
      const busy = await until(() => both.find(one => made(one) > 5), 'one of them is at work')
      busy.child.kill('SIGKILL')
      await busy.exited
      survivor = both.find(one => one !== busy) ?? null
    }
  }
  await until(async () => (await count(place, 'poll')) === 0, 'the other one ends the work')
  await until(async () => (await count(place, 'rollup_due')) === 0, 'and the roll-ups')
  t.ok(blocks() > DEVICES.length * 20, `${blocks()} blocks`)
  t.match(survivor?.stats, { failed: 0, damaged: 0, dropped: 0, tooOld: 0 })
  survivor?.child.kill('SIGKILL')
  await survivor?.exited

  expected.sort((a, b) => a.at - b.at)
  const all = { from: T0, to: T0 + (DAYS + 1) * DAY }
  const counts = expected.length
  for (const { uid } of devices) {
    const read = await readRange(store, uid, ['in', 'name'], all)
    t.same(read['in x'], expected, `${counts} of device ${uid}`)
    t.equal(read['name x']?.length, counts)
  }
  const late = expected.filter(({ at }) => at < T0 + DAY && at % MINUTE > 0).length
  t.match(
    await place.raw(`select value_count from daily_values
      where metric = 'in' and day_utc = date '2026-01-01'`),
    DEVICES.map(() => ({ value_count: 1440 + late })),
    'the roll-ups have what came late',
  )
  const partitions = await place.raw(
    `select table_name as name, count(*) as made from information_schema.partitions
      where table_schema = database() and partition_name is not null group by table_name`,
  )
  t.ok(
    partitions.some(({ name, made }) => name === 'block_default' && Number(made) > 1),
    'partitions were made',
  )
})
