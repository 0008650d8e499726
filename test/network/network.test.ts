// The simulated network answers as real agents do: Debian's own SNMP tools read it, in v1 and v2c.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { startNetwork } from '../../bench/network/network.ts'
import { program } from '../parts/find.ts'

const run = promisify(execFile)

t.test('snmpbulkwalk and snmpwalk see the same ordered objects', async t => {
  const network = await startNetwork()
  t.teardown(() => network.close())
  const device = network.devices.find(d => d.id === 'core-sw-01')
  const target = `127.0.0.1:${device?.port}`
  const oidsOf = (text: string) =>
    text
      .trim()
      .split('\n')
      .map(line => line.split(' = ')[0])
  const bulk = await run(await program('snmpbulkwalk', 'snmp'), [
    '-v2c',
    '-cpublic',
    '-On',
    '-Cr25',
    target,
    '1.3.6.1.2.1.2',
  ])
  const next = await run(await program('snmpwalk', 'snmp'), [
    '-v1',
    '-cpublic',
    '-On',
    target,
    '1.3.6.1.2.1.2',
  ])
  t.same(oidsOf(bulk.stdout), oidsOf(next.stdout))
  t.equal(oidsOf(bulk.stdout).length, 1 + 26 * 17)
})

t.test('a value is what it should be, and counters move', async t => {
  const network = await startNetwork()
  t.teardown(() => network.close())
  const port = network.devices.find(d => d.id === 'app-01')?.port
  const snmpget = await program('snmpget', 'snmp')
  const get = async (oid: string) =>
    (await run(snmpget, ['-v2c', '-cpublic', '-Oqv', `127.0.0.1:${port}`, oid])).stdout.trim()
  t.match(await get('1.3.6.1.2.1.1.1.0'), /Linux app-01/)
  const before = BigInt(await get('1.3.6.1.2.1.31.1.1.1.6.2'))
  await new Promise(resolve => setTimeout(resolve, 1500))
  t.ok(BigInt(await get('1.3.6.1.2.1.31.1.1.1.6.2')) > before, 'octets passed')
})

t.test('a silent device and a wrong community give no answer', async t => {
  const network = await startNetwork()
  t.teardown(() => network.close())
  const agent = network.agent('app-02')
  if (!agent) throw new Error('no agent')
  const snmpget = await program('snmpget', 'snmp')
  const get = (community: string) =>
    run(snmpget, [
      '-v2c',
      `-c${community}`,
      '-t0.3',
      '-r0',
      `127.0.0.1:${agent.port}`,
      '1.3.6.1.2.1.1.3.0',
    ])
  await get('public')
  await t.rejects(get('wrong'), { message: /Timeout/ })
  agent.silent = true
  await t.rejects(get('public'), { message: /Timeout/ })
})
