// The cases of neighbours and addresses: what whole reads bring and take, what is looked for, bounds.

import type { Test } from 'tap'
import type { RowInfo } from '../../server/model/collection.ts'
import { addressesMax, type Inventory, linksMax } from '../../server/model/neighbour.ts'
import type { Store } from '../../server/store/contract.ts'
import type { NewPlace } from './place.ts'
import { config, opened } from './samples.ts'
import { count, DAY } from './tending.ts'

const MINUTE = 60_000
const NOW = 1_800_000_000_000

const row = (labels: Record<string, string>): RowInfo => ({
  ...{ key: JSON.stringify(labels), index: '1', name: 'x', labels },
})
const link = (port: string, chassis: string, more: Record<string, string> = {}) =>
  row({ port_index: port, port: `Gi1/0/${port}`, chassis, remote_port: 'e1', ...more })
const macAt = (i: number) =>
  `02:00:00:${[16, 8, 0].map(by => ((i >> by) & 255).toString(16).padStart(2, '0')).join(':')}`

const writer =
  (store: Store, deviceUid: number) =>
  (group: string, inventory: Inventory, at: number, rows: RowInfo[]) =>
    store.neighbours.write({ deviceUid, group, inventory, rows, at })

export function neighbourCases(t: Test, newPlace: NewPlace): void {
  t.test(
    'links: the first sight tells nothing, later ones tell who came and who is gone',
    async t => {
      const { store, uid } = await opened(t, newPlace)
      const write = writer(store, uid)
      const a = link('1', '02:00:00:00:00:01', { remote_name: 'a' })
      const b = link('2', '02:00:00:00:00:02', { remote_name: 'b', address: '192.0.2.2' })
      t.same(await write('lldp', 'links', NOW, [a]), { appeared: [], vanished: [] })
      const came = await write('lldp', 'links', NOW + MINUTE, [a, b, b])
      t.match(came.appeared, [{ remoteName: 'b', port: 'Gi1/0/2', address: '192.0.2.2' }])
      t.same(came.vanished, [])
      t.same(
        await write('lldp', 'links', NOW + MINUTE, []),
        { appeared: [], vanished: [] },
        'a read that came twice, or late, changes nothing',
      )
      t.same(
        await write('lldp', 'links', NOW + 2 * MINUTE, [b]),
        { appeared: [], vanished: [] },
        'once missing is not gone: the device may have restarted',
      )
      const back = await write('lldp', 'links', NOW + 3 * MINUTE, [a, b])
      t.same(back, { appeared: [], vanished: [] }, 'nor is it news when it is there again')
      await write('lldp', 'links', NOW + 4 * MINUTE, [b])
      t.equal((await store.neighbours.links(NOW)).length, 2)
      const gone = await write('lldp', 'links', NOW + 9 * MINUTE, [b])
      t.match(gone, { appeared: [], vanished: [{ remoteName: 'a' }] })
      t.same(
        await write('lldp', 'links', NOW + 10 * MINUTE, [b]),
        { appeared: [], vanished: [] },
        'told once',
      )
      t.match(await store.neighbours.links(NOW), [
        { remoteName: 'b', firstAt: NOW + MINUTE, seenAt: NOW + 10 * MINUTE, deviceUid: uid },
      ])
      const again = await write('lldp', 'links', NOW + 11 * MINUTE, [a, b])
      t.match(again.appeared, [{ remoteName: 'a' }])
      const renamed = link('2', '02:00:00:00:00:02', { remote_name: 'b2' })
      t.same(await write('lldp', 'links', NOW + 12 * MINUTE, [a, renamed]), {
        ...{ appeared: [], vanished: [] },
      })
      t.same(
        (await store.neighbours.links(NOW, uid)).map(({ remoteName }) => remoteName).sort(),
        ['a', 'b2'],
        'a new name is no new neighbour',
      )
      t.same(
        await store.neighbours.links(NOW + 8 * DAY),
        [],
        'what nobody read for a week is no news',
      )
    },
  )

  t.test('hostile links: markup, controls, too many, nobody', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const write = writer(store, uid)
    const evil = link('1', 'x', {
      remote_name: `<img onerror=alert(1)>\n\u202e'"`,
      descr: 'd'.repeat(512),
    })
    await write('lldp', 'links', NOW, [evil, link('1', ''), row({}), row({ __proto__: 'x' })])
    const [stored, ...more] = await store.neighbours.links(NOW)
    t.equal(stored?.remoteName, `<img onerror=alert(1)> '"`)
    t.equal(stored?.descr.length, 200)
    t.same(more, [])
    const many = Array.from({ length: linksMax + 50 }, (_, i) => link('1', `chassis ${i}`))
    const { appeared } = await write('lldp', 'links', NOW + MINUTE, many)
    t.equal(appeared.length, linksMax)
    const others = many.map((_, i) => link('2', `other ${i}`))
    await write('lldp', 'links', NOW + 10 * MINUTE, others)
    await write('lldp', 'links', NOW + 20 * MINUTE, others)
    await write('lldp', 'links', NOW + 30 * MINUTE, others)
    t.equal(await count(place, 'neighbour'), linksMax, 'those that are gone give way')
  })

  t.test('addresses: behind a port, by MAC, by IP, and where they were', async t => {
    const { store, uid } = await opened(t, newPlace)
    const other = await store.devices.create(config('router'), 'api', 1)
    const write = writer(store, uid)
    const seen = (mac: string, port: string) =>
      row({ mac, port_index: port, port: `Gi1/0/${port}`, vlan: '17' })
    const one = '02:aa:00:00:00:01'
    const two = '02:aa:00:00:00:02'
    await write('fdb', 'forwarding', NOW, [seen('02-AA-00-00-00-01', '3'), seen(two, '3')])
    await writer(store, other.uid)('arp', 'arp', NOW, [
      row({ mac: one, ip: '192.0.2.7', port_index: '9' }),
      row({ mac: '', ip: '192.0.2.9' }),
    ])
    t.match(await store.neighbours.behind(uid, '3', 10), [
      { mac: one, vlan: '17', isThere: true },
      { mac: two },
    ])
    t.equal((await store.neighbours.behind(uid, '3', 1)).length, 2, 'one more says that there are')
    t.same(await store.neighbours.behindCounts([uid, other.uid]), [
      { deviceUid: uid, portIndex: '3', count: 2 },
    ])
    t.same(await store.neighbours.behindCounts([]), [])
    t.match(await store.neighbours.ipsOf([one, two]), [{ mac: one, ip: '192.0.2.7' }])
    t.match(await store.neighbours.find({ ips: ['192.0.2.7'] }), [
      { deviceUid: other.uid, kind: 'arp', mac: one },
    ])
    t.equal((await store.neighbours.find({ macs: ['02:aa:00:'] })).length, 3, 'a beginning')
    t.same(await store.neighbours.find({}), [])
    await write('fdb', 'forwarding', NOW + 5 * MINUTE, [seen(one, '4'), seen(two, '3')])
    t.match(
      (await store.neighbours.find({ macs: [one] })).filter(({ kind }) => kind === 'forwarding'),
      [
        { portIndex: '4', isThere: true, firstAt: NOW + 5 * MINUTE, seenAt: NOW + 5 * MINUTE },
        { portIndex: '3', isThere: false, seenAt: NOW + 5 * MINUTE },
      ],
      'a move leaves a trace',
    )
    await write('fdb', 'forwarding', NOW + 6 * MINUTE, [seen(one, '3')])
    t.match(await store.neighbours.behind(uid, '3', 10), [{ mac: one, firstAt: NOW }])
    await store.devices.remove('router', { history: false, at: NOW })
    t.same(await store.neighbours.find({ ips: ['192.0.2.7'] }), [], 'of living devices alone')
  })

  t.test("a device's own addresses say whose an address is", async t => {
    const { store, uid } = await opened(t, newPlace)
    const other = await store.devices.create(config('router'), 'api', 1)
    const shared = row({ mac: '00:00:5e:00:01:0a' })
    await writer(store, uid)('own', 'own', NOW, [row({ mac: '02:00:00:00:00:05' }), shared])
    await writer(store, other.uid)('own', 'own', NOW, [row({ ip: '192.0.2.1' }), shared])
    const owners = await store.neighbours.owners({
      macs: ['02:00:00:00:00:05', '00:00:5e:00:01:0a', '02:00:00:00:00:05'],
      ips: ['192.0.2.1', '192.0.2.99'],
    })
    t.same(owners.map(({ deviceUid }) => deviceUid).sort(), [uid, uid, other.uid, other.uid].sort())
  })

  t.test('bounds, nobody’s addresses, and what old rows become', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const write = writer(store, uid)
    const seen = (i: number) => row({ mac: macAt(i), port_index: '1' })
    const nobody = ['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', 'x', '<b>']
    await write('fdb', 'forwarding', NOW, [
      ...nobody.map(mac => row({ mac, port_index: '1' })),
      ...Array.from({ length: addressesMax + 10 }, (_, i) => seen(i)),
    ])
    t.equal(await count(place, 'seen_address'), addressesMax)
    const others = Array.from({ length: 12_000 }, (_, i) => seen(i + addressesMax))
    await write('fdb', 'forwarding', NOW + MINUTE, others)
    t.equal(await count(place, 'seen_address'), 12_000, 'those that are gone give way')
    await write('fdb', 'forwarding', NOW + DAY, [seen(1)])
    t.equal(await count(place, 'seen_address'), 12_001)
    t.equal(await store.neighbours.trim(NOW + 20 * DAY), 0)
    const deleted = await store.neighbours.trim(NOW + 32 * DAY)
    t.ok(deleted >= 2000, 'of one time all or none')
    await write('lldp', 'links', NOW, [link('1', 'a')])
    while ((await store.neighbours.trim(NOW + 200 * DAY)) > 0);
    t.equal(await count(place, 'seen_address'), 0, 'what nobody reads any more')
    t.equal(await count(place, 'neighbour'), 0)
    t.equal(await count(place, 'neighbour_read'), 0)
  })

  t.test('a device that is deleted takes all with it, or nothing', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const write = writer(store, uid)
    await write('lldp', 'links', NOW, [link('1', 'a')])
    const many = Array.from({ length: 4100 }, (_, i) => row({ mac: macAt(i) }))
    await write('fdb', 'forwarding', NOW, many)
    await write('arp', 'arp', NOW, many)
    await store.devices.remove('sw', { history: true, at: NOW })
    t.equal(await count(place, 'neighbour'), 0)
    t.equal(await count(place, 'seen_address'), 0)
    t.equal(await count(place, 'neighbour_read'), 0)
    await t.rejects(write('lldp', 'links', NOW + 1, []), { code: 'E_DEVICE_UNKNOWN' })
  })
}
