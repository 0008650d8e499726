// Goal: this machine, measured: what the agent reads from /proc agrees with Node, df and with what
// systeminformation says.

import { execFile } from 'node:child_process'
import os from 'node:os'
import { promisify } from 'node:util'
import t from 'tap'
import { linuxSource } from '../../agent/linux.ts'
import { portableSource } from '../../agent/portable.ts'

const run = promisify(execFile)
const near = (a: number, b: number, share: number) => Math.abs(a - b) <= share * Math.max(a, b)

t.test('Linux by /proc', async t => {
  const source = linuxSource()
  const [system, cpu, memory, filesystems, disks, interfaces] = await Promise.all([
    source.system(),
    source.cpu(),
    source.memory(),
    source.filesystems(),
    source.disks(),
    source.interfaces(),
  ])
  t.ok(Math.abs(system.uptimeSeconds - os.uptime()) < 5)
  t.ok((system.processes ?? 0) > 1)
  t.equal(cpu.cores.length, os.cpus().length)
  t.ok(near(memory.total, os.totalmem(), 0.01))
  t.ok(memory.available <= memory.total && memory.free <= memory.available * 1.05)

  const { stdout } = await run('df', ['-P', '-B1', '/'])
  const [, size = 0, used = 0, available = 0] =
    stdout.split('\n')[1]?.split(/\s+/).map(Number) ?? []
  const root = filesystems.find(({ mount }) => mount === '/')
  t.equal(root?.bytes?.size, size)
  t.ok(near(root?.bytes?.used ?? 0, used, 0.02))
  t.ok(near(root?.bytes?.available ?? 0, available, 0.02))

  t.ok(disks.every(({ disk }) => !disk.startsWith('loop')))
  t.notOk(interfaces.some(({ name }) => name === 'lo'))
  const names = Object.keys(os.networkInterfaces()).filter(name => !/^(lo|veth)/.test(name))
  for (const name of names) {
    const found = interfaces.find(each => each.name === name)
    t.ok(found, name)
    t.equal(found?.mac, os.networkInterfaces()[name]?.[0]?.mac, `${name} mac`)
  }
})

t.test('the portable source gives the same where it runs', async t => {
  const portable = portableSource()
  const memory = await portable.memory()
  t.ok(near(memory.total, os.totalmem(), 0.01))
  t.ok((await portable.cpu()).idle > 0)
  t.ok((await portable.filesystems()).some(({ mount }) => mount === '/'))
  t.ok(((await portable.system()).processes ?? 0) > 1)
  t.notOk((await portable.interfaces()).some(({ name }) => name === 'lo'))
  if (process.platform !== 'linux') return
  const [ours, theirs] = [await linuxSource().interfaces(), await portable.interfaces()]
  for (const { name, inBytes } of ours) {
    const other = theirs.find(each => each.name === name)
    if (other) t.ok(near(inBytes, other.inBytes, 0.05), `${name}: ${inBytes}, ${other.inBytes}`)
  }
})
