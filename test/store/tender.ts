// Run as a process by mariadb-tenders.test.ts: does the maintenance of a database over and over, at the
// time that it is given, and says what came of it.

import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { openStore } from '../../server/store/open.ts'

const [url = '', at = '0'] = process.argv.slice(2)
const store = await openStore({ url, log: pino({ level: 'silent' }) })
for (let now = Number(at); ; ) {
  const did = await store.maintenance.step(now)
  // What is due later on the same day comes in the next round.
  if (did === 'idle') {
    now += 60_000
    await sleep(5)
  }
  process.stdout.write(`${JSON.stringify({ did, ...store.maintenance.stats() })}\n`)
}
