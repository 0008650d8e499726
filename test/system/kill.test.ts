// Goal: kill -9 of the server in the middle of its work, three times, and of an outside broker:
// what was measured is in the database, once; a device's history has a hole no longer than the kill.

import { cp, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { type Network, startNetwork } from '../../bench/network/network.ts'
import { scanRecords } from '../../server/bus/record.ts'
import { parseDeviceTopic } from '../../server/bus/topics.ts'
import { Collection } from '../../server/model/collection.ts'
import { decodeBlock } from '../../server/store/block.ts'
import { checker, parseJson } from '../../server/validate.ts'
import { until } from '../parts/find.ts'
import { startMosquitto } from '../parts/mosquitto.ts'
import { audit, startLedger, unexplained } from './ledger.ts'
import {
  addDevices,
  figure,
  installation,
  pauseDevices,
  quickToken,
  type Server,
  senderNumbers,
  startServer,
} from './server.ts'

const SEED = Number(process.env.POLLUX_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const KILLS = 3
/** Devices beside those of the network, at the same ports. */
const TWINS = 30
/** Two reads of a device at 1 s, the spread of first reads, and a machine with other work, ms. */
const readsMsMax = 8000

const isCollection = checker(Collection)

/** mulberry32: the same seed gives the same moments. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function networkDevices(network: Network, twins: number): Record<string, unknown>[] {
  const one = (id: string, port: number) => ({
    id,
    name: id,
    kind: 'snmp',
    address: network.host,
    port,
    credentials: { version: '2c', community: network.community },
    every: '1s',
    timeout: '1s',
  })
  const own = network.devices.map(({ id, port }) => one(id, port))
  const others = Array.from({ length: twins }, (_, i) =>
    one(`twin-${i + 1}`, network.devices[i % network.devices.length]?.port ?? 0),
  )
  return [...own, ...others]
}

/** A good read that the spool had on disk. */
interface Spooled {
  device: string
  group: string
  at: number
}

/** Everything in the spool's files, read by the test itself. */
async function spooledGood(dir: string): Promise<Spooled[]> {
  const found: Spooled[] = []
  for (const name of (await readdir(dir)).filter(file => file.endsWith('.seg'))) {
    for (const { record } of scanRecords(await readFile(path.join(dir, name)))) {
      const at = record && parseDeviceTopic(record.topic)
      if (!record || !at || !/\/samples\/[^/]+$/.test(record.topic)) continue
      const checked = isCollection(
        parseJson(Buffer.from(`{"v":1,${record.payload.toString().slice(1)}`)),
      )
      if (!checked.ok || !checked.value.ok) continue
      const group = record.topic.split('/').at(-1) ?? ''
      found.push({ device: at.device, group, at: checked.value.at })
    }
  }
  return found
}

/** Times of all stored polls: `device/group` → ms, and `device` → ms. */
function storedTimes(file: string) {
  const db = new DatabaseSync(file, { readOnly: true })
  const polls = db
    .prepare(
      `select device.id as device, stream.group_name as grp, poll.ts as at
       from poll join stream on stream.id = poll.stream_id
       join device on device.uid = stream.device_uid`,
    )
    .all()
  // A run over the end of a window finds the older ones in a block.
  const blocks = db
    .prepare(
      `select device.id as device, stream.group_name as grp, block_default.t0 as t0, data
       from block_default join stream on stream.id = block_default.stream_id
       join device on device.uid = stream.device_uid`,
    )
    .all()
    .flatMap(({ device, grp, t0, data }) => {
      if (!(data instanceof Uint8Array)) throw new Error('a block without bytes')
      return [...decodeBlock(data, Number(t0)).times].map(at => ({ device, grp, at }))
    })
  const rows = [...polls, ...blocks].sort((a, b) => Number(a.at) - Number(b.at))
  const integrity = db.prepare('pragma integrity_check').all()
  db.close()
  const groups = new Map<string, Set<number>>()
  const devices = new Map<string, number[]>()
  for (const row of rows) {
    const [device, at] = [String(row.device), Number(row.at)]
    const key = `${device}/${String(row.grp)}`
    groups.set(key, (groups.get(key) ?? new Set()).add(at))
    const times = devices.get(device) ?? []
    devices.set(device, times)
    if (times.at(-1) !== at) times.push(at)
  }
  return { groups, devices, integrity: integrity.map(row => Object.values(row)[0]) }
}

/** The longest time without a read around a moment; Infinity where nothing came any more. */
function holeAt(times: readonly number[], moment: number): number {
  const before = times.filter(at => at <= moment).at(-1) ?? Number.NEGATIVE_INFINITY
  const after = times.find(at => at > moment) ?? Number.POSITIVE_INFINITY
  return after - before
}

/** Until every device was read well often enough, and so all of them are in their rhythm. */
async function inRhythm(server: Server, token: string, devices: number, reads: number) {
  await until(
    async () => {
      const polled = await figure(server.url, token, 'pollux_poll_devices')
      const good = await figure(server.url, token, 'pollux_poll_reads', { outcome: 'good' })
      return polled === devices && good >= reads * devices
    },
    `${reads} reads of ${devices} devices`,
    30_000,
  )
}

// Many starts of a whole program, on a machine that may have other work.
t.setTimeout(600_000)

t.test('the server is killed three times under load', async t => {
  const random = randomOf(SEED)
  t.comment(`POLLUX_TEST_SEED=${SEED}`)
  const where = await installation(t, { POLLUX_LOG_LEVEL: 'warn' })
  const network = await startNetwork()
  t.teardown(() => network.close())
  const ledger = await startLedger(t, where.dir, 6)
  where.env = { ...where.env, POLLUX_PROFILES_DIR: ledger.profilesDir }
  const devices = [...networkDevices(network, TWINS), ...ledger.devices]

  let server = await startServer(t, where)
  const token = await quickToken(where.sqliteUrl)
  await addDevices(server.url, token, devices)
  const spools: Spooled[] = []
  const kills: { at: number; backAt: number }[] = []
  for (let kill = 1; kill <= KILLS; kill++) {
    await inRhythm(server, token, devices.length, 2)
    await delay(200 + random() * 2000)
    const at = Date.now()
    t.match(await server.kill(), { code: null, signal: 'SIGKILL' }, `kill ${kill}`)
    const copy = path.join(where.dir, `spool-${kill}`)
    await cp(path.join(where.dataDir, 'spool', 'poll'), copy, { recursive: true })
    const spooled = await spooledGood(copy)
    spools.push(...spooled)
    server = await startServer(t, where)
    kills.push({ at, backAt: Date.now() })
    t.comment(
      `kill ${kill}: ${spooled.length} reads in the spool's files, back in ${Date.now() - at} ms`,
    )
  }
  await inRhythm(server, token, devices.length, 2)
  const before = await senderNumbers(server.url, token, 'poll')
  t.ok(before.sent > 500, `load: ${before.sent} messages since the last kill`)

  // A read that is under way when its device is paused is nobody's: they answer no more before that.
  ledger.silence(true)
  await until(
    async () => (await unexplained(where.sqliteUrl, ledger, kills)).length === 0,
    'every answered read but those of the kills',
  )
  // Nothing is read any more; what waits on disk drains.
  await pauseDevices(server.url, token, devices)
  const drained = await until(
    async () => {
      const numbers = await senderNumbers(server.url, token, 'poll')
      return numbers.waiting === 0 && numbers
    },
    'the spool to drain',
    30_000,
  )
  t.equal(drained.sent, drained.stored, 'all that was sent is stored')
  t.match(drained, { refused: 0, dropped: 0 }, 'nothing refused or dropped')
  t.match(await server.stop(), { code: 0 }, 'a stop in good order')

  const file = path.join(where.dataDir, 'pollux.db')
  const { groups, devices: times, integrity } = storedTimes(file)
  t.same(integrity, ['ok'], 'the database is whole')
  const missing = spools.filter(
    ({ device, group, at }) => !groups.get(`${device}/${group}`)?.has(at),
  )
  t.ok(spools.length > 100, `${spools.length} good reads were on disk at the kills`)
  t.same(missing.slice(0, 5), [], 'each of them is in the database')

  for (const { at, backAt } of kills) {
    const holes = devices.map(({ id }) => ({ id, ms: holeAt(times.get(String(id)) ?? [], at) }))
    const worst = holes.reduce((a, b) => (b.ms > a.ms ? b : a))
    // A machine that starts slowly reads the first time slowly.
    const allowed = 2 * (backAt - at) + readsMsMax
    t.comment(`longest hole: ${worst.ms} ms (${worst.id}); the start took ${backAt - at} ms`)
    t.same(
      holes.filter(hole => hole.ms > allowed),
      [],
      'no device has a longer hole than the kill',
    )
  }

  const result = await audit(where.sqliteUrl, ledger)
  t.ok(result.answered > 6 * KILLS, `${result.answered} reads were answered`)
  t.same(result.invented, [], 'no value that was never answered')
  t.same(result.twice, [], 'none twice')
  t.same(
    await unexplained(where.sqliteUrl, ledger, kills),
    [],
    'nothing lost but what was read in the moment of a kill',
  )
  t.comment(
    `${result.lost.length} of ${result.answered} reads lost at ${KILLS} kills, ${result.late.length} late; gaps ${JSON.stringify(result.gaps)}`,
  )
})

t.test('an outside broker is killed and forgets everything: nothing is lost', async t => {
  const where = await installation(t, { POLLUX_LOG_LEVEL: 'warn' })
  const user = { username: 'pollux', password: 'secret of it' }
  const mosquitto = await startMosquitto(t, [{ ...user, publish: ['#'], subscribe: ['#'] }])
  const network = await startNetwork()
  t.teardown(() => network.close())
  const ledger = await startLedger(t, where.dir, 6)
  where.env = {
    ...where.env,
    POLLUX_PROFILES_DIR: ledger.profilesDir,
    POLLUX_MQTT_URL: `mqtt://${user.username}:${encodeURIComponent(user.password)}@127.0.0.1:${mosquitto.port}`,
  }
  const devices = [...networkDevices(network, 0), ...ledger.devices]
  const server = await startServer(t, where)
  const token = await quickToken(where.sqliteUrl)
  await addDevices(server.url, token, devices)
  await inRhythm(server, token, devices.length, 3)

  await mosquitto.stop('SIGKILL')
  const killed = ledger.answers.length
  await until(
    async () => (await fetch(`${server.url}/readyz`)).status === 503,
    'readyz to say that the broker is away',
  )
  t.match(await (await fetch(`${server.url}/readyz`)).text(), 'away MQTT broker')
  await delay(5000)
  const during = await senderNumbers(server.url, token, 'poll')
  t.ok(ledger.answers.length >= killed + 3 * 6, 'devices are read on meanwhile')
  t.ok(during.waiting > 50, `${during.waiting} messages wait`)
  await mosquitto.start()
  await until(
    async () => (await fetch(`${server.url}/readyz`)).status === 200,
    'ready again',
    30_000,
  )
  ledger.silence(true)
  await until(
    async () => (await audit(where.sqliteUrl, ledger)).lost.length === 0,
    'every answered read in the database',
    30_000,
  )
  const result = await audit(where.sqliteUrl, ledger)
  t.same(
    [result.lost, result.twice, result.invented],
    [[], [], []],
    'each answered read stored once',
  )
  t.comment(`${result.answered} reads, gaps ${JSON.stringify(result.gaps)}`)
  const numbers = await senderNumbers(server.url, token, 'poll')
  t.match(numbers, { refused: 0, dropped: 0 }, 'nothing refused or dropped')
  t.equal(numbers.sent, numbers.stored + numbers.waiting, 'the sender balances')
  t.match(await server.stop(), { code: 0, signal: null }, 'it stopped in good order')
})
