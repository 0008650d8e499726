// A trap about an interface stands on the page of that interface, and has the device read at once.

import t from 'tap'
import { until } from '../parts/find.ts'
import { BY, snmpSender, startReceiving } from './kit.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

interface Sample {
  metric: string
  /** Null: the list of rows has not come yet. */
  index: string | null
  row: string
}

t.test('linkDown finds its row', async t => {
  // An hour between reads: what is read beside the first time is read for the trap.
  const started = await startReceiving(t, { network: true, every: '1h' })
  const { network, ports, events, page, program } = started
  // All simulated devices have one address, so that no trap could be told apart: one stays.
  const kept = 'core-sw-01'
  for (const { id } of network?.devices ?? []) {
    if (id !== kept) await program.devices.remove(id, { history: false }, BY)
  }
  const send = await snmpSender(t)
  const trap = (...of: string[]) =>
    send('snmptrap', [
      ...['-v2c', '-c', network?.community ?? '', `udp:127.0.0.1:${ports.trap}`, '1', ...of],
    ])
  // Traps of the first moments may still be of several.
  const greeted = await until(async () => {
    await trap('1.3.6.1.4.1.8072.4.0.1')
    const all = await events(`device=${kept}&kind=trap`)
    return all.find(({ fields }) => fields?.one_of === undefined)
  }, 'the receivers to know that it is alone')
  const path = `/api/v1/devices/${greeted.device}/latest`
  const pollNow = () =>
    fetch(`${started.url}/api/v1/devices/${kept}/poll`, {
      method: 'POST',
      headers: {
        ...{ cookie: started.session.cookie, origin: started.url },
        'x-csrf-token': started.session.csrf,
      },
    })
  let looks = 0
  const sample = await until(async () => {
    const latest = JSON.parse(await page(path)) as { samples: Sample[] }
    const found = latest.samples.find(({ metric, index }) => metric === 'interface.in' && index)
    // On a slow machine the first read may have failed, and the next is an hour away.
    if (!found && ++looks % 20 === 0) await pollNow()
    return found
  }, 'its interfaces')
  const goodReads = async () =>
    Number(/^pollux_poll_reads\{outcome="good"\} (\d+)/m.exec(await page('/metrics'))?.[1])
  const before = await goodReads()
  const { row } = sample
  const index = sample.index ?? ''
  await trap('1.3.6.1.6.3.1.1.5.3', `1.3.6.1.2.1.2.2.1.1.${index}`, 'i', index)
  const event = await until(
    async () => (await events('kind=trap&q=interface'))[0],
    'the trap about an interface',
  )
  t.match(event, { device: greeted.device, name: 'linkDown', group: 'interface', row })
  const about = `device=${event.device}&group=interface&row=${encodeURIComponent(row)}`
  t.match(await page(`/events?${about}`), 'Link down')
  await until(async () => (await goodReads()) > before, 'the device to be read for it')
})
