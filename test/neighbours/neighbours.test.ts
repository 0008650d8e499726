// Whom a neighbour is, which links there are, what hangs on what, and where it all lies on the map.

import t from 'tap'
import { linksOf, macOf } from '../../server/model/neighbour.ts'
import { layOut, placesMax } from '../../server/neighbours/layout.ts'
import { createMatcher } from '../../server/neighbours/match.ts'
import { proposeParents, rootsOf, wouldLoop } from '../../server/neighbours/parents.ts'
import { type Cable, type ToldLink, topologyOf } from '../../server/neighbours/topology.ts'
import { en } from '../../server/web/languages/en.ts'
import { mapOf } from '../../server/web/map.ts'
import { addressAsked } from '../../server/web/whereabouts.ts'

const MAC = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`
const nobody = { chassis: '', address: '', remoteName: '' }

t.test('a neighbour is ours by MAC, by address, by name, each exactly', async t => {
  const match = createMatcher(
    [
      { uid: 1, names: ['core', 'core.example.net'], address: '192.0.2.1' },
      { uid: 2, names: ['access-1', 'twin'], address: '127.0.0.1' },
      { uid: 3, names: ['access-2', 'TWIN'], address: '127.0.0.1' },
    ],
    [
      { deviceUid: 1, mac: MAC(1), ip: '' },
      { deviceUid: 2, mac: MAC(2), ip: '198.51.100.2' },
      { deviceUid: 2, mac: '00:00:5e:00:01:01', ip: '169.254.1.1' },
      { deviceUid: 3, mac: '00:00:5e:00:01:01', ip: '169.254.1.1' },
      { deviceUid: 99, mac: MAC(9), ip: '' },
    ],
  )
  t.same(match({ ...nobody, chassis: '0200.0000.0001' }), { uid: 1 }, 'by MAC, in any notation')
  t.same(match({ ...nobody, address: '198.51.100.2' }), { uid: 2 }, 'by an address of its own')
  t.same(match({ ...nobody, address: '192.0.2.1' }), { uid: 1 }, 'by where it is polled')
  t.same(match({ ...nobody, remoteName: ' CORE.example.NET ' }), { uid: 1 })
  t.same(match({ ...nobody, chassis: 'Access-1' }), { uid: 2 }, 'CDP has the name for the chassis')
  t.equal(match({ ...nobody, remoteName: 'core.example' }), null, 'a part of a name is none')
  t.same(match({ ...nobody, remoteName: 'twin' }), { ambiguous: [2, 3] })
  t.same(
    match({ chassis: MAC(2), address: '', remoteName: 'twin' }),
    { uid: 2 },
    'what is certain goes first',
  )
  t.same(match({ ...nobody, chassis: '00:00:5e:00:01:01' }), { ambiguous: [2, 3] }, 'VRRP')
  t.same(
    match({ chassis: '00:00:5e:00:01:01', address: '', remoteName: 'access-2' }),
    { uid: 3 },
    'a key that several have decides nothing',
  )
  t.equal(match({ ...nobody, address: '127.0.0.1' }), null, 'nobody is known by loopback')
  t.equal(match({ ...nobody, address: '169.254.1.1' }), null)
  t.equal(match({ ...nobody, chassis: MAC(9) }), null, 'not of a device that is no more')
  t.equal(match(nobody), null)
})

const told = (deviceUid: number, port: string, more: Partial<ToldLink>): ToldLink => ({
  ...{ deviceUid, portIndex: port.replaceAll(/\D/g, ''), port, chassis: '', remotePort: '' },
  ...{ remoteName: '', address: '', descr: '', seenAt: 5 },
  ...more,
})
const byName = createMatcher(
  [1, 2, 3].map(uid => ({ uid, names: [`sw${uid}`], address: '' })),
  [],
)

t.test('both ends and both protocols tell of one link', async t => {
  const { places, cables } = topologyOf(
    [
      told(1, 'Gi1/0/1', { remoteName: 'sw2', remotePort: 'GigabitEthernet1/0/24' }),
      told(1, 'Gi1/0/1', { chassis: 'SW2', remotePort: 'Gi1/0/24' }),
      told(2, 'Gi1/0/24', { remoteName: 'sw1', remotePort: 'Gi1/0/1', seenAt: 9 }),
      told(1, 'Gi1/0/2', { remoteName: 'sw2', remotePort: 'Gi1/0/23' }),
      told(3, 'eth0', { remoteName: 'sw1', remotePort: 'x' }),
      told(1, 'Gi1/0/4', { remoteName: 'phone', descr: 'an IP phone' }),
      told(2, 'Gi1/0/5', { remoteName: 'sw2', remotePort: 'Gi1/0/6' }),
    ],
    byName,
  )
  t.match(cables, [
    {
      ...{ a: 'd1', b: 'd2', aPort: 'Gi1/0/1', bPort: 'Gi1/0/24', bIndex: '1024' },
      ...{ isOneSided: false, seenAt: 9 },
    },
    { a: 'd1', b: 'd2', aPort: 'Gi1/0/2', isOneSided: true },
    { a: 'd3', b: 'd1', isOneSided: true },
    { a: 'd1', b: 'uphone', isOneSided: true },
  ])
  t.equal(cables.length, 4, 'and a device that sees itself has no link')
  t.match(places.get('uphone'), { uid: null, name: 'phone', descr: 'an IP phone' })
})

t.test('names that differ in form are one link where there is but one', async t => {
  const { cables } = topologyOf(
    [
      told(1, 'Gi1', { remoteName: 'sw2', remotePort: 'uplink' }),
      told(2, 'te9', { remoteName: 'SW1' }),
    ],
    byName,
  )
  t.match(cables, [{ a: 'd1', b: 'd2', aPort: 'Gi1', bPort: 'te9', isOneSided: false }])
})

t.test(
  'two devices that lie: thousands of links to one another, half of them told by both',
  async t => {
    // Comparing each with each would outlast any limit of a test.
    const count = 20_000
    const all = Array.from({ length: count }, (_, i) => i)
    const { cables } = topologyOf(
      [
        ...all.map(i => told(1, `Gi1/0/${i}`, { remoteName: 'sw2', remotePort: `Gi9/0/${i}` })),
        ...all.map(i =>
          told(2, `GigabitEthernet9/0/${2 * i}`, {
            remoteName: 'sw1',
            remotePort: `Gi1/0/${2 * i}`,
          }),
        ),
      ],
      byName,
    )
    t.equal(cables.filter(({ isOneSided }) => !isOneSided).length, count / 2)
    t.equal(cables.length, count + count / 2)
  },
)

const cable = (a: number, b: number): Cable => ({
  ...{ a: `d${a}`, b: `d${b}`, aPort: '', bPort: '', aIndex: '', bIndex: '' },
  ...{ isOneSided: false, seenAt: 0 },
})

t.test('parents lie towards the root, also in loops', async t => {
  const ring = [cable(1, 2), cable(2, 3), cable(3, 4), cable(4, 1), cable(4, 5)]
  t.same(
    proposeParents(ring, 'd1').map(({ device, parents }) => [device, parents]),
    [
      ['d2', ['d1']],
      ['d4', ['d1']],
      ['d3', ['d2', 'd4']],
      ['d5', ['d4']],
    ],
  )
  t.same(proposeParents(ring, 'd9'), [], 'a root without links')
  t.same(proposeParents([cable(1, 1), { ...cable(1, 2), b: 'uphone' }], 'd1'), [])
  t.same(rootsOf([...ring, cable(7, 8)]), ['d4', 'd7'])
  t.same(rootsOf([]), [])
  const parents = new Map([
    ['b', ['a']],
    ['c', ['b']],
    ['x', ['x']],
  ])
  const of = (id: string) => parents.get(id) ?? []
  t.ok(wouldLoop('a', ['c'], of))
  t.ok(wouldLoop('a', ['a'], of))
  t.notOk(wouldLoop('c', ['a', 'x'], of))
})

t.test('the map: the same network gives the same picture, and nothing lies on another', async t => {
  const ids = ['d0', ...Array.from({ length: 299 }, (_, i) => `d${i + 1}`)]
  const edges = ids.slice(1).map((id, i) => [`d${i < 15 ? 0 : i % 15}`, id] as const)
  const loop = [...edges, ['d1', 'd2'], ['d2', 'd3'], ['d3', 'd3']] as const
  const one = await layOut(ids, loop, ['d0'])
  const two = await layOut(ids, loop, ['d0'])
  t.same([...one.spots], [...two.spots])
  t.equal(one.spots.size, 300)
  const spots = [...one.spots.values()]
  const isInside = spots.every(({ x, y }) => x >= 0 && y >= 0 && x <= one.width && y <= one.height)
  t.ok(isInside)
  const near = spots.flatMap((a, i) =>
    spots.slice(i + 1).filter(b => Math.hypot(a.x - b.x, a.y - b.y) < 40),
  )
  t.same(near, [])
  const many = Array.from({ length: placesMax + 5 }, (_, i) => `x${i}`)
  t.equal((await layOut(many, [['x0', 'gone']], ['gone'])).spots.size, placesMax)
  t.match(await layOut([], [], []), { width: 120, height: 120 })
})

t.test(
  'a line of the map names both ends whole, also where a MAC is all that is known',
  async t => {
    const unknown = (name: string) => {
      const place = { id: `u${name}`, uid: null, name, address: '', descr: '', isAmbiguous: false }
      return [place.id, place] as const
    }
    const [a, b] = [unknown(MAC(1)), unknown('fe80::2')]
    const cable = {
      ...{ a: a[0], b: b[0], aPort: 'Gi1', bPort: 'Gi2', aIndex: '', bIndex: '' },
      ...{ isOneSided: true, seenAt: 1 },
    }
    const network = { places: new Map([a, b]), cables: [cable], lines: new Map() }
    const map = await mapOf(network, { tag: '', location: '', unknown: true }, en)
    t.equal(map.lines[0]?.title, `${MAC(1)} – fe80::2: Gi1 – Gi2`)
  },
)

t.test('addresses as people write them', async t => {
  for (const text of ['AA:bb:CC:00:11:22', 'aabb.cc00.1122', 'AA-BB-CC-00-11-22', 'aabbcc001122']) {
    t.same(addressAsked(text), { mac: 'aa:bb:cc:00:11:22' }, text)
  }
  t.same(addressAsked('0:1b:21:3:4:5'), { mac: '00:1b:21:03:04:05' })
  t.same(addressAsked('aa:bb:cc'), { mac: 'aa:bb:cc:' })
  t.same(addressAsked('aabb.cc'), { mac: 'aa:bb:cc:' })
  t.same(addressAsked('aabb-ccdd'), { mac: 'aa:bb:cc:dd:' })
  t.same(addressAsked(' 192.0.2.7 '), { ip: '192.0.2.7' })
  t.same(addressAsked('2001:DB8:0::7'), { ip: '2001:db8::7' })
  t.same(addressAsked('fe80::1%eth0'), { ip: 'fe80::1' }, 'the zone is of whoever asks')
  for (const text of ['', 'decade', 'sw-9', '192.168.1', 'aa:bb', "' or 1=1", 'x'.repeat(1e5)]) {
    t.equal(addressAsked(text), null, text.slice(0, 20))
  }
})

t.test('what devices say is cut and cleaned before it is anything else', async t => {
  const labels = JSON.parse(
    '{"remote_name":"<img onerror=x>\\u202e","__proto__":"x","port_index":"1"}',
  )
  const row = { key: 'k', index: '1', name: 'n', labels }
  t.match(linksOf([row, row]), [{ remoteName: '<img onerror=x>', portIndex: '1' }])
  t.equal(linksOf([row, row]).length, 1, 'one neighbour told twice')
  t.equal(macOf('01:00:5e:00:00:01'), null, 'a group address is nobody')
  t.equal(macOf('00-00-00-00-00-00'), null)
})
