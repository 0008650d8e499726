// A flood of traps, of a device that we know and of a stranger: every one is accounted for, the pages
// answer meanwhile, and what is left of it in the database is two events. Counts are printed.

import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { encodeOid, integerTlv, TAG, tlv } from '../../server/snmp/ber.ts'
import { NOTIFICATION_PDU } from '../../server/snmp/notification.ts'
import { until } from '../parts/find.ts'
import { BY, startReceiving } from './kit.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

const run = promisify(execFile)
const child = path.join(import.meta.dirname, 'flood-child.ts')
/** Three seconds of 50,000 a second, and a second of a stranger's. */
const KNOWN = 150_000
const STRANGE = 50_000

const varbind = (oid: string, value: Uint8Array) =>
  tlv(TAG.sequence, tlv(TAG.oid, encodeOid(oid)), value)
const linkDown = tlv(
  TAG.sequence,
  integerTlv(1),
  tlv(TAG.octets, Buffer.from('flood')),
  tlv(
    NOTIFICATION_PDU.trap2,
    ...[integerTlv(1), integerTlv(0), integerTlv(0)],
    tlv(
      TAG.sequence,
      varbind('1.3.6.1.2.1.1.3.0', tlv(TAG.ticks, Uint8Array.of(1))),
      varbind('1.3.6.1.6.3.1.1.4.1.0', tlv(TAG.oid, encodeOid('1.3.6.1.6.3.1.1.5.3'))),
      varbind('1.3.6.1.2.1.2.2.1.1.3', integerTlv(3)),
    ),
  ),
)

const flood = async (port: number, from: string, count: number) => {
  const args = [child, String(port), from, String(count), Buffer.from(linkDown).toString('hex')]
  return Number((await run(process.execPath, args)).stdout)
}

interface Counts {
  traps: number
  told: number
  summed: number
  waiting: number
  set_aside: number
  kernel_dropped: number
}

t.test('a flood is survived, counted, and one event with a count', async t => {
  const first = await startReceiving(t)
  const { program, ports, page, events, dataDir } = first
  const counts = async (): Promise<Counts> => {
    const lines = (await page('/metrics')).matchAll(
      /^pollux_received_messages\{state="(\w+)"\} (\d+)/gm,
    )
    return Object.fromEntries(
      [...lines].map(([, state, n]) => [state, Number(n)]),
    ) as unknown as Counts
  }
  const device = { id: 'storm', name: 'storm', kind: 'snmp', address: '127.0.0.31', port: 9 }
  const credentials = { version: '2c', community: 'flood' }
  await program.devices.create({ ...device, credentials, every: '1h' }, BY, 'api')
  let greeted = 0
  await until(async () => {
    greeted += await flood(ports.trap, '127.0.0.31', 1)
    return (await events('device=storm&kind=trap')).length > 0
  }, 'the receivers to know the device')

  let under = true
  const floods = Promise.all([
    flood(ports.trap, '127.0.0.31', KNOWN),
    flood(ports.trap, '127.0.0.32', STRANGE),
  ]).finally(() => {
    under = false
  })
  let pages = 0
  while (under) {
    t.match(await page('/devices'), 'storm')
    pages++
  }
  const sent = (await floods).reduce((sum, count) => sum + count, greeted)
  t.equal(sent, KNOWN + STRANGE + greeted)
  const after = await until(async () => {
    const now = await counts()
    return now.traps + now.kernel_dropped === sent ? now : null
  }, 'every one to be counted')
  t.comment(`sent ${sent}, ${pages} pages meanwhile: ${JSON.stringify(after)}`)
  t.equal(after.traps, after.told + after.summed + after.waiting + after.set_aside)
  t.ok(pages > 0)
  t.ok(after.told < 100, `${after.told} told one by one`)
  t.ok(after.waiting + after.summed > 0)

  // What is not told yet is told when it stops, and is there after the next start.
  await program.stop()
  const second = await startReceiving(t, { dataDir })
  const sums = await until(async () => {
    const found = (await second.events('device=storm&kind=trap')).filter(one => one.fields?.more)
    const times = found.reduce((sum, { fields }) => sum + Number(fields?.more), 0)
    return times === after.waiting + after.summed ? found : null
  }, 'the sums')
  for (const { text } of sums) t.comment(text)
  t.ok(sums.length < 20)
})
