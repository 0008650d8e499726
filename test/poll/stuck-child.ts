// Run by heavy.test.ts as a process of its own: a poll thread that cannot be ended, and then the end
// of the process.

import { bench, target } from './bench.ts'

const b = bench({ teardown: () => {} }, { limits: { hangMs: 3000, stuckMs: 200, tickMs: 200 } })
b.targets.push(target('bad', { deadly: 'native', nativeSeconds: 120 }))
await b.poller.start()
const timer = setInterval(async () => {
  if (b.poller.stats().pool.stuck === 0) return
  clearInterval(timer)
  await b.poller.close()
  process.stdout.write('closed\n')
  process.exit(0)
}, 50)
