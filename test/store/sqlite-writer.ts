// Run as a process by sqlite.test.ts: writes batches and says which times are committed, until it is
// killed or the database fails.

import { pino } from 'pino'
import { AppError } from '../../server/model/errors.ts'
import { openStore } from '../../server/store/open.ts'
import { collected, config } from './samples.ts'

// Node ignores this signal, so that a write past the limit fails; the test runner's hook does not.
process.on('SIGXFSZ', () => {})
const store = await openStore({ url: process.argv[2] ?? '', log: pino({ level: 'silent' }) })
const { uid } = await store.devices.create(config('sw'), 'form', 1)
const rows = Array.from({ length: 100 }, (_, index) => `r${index}`)
try {
  for (let at = 0; at < 1e6; at += 5) {
    const times = [0, 1, 2, 3, 4].map(step => at + step)
    await store.samples.write(
      times.map(time => collected(uid, time, rows, { in: rows.map(() => time / 7) })),
    )
    process.stdout.write(times.map(time => `stored ${time}\n`).join(''))
  }
} catch (error) {
  const failure = error instanceof AppError ? error : null
  process.stdout.write(`failed ${failure?.code} passing ${failure?.passing}\n`)
}
await store.close()
