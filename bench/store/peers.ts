// The same samples as plain rows in the same databases, and in InfluxDB 1.x where it is installed.

import { statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createConnection } from 'mysql2/promise'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import { freePort } from '../../test/parts/find.ts'
import { cpuSecondsOf } from '../snmp/measure.ts'
import {
  type Cost,
  counted,
  type Engine,
  type Influx,
  newDir,
  rateOf,
  say,
  startInflux,
  timesOf,
} from './engines.ts'
import { HOUR, T0 } from './fill.ts'
import { deviceOf } from './mix.ts'

const DEVICES = 20
const SERIES = 100
/** Rows in one transaction, and in one statement of SQLite. */
const ROWS_PER_BATCH = 5000
const ROWS_PER_STATEMENT = 20
const QUERIES = 10

type Row = [ts: number, series: number, value: number]

/** Polls of all devices, one minute after another. */
function* minutes(hours: number): Generator<AcceptedCollection[]> {
  const senders = Array.from({ length: DEVICES }, (_, index) => deviceOf(index + 1, SERIES))
  for (let minute = 0; minute < hours * 60; minute++) {
    yield senders.map(next => next(T0 + minute * 60_000))
  }
}

const rowsIn = ({ deviceUid, at, metrics }: AcceptedCollection): Row[] =>
  [...metrics.values()].flat().map((value, slot) => [at, deviceUid * SERIES + slot, Number(value)])

async function sayQueries(
  name: string,
  query: (device: number) => Promise<unknown>,
): Promise<void> {
  const took: number[] = []
  for (let index = 0; index < QUERIES; index++) {
    const began = performance.now()
    await query(1 + (index % DEVICES))
    took.push(performance.now() - began)
  }
  say(`  ${name}, the whole time of 10 series: ${timesOf(took)}`)
}

export async function plainSqlite(hours: number): Promise<void> {
  const file = path.join(await newDir(), 'plain.db')
  const database = new DatabaseSync(file)
  database.exec(`pragma journal_mode = wal; pragma synchronous = normal;
    create table plain (ts integer, series_id integer, value real, primary key (ts, series_id)) without rowid`)
  const places = Array(ROWS_PER_STATEMENT).fill('(?, ?, ?)').join(', ')
  const insert = database.prepare(`insert into plain values ${places}`)
  const cost: Cost = { client: 0, server: 0 }
  for (const polls of minutes(hours)) {
    await counted({ serverCpu: async () => 0 }, cost, async () => {
      const rows = polls.flatMap(rowsIn)
      database.exec('begin')
      for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
        insert.run(...rows.slice(from, from + ROWS_PER_STATEMENT).flat())
      }
      database.exec('commit')
    })
  }
  database.exec('pragma wal_checkpoint(truncate)')
  report('plain rows in SQLite', cost, hours, statSync(file).size)
  const select = database.prepare(
    'select ts, series_id, value from plain where series_id between ? and ? order by ts',
  )
  await sayQueries('plain rows in SQLite', async device =>
    select.all(device * SERIES, device * SERIES + 9),
  )
  database.close()
}

export async function plainMariaDb(engine: Engine, hours: number): Promise<void> {
  const connection = await createConnection({ uri: engine.url })
  await connection.query(
    'create table plain (ts bigint, series_id int, value double, primary key (ts, series_id))',
  )
  const cost: Cost = { client: 0, server: 0 }
  for (const polls of minutes(hours)) {
    await counted(engine, cost, async () => {
      const rows = polls.flatMap(rowsIn)
      for (let from = 0; from < rows.length; from += ROWS_PER_BATCH) {
        await connection.query('insert into plain values ?', [
          rows.slice(from, from + ROWS_PER_BATCH),
        ])
      }
    })
  }
  await connection.query('analyze table plain')
  const [found] = await connection.query(
    `select data_length + index_length as bytes from information_schema.tables where table_name = 'plain'`,
  )
  const [first] = Array.isArray(found) ? found : []
  report('plain rows in MariaDB', cost, hours, Number(Object.values(first ?? {})[0]))
  await sayQueries('plain rows in MariaDB', device =>
    connection.query('select ts, value from plain where series_id between ? and ?', [
      device * SERIES,
      device * SERIES + 9,
    ]),
  )
  await connection.query('drop table plain')
  await connection.end()
}

export async function influx(hours: number): Promise<void> {
  const server = await startInflux(await freePort())
  if (!server) {
    say('InfluxDB: no influxd here, left out (Debian: apt-get install influxdb)')
    return
  }
  await post(server, '/query', { q: 'create database bench' })
  const cost: Cost = { client: 0, server: 0 }
  const engine = { serverCpu: () => cpuSecondsOf(server.pid) }
  let waiting: string[] = []
  const send = () => {
    const body = waiting.join('\n')
    waiting = []
    return post(server, '/write', { db: 'bench', precision: 'ms' }, body)
  }
  for (const polls of minutes(hours)) {
    await counted(engine, cost, async () => {
      waiting.push(...polls.map(lineOf))
      if (waiting.length * SERIES >= ROWS_PER_BATCH * 10) await send()
    })
  }
  await counted(engine, cost, send)
  report('InfluxDB, 100 fields a line', cost, hours, await server.bytes())
  const fields = Array.from({ length: 10 }, (_, slot) => `mean(f${slot})`).join(', ')
  const window = Math.ceil((hours * HOUR) / 500)
  await sayQueries('InfluxDB', device => {
    const q = `select ${fields} from poll where device = '${device}' and time >= ${T0}ms and time < ${
      T0 + hours * HOUR
    }ms group by time(${window}ms)`
    return post(server, '/query', { db: 'bench', q })
  })
}

function lineOf({ deviceUid, at, metrics }: AcceptedCollection): string {
  const fields = [...metrics.values()].flat().map((value, slot) => `f${slot}=${value}`)
  return `poll,device=${deviceUid} ${fields.join(',')} ${at}`
}

async function post(
  { url }: Influx,
  where: string,
  query: Record<string, string>,
  body?: string,
): Promise<string> {
  const address = `${url}${where}?${new URLSearchParams(query)}`
  const answer = await fetch(address, { method: 'POST', body: body ?? null })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`InfluxDB answered ${answer.status}: ${text.slice(0, 200)}`)
  return text
}

function report(name: string, cost: Cost, hours: number, bytes: number): void {
  const samples = DEVICES * SERIES * hours * 60
  say(
    `${name}: ${samples} samples, ${rateOf(cost, samples)}; ${(bytes / samples).toFixed(1)} bytes per sample`,
  )
}
