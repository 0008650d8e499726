// A private MariaDB server for one test file, or the server that POLLUX_TEST_MYSQL_URL names. Each
// caller gets a database of its own with a random name.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import { freePort, program, type RunningPart, startPart, type Teardown, tempDir } from './find.ts'

const run = promisify(execFile)

const USER = 'pollux'
/** Characters that a URL and SQL must both quote. */
const PASSWORD = `p@ss'"w/rd%`

export interface MariaDb {
  /** `mysql://…` of a new, empty database. */
  createDatabase(): Promise<string>
}

/** A private server can be killed and started again; an outside one cannot. */
export interface PrivateMariaDb extends MariaDb {
  port: number
  /** Of the server as it runs now. */
  readonly pid: number
  /** Where the server writes each statement, with `isLogged`. */
  readonly statementLog: string
  /** Ends the server by its process id; SIGKILL is a crash. */
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
}

/**
 * @param durable what is committed survives a crash (slower)
 * @param isLogged the server writes down each statement that it gets
 * @param settings more of the server's settings; of one given twice the last holds
 */
export async function startMariaDb(
  t: Teardown,
  {
    durable = false,
    isLogged = false,
    settings: more = [],
  }: { durable?: boolean; isLogged?: boolean; settings?: readonly string[] } = {},
): Promise<PrivateMariaDb> {
  const daemon = await program('mariadbd', 'mariadb-server')
  const install = await program('mariadb-install-db', 'mariadb-server')
  const dir = await tempDir(t)
  const data = path.join(dir, 'data')
  const owner = await ownerOf(dir)
  // A server that starts deletes what looks like temporary tables, another server's too.
  const temporary = `${dir}/tmp`
  for (const folder of [data, temporary]) {
    await mkdir(folder)
    if (owner) await chown(folder, owner.uid, owner.gid)
  }
  const who = owner ? ['--user=mysql'] : []
  const common = ['--no-defaults', ...who, `--datadir=${data}`, `--tmpdir=${temporary}`]
  await run(install, [
    ...common,
    '--innodb-log-file-size=8M',
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ])
  const port = await freePort()
  const settings = [
    ...common,
    `--socket=${dir}/m.sock`,
    `--pid-file=${dir}/m.pid`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    '--innodb-buffer-pool-size=32M',
    '--innodb-log-file-size=8M',
    `--innodb-flush-log-at-trx-commit=${durable ? 1 : 0}`,
    ...(durable ? [] : ['--innodb-flush-method=nosync']),
    '--skip-log-bin',
    ...(isLogged ? ['--general-log=1', `--general-log-file=${dir}/statements.log`] : []),
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
    ...more,
  ]
  const root = { socketPath: `${dir}/m.sock`, user: 'root' }
  let server: RunningPart | null = null
  const start = async () => {
    server = await startPart(daemon, settings, async () => {
      const connection = await createConnection(root)
      await connection.end()
      return true
    })
  }
  const stop = async (signal?: NodeJS.Signals) => {
    await server?.stop(signal)
  }
  t.teardown(() => stop('SIGKILL'))
  await start()
  const connection = await createConnection(root)
  await connection.query(`create user ${USER}@'127.0.0.1' identified by ?`, [PASSWORD])
  await connection.query(`grant all on \`pollux\\_%\`.* to ${USER}@'127.0.0.1'`)
  await connection.end()
  return {
    port,
    get pid() {
      return server?.child.pid ?? 0
    },
    statementLog: `${dir}/statements.log`,
    stop,
    start,
    async createDatabase() {
      const name = databaseName()
      const admin = await createConnection(root)
      await admin.query(`create database ${name}`)
      await admin.end()
      return `mysql://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${name}`
    },
  }
}

/** The server of POLLUX_TEST_MYSQL_URL where that is set, else a private one. */
export async function anyMariaDb(t: Teardown): Promise<MariaDb> {
  const url = process.env.POLLUX_TEST_MYSQL_URL
  if (!url) return await startMariaDb(t)
  return {
    async createDatabase() {
      const name = databaseName()
      const admin = await createConnection(url)
      await admin.query(`create database ${name}`)
      await admin.end()
      t.teardown(async () => {
        const cleaner = await createConnection(url)
        await cleaner.query(`drop database ${name}`)
        await cleaner.end()
      })
      const own = new URL(url)
      own.pathname = `/${name}`
      return own.href
    },
  }
}

const databaseName = () => `pollux_${randomBytes(6).toString('hex')}`

/** As root the server runs as user mysql, which must be able to enter the folder. */
async function ownerOf(dir: string): Promise<{ uid: number; gid: number } | null> {
  if (process.getuid?.() !== 0) return null
  await chmod(dir, 0o755)
  const [uid, gid] = await Promise.all([
    run('id', ['-u', 'mysql']).then(({ stdout }) => Number(stdout)),
    run('id', ['-g', 'mysql']).then(({ stdout }) => Number(stdout)),
  ])
  await run('chown', ['mysql', dir])
  return { uid, gid }
}

/** The rows of one statement, by a connection of its own. */
export async function rawRows(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const connection = await createConnection(url)
  try {
    const [rows] = await connection.query(statement)
    return Array.isArray(rows) ? rows.map(row => ({ ...row })) : []
  } finally {
    await connection.end()
  }
}
