// Goal: a thread that fills its memory is replaced before V8 fails, one that cannot be ended is
// counted and holds nothing up: neither its devices, nor close, nor the end of the process.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { tempDir } from '../parts/find.ts'
import { bench, eventually, target } from './bench.ts'

t.jobs = 2

for (const how of ['arrays', 'buffers'] as const) {
  t.test(`full of ${how}, and never back in its event loop: replaced`, async t => {
    const flag = path.join(await tempDir(t), 'deadly')
    await writeFile(flag, '')
    const b = bench(t, { limits: { tickMs: 200, heapMbMax: 200, hangMs: 60_000 } })
    b.targets.push(target('bad', { deadly: how, flag }), target('good'))
    await b.poller.start()
    await eventually(() => b.poller.stats().pool.quarantined === 1, 'the guilty one')
    t.match(b.poller.stats().pool, { full: 2, died: 2, hung: 0 })
    t.ok(b.logged.some(line => /it held 2\d\d MB/.test(line)))
    const count = b.good('good').length
    await eventually(() => b.good('good').length >= count + 2, 'the other goes on')
    await eventually(() => b.poller.stats().threads.every(one => one.heapMb < 100), 'measures')
    t.ok(b.poller.stats().threads.every(one => one.heapMb > 0))
    t.equal(b.poller.stats().pool.stuck, 0)
  })
}

t.test('a thread in native code is stuck until it ends by itself', async t => {
  const flag = path.join(await tempDir(t), 'deadly')
  await writeFile(flag, '')
  const b = bench(t, { limits: { hangMs: 3000, stuckMs: 100, tickMs: 200 } })
  b.targets.push(
    target('bad', { deadly: 'native', nativeSeconds: 20, flag }, { every: '1h' }),
    target('good'),
  )
  await b.poller.start()
  await eventually(() => b.poller.stats().pool.stuck === 1, 'a stuck thread')
  const count = b.good('good').length
  await eventually(() => b.good('good').length >= count + 2, 'the other goes on')
  await eventually(() => b.poller.stats().pool.stuck === 0, 'its end')
  t.ok(b.logged.some(line => line.includes('cannot be ended')))
  t.ok(b.logged.some(line => line.includes('could not be ended has ended')))
})

t.test('the process ends without a thread that cannot be ended', async t => {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./stuck-child.ts', import.meta.url))],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  }
  const [code, signal] = await once(child, 'close')
  t.equal(code, null)
  t.equal(signal, 'SIGKILL')
  t.match(said, /closed\n[\s\S]*the process ends without it/)
})
