// Opens the database that POLLUX_DATABASE_URL names, brings its schema up to date, and gives the
// Store. Nothing here knows a table.

import path from 'node:path'
import type { Logger } from '../log.ts'
import { AppError } from '../model/errors.ts'
import type { RetentionPolicy } from '../model/retention.ts'
import { accountStore } from './accounts.ts'
import { alarmStore } from './alarms.ts'
import { Damage } from './blocks.ts'
import type { SampleStore, Store } from './contract.ts'
import { connectDatabase, type Database, type StoreAddress } from './database.ts'
import { deviceStore } from './devices.ts'
import { RawEdges } from './edges.ts'
import { enrolmentStore } from './enrolment.ts'
import { eventStore } from './events.ts'
import { findRows } from './find-rows.ts'
import { forecastStore } from './forecasts.ts'
import { readLatest } from './latest.ts'
import { LayoutCache } from './layout.ts'
import { leaseStore } from './leases.ts'
import { Maintainer } from './maintenance.ts'
import { migrate } from './migrate.ts'
import { auditStore, secretStore, settingStore } from './named.ts'
import { neighbourStore } from './neighbours.ts'
import { NewestCache } from './newest.ts'
import { noticeStore } from './notices.ts'
import { PollPool } from './poll-pool.ts'
import { profileStore } from './profiles.ts'
import { resumePurges } from './purge.ts'
import { readSamples } from './read.ts'
import { retentionStore } from './retention.ts'
import { readRows, writeRows } from './rows.ts'
import { ruleStore } from './rules.ts'
import { listSeries } from './series.ts'
import { stateStore } from './states.ts'
import { TextCache } from './texts.ts'
import { userStore } from './users.ts'
import { viewStore } from './views.ts'
import { writeBatch } from './write.ts'

export const DEFAULT_MIGRATIONS = path.join(import.meta.dirname, '../../migrations')

export interface StoreOptions {
  /** `sqlite:PATH`, `sqlite::memory:` or `mysql://user:password@host:port/database[?tls=true]`. */
  url: string
  /** Default: the project's `migrations/`. */
  migrationsDir?: string
  log: Logger
}

/**
 * @throws AppError E_DATABASE_URL, E_STORE_ACCESS (wrong password, no such database or folder),
 *   E_STORE_UNAVAILABLE (passing), E_SCHEMA_NEWER, E_MIGRATION
 */
export async function openStore({ url, migrationsDir, log }: StoreOptions): Promise<Store> {
  const database = connectDatabase(parseDatabaseUrl(url))
  try {
    await migrate(database, migrationsDir ?? DEFAULT_MIGRATIONS, log)
  } catch (error) {
    await database.close()
    throw error
  }
  return buildStore(database, log)
}

function buildStore(database: Database, log: Logger): Store {
  const { db } = database
  let closing: Promise<void> | null = null
  const stopped = () => closing !== null
  const damage = new Damage(log)
  const purges = resumePurges(db, log, stopped)
  let policy: RetentionPolicy = () => null
  const maintenance = new Maintainer(database, log, damage, () => policy)
  return {
    dialect: database.dialect,
    devices: deviceStore(database, log, stopped),
    samples: sampleStore(database, log, damage, (uid, group) => policy(uid, group)),
    events: eventStore(database),
    neighbours: neighbourStore(database),
    leases: leaseStore(database),
    alarms: alarmStore(database),
    rules: ruleStore(database),
    states: stateStore(database),
    forecasts: forecastStore(database),
    notices: noticeStore(database),
    users: userStore(db),
    views: viewStore(database),
    enrolment: enrolmentStore(database),
    accounts: accountStore(database),
    secrets: secretStore(database),
    settings: settingStore(database),
    profiles: profileStore(database),
    retention: retentionStore(database, chosen => {
      policy = chosen
    }),
    audit: auditStore(database),
    maintenance,
    async ping() {
      await db.selectFrom('migration').select('name').limit(1).execute()
    },
    close() {
      closing ??= purges
        .then(() => Promise.all([maintenance.close(), database.close()]))
        .then(() => {})
      return closing
    },
  }
}

function sampleStore(
  database: Database,
  log: Logger,
  damage: Damage,
  policy: RetentionPolicy,
): SampleStore {
  const { reader } = database
  const caches = {
    layouts: new LayoutCache(),
    texts: new TextCache(),
    newest: new NewestCache(),
    edges: new RawEdges(),
    policy,
    polls: new PollPool(),
  }
  let connects = database.connects()
  return {
    write(batch) {
      // A database that was away may have come back as an older one (a restored backup, a crash
      // without durable settings): what was remembered of it is asked again.
      if (connects !== database.connects()) {
        caches.layouts.clear()
        caches.texts.clear()
        caches.edges.forget()
        caches.newest.clear()
        connects = database.connects()
      }
      return writeBatch(database, caches, damage, batch)
    },
    writeRows: (deviceUid, group, rows, at) => writeRows(database, deviceUid, group, rows, at),
    rows: (deviceUid, group) => readRows(reader, deviceUid, group),
    findRows: (texts, limit) => findRows(reader, texts, limit),
    series: deviceUid => listSeries(reader, deviceUid),
    read: query => readSamples(database, query, log, damage),
    latest: deviceUid => readLatest(reader, deviceUid, log, damage),
  }
}

/** @throws AppError E_DATABASE_URL; the message never holds the password */
export function parseDatabaseUrl(url: string): StoreAddress {
  if (url.startsWith('sqlite:')) {
    const file = url.slice('sqlite:'.length)
    if (file === '') throw urlError('the path of the SQLite file is missing')
    return { dialect: 'sqlite', path: file }
  }
  if (!url.startsWith('mysql://')) throw urlError('the database is neither sqlite: nor mysql://')
  const parsed = URL.parse(url)
  const database = decodeURIComponent(parsed?.pathname.slice(1) ?? '')
  if (!parsed?.hostname || !database || database.includes('/')) {
    throw urlError('a mysql:// address needs a host and the name of a database')
  }
  const unknown = [...parsed.searchParams.keys()].find(key => key !== 'tls')
  if (unknown !== undefined)
    throw urlError(`unknown setting "${unknown}" in the database's address`)
  return {
    dialect: 'mysql',
    address: {
      host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: parsed.port === '' ? 3306 : Number(parsed.port),
      user: decodeURIComponent(parsed.username),
      password: decodeURIComponent(parsed.password),
      database,
      ...(parsed.searchParams.get('tls') === 'true' && { ssl: {} }),
    },
  }
}

function urlError(message: string): AppError {
  return new AppError('E_DATABASE_URL', message, {
    hint: 'POLLUX_DATABASE_URL is sqlite:PATH or mysql://user:password@host:3306/database (add ?tls=true for TLS)',
  })
}
