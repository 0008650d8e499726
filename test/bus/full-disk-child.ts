// Run by full-disk.test.ts inside a small file system of its own: fills it, goes on, makes room, and
// prints what the spool says at each step, as JSON lines.

import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { openSpool } from '../../server/bus/spool.ts'
import { silentLog } from '../parts/broker.ts'
import { until } from '../parts/find.ts'

const [dir = ''] = process.argv.slice(2)
const filler = path.join(dir, 'filler')
const spool = await openSpool({
  dir: path.join(dir, 'spool'),
  boot: 'b1',
  log: silentLog,
  limits: { memoryBytesMax: 100_000, segmentBytes: 50_000 },
})
let seq = 0
const append = (count: number) => {
  for (let i = 0; i < count; i++) {
    seq++
    spool.append({ seq, retain: false, topic: 't', payload: Buffer.alloc(500, seq) })
  }
}
const say = (step: string) => console.log(JSON.stringify({ step, ...spool.stats }))

append(100)
await spool.flush()
say('before')
await writeFile(filler, Buffer.alloc(10_000_000)).catch(() => undefined)
append(150)
await spool.flush()
say('full')
append(500)
await spool.flush()
say('flooded')
await rm(filler)
await until(() => spool.stats.diskError === null, 'the disk to be used again')
await spool.flush()
say('room')
const got: number[] = []
for (;;) {
  const records = await spool.take(100, 1_000_000)
  if (records.length === 0) break
  for (const record of records) {
    if (record.payload.every(byte => byte === record.seq % 256)) got.push(record.seq)
  }
}
console.log(JSON.stringify({ step: 'taken', got }))
await spool.close()
