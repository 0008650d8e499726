// What goes wrong in a failure run, and for how long.

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import type { PrivateMariaDb } from '../../test/parts/mariadb.ts'
import type { Mosquitto } from '../../test/parts/mosquitto.ts'
import type { SlowProxy } from './slow-proxy.ts'

/** The parts of one run. */
export interface Parts {
  broker: Mosquitto
  mariadb: (PrivateMariaDb & { proxy: SlowProxy }) | null
  /** Null over MariaDB. */
  sqliteFile: string | null
  killIngest(): Promise<void>
  startIngest(): Promise<void>
}

export interface Fault {
  name: string
  /** How long it lasts, s; in the quick form, a tenth of it. */
  seconds: number
  over: readonly ('sqlite' | 'mariadb')[]
  /** The spool lies on a file system of this size, bytes. */
  diskBytes?: number
  run(parts: Parts, ms: number): Promise<void>
}

const both = ['sqlite', 'mariadb'] as const
/** Each packet to and from the slow database, ms: one commit then takes about a second. */
const slowMs = 100

async function signalled(pid: number, ms: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  await delay(ms)
  process.kill(pid, 'SIGCONT')
}

export const FAULTS: readonly Fault[] = [
  { name: 'nothing', seconds: 10, over: both, run: (_parts, ms) => delay(ms) },
  {
    ...{ name: 'broker killed', seconds: 10, over: ['mariadb'] },
    async run({ broker }, ms) {
      await broker.stop('SIGKILL')
      await delay(ms)
      await broker.start()
    },
  },
  {
    ...{ name: 'broker frozen', seconds: 60, over: ['mariadb'] },
    async run({ broker }, ms) {
      broker.pause()
      await delay(ms)
      broker.resume()
    },
  },
  {
    ...{ name: 'database killed', seconds: 10, over: ['mariadb'] },
    async run({ mariadb }, ms) {
      await mariadb?.stop('SIGKILL')
      await delay(ms)
      await mariadb?.start()
    },
  },
  {
    ...{ name: 'database frozen', seconds: 60, over: ['mariadb'] },
    run: async ({ mariadb }, ms) => signalled(mariadb?.pid ?? 0, ms),
  },
  {
    ...{ name: 'database locked', seconds: 60, over: ['sqlite'] },
    async run({ sqliteFile }, ms) {
      const other = new DatabaseSync(sqliteFile ?? '', { timeout: 30_000 })
      other.exec('begin immediate')
      await delay(ms)
      other.exec('rollback')
      other.close()
    },
  },
  {
    ...{ name: 'database slow', seconds: 60, over: ['mariadb'] },
    async run({ mariadb }, ms) {
      if (!mariadb) return
      mariadb.proxy.delayMs = slowMs
      await delay(ms)
      mariadb.proxy.delayMs = 0
    },
  },
  {
    ...{ name: 'ingest killed', seconds: 10, over: both },
    async run({ killIngest, startIngest }, ms) {
      await killIngest()
      await delay(ms)
      await startIngest()
    },
  },
  {
    // The broker is away, so that the spool fills what there is.
    ...{ name: 'spool disk full', seconds: 30, over: ['sqlite'], diskBytes: 512 * 1024 },
    async run({ broker }, ms) {
      await broker.stop('SIGKILL')
      await delay(ms)
      await broker.start()
    },
  },
]
