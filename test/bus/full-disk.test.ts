// A file system that is really full (a small tmpfs in a mount namespace of its own): no crash, memory
// within its bound, every loss counted, and the spool goes on by itself when there is room.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { program, tempDir } from '../parts/find.ts'

const CHILD = fileURLToPath(new URL('./full-disk-child.ts', import.meta.url))

t.test('a full disk', async t => {
  const unshare = await program('unshare', 'util-linux')
  const dir = await tempDir(t)
  const asRoot = process.getuid?.() === 0 ? [] : ['-r']
  const { stdout } = await promisify(execFile)(unshare, [
    ...asRoot,
    '-m',
    'sh',
    '-c',
    'mount -t tmpfs -o size=300k tmpfs "$1" && exec "$2" "$3" "$1"',
    'sh',
    dir,
    process.execPath,
    CHILD,
  ])
  const steps = new Map(
    stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .map(step => [step.step, step]),
  )
  t.match(steps.get('before'), { waiting: 100, dropped: 0, diskError: null, memoryBytes: 0 })
  const full = steps.get('full')
  t.match(full.diskError, /ENOSPC/)
  t.match(full, { waiting: 250, dropped: 0, lost: 0 })
  const flooded = steps.get('flooded')
  t.ok(flooded.memoryBytes <= 100_000)
  t.ok(flooded.dropped > 0)
  t.equal(flooded.waiting + flooded.dropped, 750)
  const room = steps.get('room')
  t.match(room, { diskError: null, memoryBytes: 0, dropped: flooded.dropped, lost: 0 })
  const got: number[] = steps.get('taken').got
  t.equal(got.length + room.dropped, 750)
  t.equal(new Set(got).size, got.length)
  t.same(
    got,
    [...got].sort((a, b) => a - b),
  )
})
