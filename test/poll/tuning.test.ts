// Goal: what a reader learned of its device goes with the device: to another thread, and past a restart.

import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import type { DeviceTuning } from '../../server/model/device.ts'
import { tempDir } from '../parts/find.ts'
import { bench, eventually, target } from './bench.ts'

t.test('learned, told once, and given to the next reader of the device', async t => {
  const flag = path.join(await tempDir(t), 'deadly')
  const told: [string, DeviceTuning][] = []
  const b = bench(t, {
    limits: { tickMs: 100 },
    onTuning: (device, tuning) => told.push([device, tuning]),
  })
  b.targets.push(target('dev', { learns: 777, deadly: 'throw', flag }))
  const learned = () => b.good('dev').at(-1)?.body.metrics?.learned
  await b.poller.start()
  await eventually(() => b.good('dev').length >= 3, 'reads')
  t.match(told, [['dev', { snmp: { timeoutMs: 777 } }]])
  t.equal(learned(), null, 'the first reader began without it')

  await writeFile(flag, '')
  await eventually(() => b.poller.stats().pool.died > 0, 'its thread dies')
  await rm(flag)
  b.poller.pollNow('dev')
  await eventually(() => learned() === 777, 'the reader in the next thread has it')

  const count = () => b.good('dev').length
  let before = count()
  b.replace(target('dev', { learns: 777 }, { version: 2, every: '2s', address: addressOf(777) }))
  await b.poller.reload()
  await eventually(() => count() > before, 'another address')
  await eventually(() => learned() === null, 'is another device')

  before = count()
  b.replace(target('dev', { learns: 777 }, { version: 3, every: '1s', address: addressOf(777) }))
  await b.poller.reload()
  await eventually(() => learned() === 777, 'another interval is not')
})

/** Not the address that it had: that names its deadly flag. */
const addressOf = (learns: number) => JSON.stringify({ learns })

t.test('what was stored is there after a restart; who takes the news may fail', async t => {
  const b = bench(t, {
    onTuning() {
      throw new Error('no room')
    },
  })
  const kindness = { factor: 2, reason: 'its CPU climbs', since: 1 }
  const snmp = {
    srttMs: 1,
    rttvarMs: 1,
    timeoutMs: 333,
    inFlight: 1,
    messageBytes: 1472,
    bulk: true,
    oidsPerGet: 20,
    columnsPerRequest: 10,
    tables: {},
  }
  b.targets.push({ ...target('dev', { learns: 555 }), tuning: { at: 1, snmp, kindness } })
  await b.poller.start()
  await eventually(() => b.good('dev').length >= 2, 'reads')
  t.equal(b.good('dev')[0]?.body.metrics?.learned, 333)
  t.ok(b.logged.some(line => line.includes('no room')))
})
