// What the store costs and how fast it answers: samples per CPU-second (this process and the database's)
// from a batch of collections to blocks and roll-ups, bytes per sample at rest, and charts of 10 series
// over a day, a month and a year; beside it plain rows and InfluxDB. `npm run bench -- store --help`.

import { parseArgs } from 'node:util'
import { parseDuration } from '../../server/model/duration.ts'
import { type Engine, endAll, openMariaDb, openSqlite, say } from './engines.ts'
import { charts, DAY, fill, fillYear, HOUR, makeDevices, T0 } from './fill.ts'
import { sayKinds } from './kinds.ts'
import { paced } from './paced.ts'
import { influx, plainMariaDb, plainSqlite } from './peers.ts'

const USAGE = `npm run bench -- store [sqlite|mariadb|peers|kinds] [options]
  --devices N   that are read once a minute (15)
  --series N    of each, a multiple of 100 (500)
  --hours N     of samples (24)
  --year N      devices with a year of samples every 15 minutes, 100 series each (3)
  --fleet       10,000 devices x 500 series for an hour, and a year of 100 devices: hours of work, and
                about 8 GB of disk for each database
  --pace N      samples a second through broker, ingest and store, charts read meanwhile
  --for TIME    how long (10m)
`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    devices: { type: 'string' },
    series: { type: 'string', default: '500' },
    hours: { type: 'string' },
    year: { type: 'string' },
    fleet: { type: 'boolean', default: false },
    pace: { type: 'string' },
    for: { type: 'string', default: '10m' },
    help: { type: 'boolean', default: false },
  },
})
const only = positionals[0]
const count = (given: string | undefined, small: number, fleet: number) =>
  Number(given ?? (options.fleet ? fleet : small))
const size = {
  devices: count(options.devices, 15, 10_000),
  series: Number(options.series),
  hours: count(options.hours, 24, 1),
  year: count(options.year, 3, 100),
}

async function storeOf(open: () => Promise<Engine>): Promise<void> {
  const engine = await open()
  const uids = await makeDevices(engine.store, 0, size.devices)
  await fill(engine, uids, size.series, size.hours)
  const hours = Math.min(24, size.hours)
  await charts(engine, `${hours} h`, uids, T0 + size.hours * HOUR, hours * HOUR)
  if (size.year === 0) return void (await engine.store.close())
  // The clock goes on by a year: samples of the first day are kept no longer after that.
  const slow = await makeDevices(engine.store, size.devices, size.year)
  const began = T0 + 30 * DAY
  await fillYear(engine, slow, 100, began)
  const end = began + 365 * DAY
  await charts(engine, '30 days', slow, end, 30 * DAY)
  await charts(engine, 'a year', slow, end, 365 * DAY)
  if (engine.name === 'mariadb') await plainMariaDb(engine, Math.min(4, size.hours))
  await engine.store.close()
}

async function main(): Promise<void> {
  if (options.help) return void process.stdout.write(USAGE)
  const wants = (what: string) => only === undefined || only === what
  if (options.pace !== undefined) {
    const seconds = parseDuration(options.for) / 1000
    for (const open of [openSqlite, openMariaDb]) {
      if (wants(open === openSqlite ? 'sqlite' : 'mariadb')) {
        await paced(open, Number(options.pace), seconds)
      }
    }
    return
  }
  if (wants('kinds')) sayKinds()
  if (wants('sqlite')) await storeOf(openSqlite)
  if (wants('mariadb')) await storeOf(openMariaDb)
  if (wants('peers')) {
    await plainSqlite(Math.min(4, size.hours))
    await influx(Math.min(24, size.hours))
  }
  say('')
}

// Servers must not outlive us.
process.once('SIGTERM', () => void endAll().finally(() => process.exit(1)))
await main().finally(endAll)
