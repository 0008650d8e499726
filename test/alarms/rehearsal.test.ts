// Goal: a rehearsal in its threads says what happened in stored history, to the alarm; the program's event
// loop answers meanwhile; too many, too slow and wrong rehearsals end with an error, and the next one works.

import { createServer } from 'node:http'
import path from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createRehearsals, type RehearsalJob } from '../../server/alarms/rehearsals.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../parts/find.ts'
import { anyMariaDb } from '../parts/mariadb.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const now = Math.floor(Date.now() / DAY) * DAY
const log = pino({ level: 'silent' })
const mariadb = await anyMariaDb(t)

/** Busy for an hour from 12:00 each day, and on the first device from 23:00 as well. */
function busy(device: number, row: number, at: number): number {
  const hour = Math.floor((at % DAY) / HOUR)
  return row === 0 && (hour === 12 || (device === 0 && hour === 23)) ? 95 : 20
}

async function stored(t: Test, { url, devices, rows }: Filled) {
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const keys = Array.from({ length: rows }, (_, row) => `port-${row}`)
  const uids: number[] = []
  for (let device = 0; device < devices; device++) {
    const id = `sw-${device}`
    const { uid } = await store.devices.create(
      {
        ...{ id, name: `Switch ${device}`, kind: 'snmp', address: '192.0.2.1', profiles: ['auto'] },
        ...{ every: '60s', timeout: '2s', retries: 1, enabled: true },
      },
      'api',
      0,
    )
    uids.push(uid)
    const all: AcceptedCollection[] = []
    for (let at = now - 30 * DAY; at < now; at += HOUR / 2) {
      all.push({
        ...{ deviceUid: uid, group: 'interface', at, rows: keys, failed: null, gaps: new Map() },
        metrics: new Map([['in_percent', keys.map((_, row) => busy(device, row, at))]]),
      })
    }
    await store.samples.write(all)
  }
  return uids
}

interface Filled {
  url: string
  devices: number
  rows: number
}

const jobFor = (uids: readonly number[], more: object = {}): RehearsalJob => ({
  rule: {
    ...{ id: 'r', version: 1, source: 'person', from: '', changed: false, name: 'Busy' },
    ...{ devices: { all: true }, condition: 'threshold', metric: 'interface.in_percent' },
    ...{ warning: '> 80', clear: '< 70', enabled: true, ...more },
  },
  metrics: [
    {
      ...{ group: 'interface', groupTitle: 'Interface', table: true, metric: 'in_percent' },
      ...{ title: 'In', unit: '%', kind: 'gauge', role: null, states: [], decimals: null },
      ...{ alarm: null, profile: 'if-mib', siblings: ['in_percent'] },
    },
  ],
  targets: uids.map((uid, place) => ({
    ...{ device: { uid, id: `sw-${place}`, name: `Switch ${place}` }, metrics: [0] },
  })),
  ...{ now, zone: 'UTC' },
})

const rehearsalsOn = (t: Test, url: string, more: { jobMsMax?: number } = {}) => {
  const made = createRehearsals({ databaseUrl: url, logLevel: 'silent', ...more })
  t.teardown(() => made.close())
  return made
}
const newFile = async (t: Test) => `sqlite:${path.join(await tempDir(t), 'pollux.db')}`

for (const dialect of ['sqlite', 'mariadb'] as const) {
  t.test(`${dialect}: every alarm of 30 days, by device, at night, on which row`, async t => {
    const url = dialect === 'sqlite' ? await newFile(t) : await mariadb.createDatabase()
    const uids = await stored(t, { url, devices: 3, rows: 2 })
    const rehearsals = rehearsalsOn(t, url)
    const made = await rehearsals.run(jobFor(uids))
    // 60 on the first device, 30 at noon and 30 at night, and 30 on each of the others.
    t.match(made, { devices: 3, looked: 3, series: 6, times: 120, atNight: 30, isCut: false })
    t.match(made, { longestMs: HOUR, allMs: 120 * HOUR })
    t.same(
      made.worst.map(({ device, times, atNight, rows }) => [device.id, times, atNight, rows]),
      [
        ['sw-0', 60, 30, 1],
        ['sw-1', 30, 0, 1],
        ['sw-2', 30, 0, 1],
      ],
    )
    t.match(made.example, { device: { id: 'sw-0' }, row: 'port-0' })
    t.equal(made.example?.spans.length, 60)
    t.equal(made.example?.points.length, 30 * 48)
    const inTokyo = await rehearsals.run({ ...jobFor(uids), zone: 'Asia/Tokyo' })
    t.equal(inTokyo.atNight, 0, 'night is where the reader is: 21 h and 8 h there')
    t.match(await rehearsals.run(jobFor(uids, { for: '2h' })), { times: 0 }, 'never for so long')
    t.match(await rehearsals.run(jobFor([])), { devices: 0, times: 0, example: null })
  })
}

t.test('more devices than are looked at are counted and said', async t => {
  const url = await newFile(t)
  const uids = await stored(t, { url, devices: 1, rows: 1 })
  const made = await rehearsalsOn(t, url).run(jobFor([...uids, ...Array(70).fill(99)]))
  t.match(made, { devices: 71, looked: 50, isCut: true, times: 60 })
})

t.test('requests are answered while a long rehearsal runs', async t => {
  const url = await newFile(t)
  const uids = await stored(t, { url, devices: 2, rows: 300 })
  const server = createServer((_, reply) => reply.end('here'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const page = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  let isOver = false
  const running = rehearsalsOn(t, url)
    .run(jobFor(uids))
    .finally(() => {
      isOver = true
    })
  let answers = 0
  while (!isOver) {
    if ((await (await fetch(page)).text()) === 'here') answers++
  }
  t.match(await running, { series: 600, times: 90 })
  t.ok(answers >= 20, `${answers} answers`)
})

t.test('bad rules, crowds and hangs end with an error; the next one works', async t => {
  const url = await newFile(t)
  const uids = await stored(t, { url, devices: 1, rows: 1 })
  const rehearsals = rehearsalsOn(t, url)
  await t.rejects(rehearsals.run(jobFor(uids, { warning: 'value <' })), { code: 'E_RULE' })
  await t.rejects(rehearsals.run({ ...jobFor(uids), zone: 'No/Where' }), { code: 'E_REHEARSAL' })
  const crowd = await Promise.allSettled(
    Array.from({ length: 12 }, () => rehearsals.run(jobFor(uids))),
  )
  const good = crowd.filter(one => one.status === 'fulfilled')
  t.equal(good.length, 8)
  t.match(crowd.at(-1), { status: 'rejected', reason: { code: 'E_BUSY', passing: true } })
  const hasty = rehearsalsOn(t, url, { jobMsMax: 1 })
  await t.rejects(hasty.run(jobFor(uids)), { code: 'E_REHEARSAL', message: /too long/ })
  const left = rehearsals.run(jobFor(uids))
  const refused = t.rejects(left, { code: 'E_REHEARSAL', message: /closed/ })
  await rehearsals.close()
  await refused
  t.match(await rehearsals.run(jobFor(uids)), { times: 60 }, 'it starts anew')
})
