// Goal: fallbacks per row, row identity, lookups, conditions, slow columns and replaced groups behave
// as the format says, on readings as devices give them.

import t from 'tap'
import { c32, c64, type Device, goodCatalogue, int, none, polled, text } from './kit.ts'

const IF = {
  title: 'Interfaces',
  tables: {
    port: {
      title: 'Ports',
      index: ['if_index'],
      key: ['name'],
      name: ['name', '{descr} {if_index}', '#{if_index}'],
      subtitle: 'alias',
      labels: ['if_index', 'descr'],
      refreshOn: ['1.8.1.0'],
      columns: {
        name: { oid: '1.1.1', as: 'text', every: '1h' },
        descr: { oid: '1.1.2', as: 'text', every: '1h' },
        alias: { oid: '1.1.3', as: 'text', every: '1h' },
      },
      metrics: {
        in: {
          title: 'In',
          unit: 'bit/s',
          kind: 'rate',
          scale: 8,
          oid: ['1.2.64', '1.2.32'],
          ifZero: 'next',
        },
        oper: {
          title: 'Oper',
          oid: '1.3.1',
          states: { '1': 'up', '2': { name: 'down', severity: 'critical' } },
        },
      },
    },
  },
}

const named = (index: number, name: string): Device => ({
  [`1.1.1.${index}`]: text(name),
  [`1.1.2.${index}`]: text(`port ${index}`),
  [`1.3.1.${index}`]: int(1),
})

t.test('64-bit on one row, 32-bit on another, in one table', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  const at = (a: number, b: number): Device => ({
    ...named(1, 'a'),
    ...named(2, 'b'),
    '1.2.64.1': c64(2n ** 40n + BigInt(a)),
    '1.2.32.1': c32(a),
    '1.2.64.2': none,
    '1.2.32.2': c32(b),
  })
  poll(at(0, 4294967290), 0)
  const second = poll(at(600, 54), 60)
  t.equal(second.at('port.in', 'a'), 80)
  t.equal(second.at('port.in', 'b'), 8, 'the 32-bit one wrapped')
})

t.test('a 64-bit counter stuck at 0 gives way to the 32-bit one that moves; no spike', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  const at = (hc: number, low: number): Device => ({
    ...named(1, 'a'),
    '1.2.64.1': c64(hc),
    '1.2.32.1': c32(low),
  })
  poll(at(0, 5000), 0)
  t.equal(poll(at(0, 5600), 60).at('port.in', 'a'), 80)
  t.equal(poll(at(9_000_000, 6200), 120).at('port.in', 'a'), 'gap:first', 'another counter serves')
  t.equal(poll(at(9_000_600, 6800), 180).at('port.in', 'a'), 80)
  const idle = polled(goodCatalogue({ p: IF }))
  idle.poll(at(0, 0), 0)
  t.equal(idle.poll(at(0, 0), 60).at('port.in', 'a'), 0, 'both at 0 is 0')
})

t.test('history follows the name when indexes are renumbered', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  const before = {
    ...named(1, 'a'),
    ...named(2, 'b'),
    '1.2.64.1': c64(1000),
    '1.2.64.2': c64(90_000),
    '1.8.1.0': int(1),
  }
  poll(before, 0)
  const after = {
    ...named(2, 'a'),
    ...named(3, 'b'),
    '1.2.64.2': c64(1600),
    '1.2.64.3': c64(90_060),
    '1.8.1.0': int(2),
  }
  poll(after, 60)
  const third = poll({ ...after, '1.2.64.2': c64(2200), '1.2.64.3': c64(90_120) }, 120)
  t.ok(third.sources().includes('1.1.1'), 'the names were read again after refreshOn changed')
  t.equal(third.at('port.in', 'b'), 8)
  t.same(
    third.rows('port')?.map(row => [row.key, row.index]),
    [
      ['a', '2'],
      ['b', '3'],
    ],
  )
})

t.test('after a restart nothing is attributed before the names are read again', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  poll({ ...named(1, 'a'), ...named(2, 'b') }, 0)
  const swapped = { ...named(1, 'b'), ...named(2, 'a'), '1.3.1.1': int(2) }
  const restarted = poll(swapped, 60, { upTicks: 10 })
  t.equal(restarted.at('port.oper', 'a'), 'gap:reset')
  const next = poll(swapped, 120, { upTicks: 6010 })
  t.equal(next.at('port.oper', 'a'), 1)
  t.equal(next.at('port.oper', 'b'), 2)
})

t.test('of two rows with one key the known one keeps it', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  t.same(poll(named(7, 'x|y'), 0).body('port')?.rows, ['x%7Cy'])
  const both = { ...named(3, 'x|y'), ...named(7, 'x|y'), '1.8.1.0': int(1) }
  t.same(poll(both, 60).body('port')?.rows, ['x%7Cy'], 'the new row waits for its name')
  t.same(poll(both, 120).body('port')?.rows, ['x%7Cy|#3', 'x%7Cy'])
  t.same(poll(both, 180).body('port')?.rows, ['x%7Cy|#3', 'x%7Cy'])
})

t.test('names, subtitle, labels; without a key column the index is the key', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  const first = poll(
    {
      '1.3.1.4': int(1),
      '1.1.2.4': text('x\u202ey\n'),
      '1.3.1.9': int(1),
      '1.1.3.9': text('uplink'),
    },
    0,
  )
  t.same(first.rows('port'), [
    { key: '4', index: '4', name: 'x y 4', labels: { if_index: '4', descr: 'x y' } },
    { key: '9', index: '9', name: '#9', subtitle: 'uplink', labels: { if_index: '9' } },
  ])
  t.equal(
    poll({ '1.3.1.4': int(1), '1.3.1.9': int(1) }, 60).rows('port'),
    undefined,
    'sent when it changes',
  )
})

t.test('slow columns are read when they are due, and kept between', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  t.ok(poll(named(1, 'a'), 0).sources().includes('1.1.1'))
  const device = { '1.3.1.1': int(2) }
  const second = poll(device, 60)
  t.notOk(second.sources().includes('1.1.1'))
  t.equal(second.at('port.oper', 'a'), 2)
  for (let s = 120; s < 3600; s += 60) t.notOk(poll(device, s).sources().includes('1.1.1'))
  t.ok(poll(named(1, 'renamed'), 3600).sources().includes('1.1.1'))
})

t.test('a partial answer keeps slow columns and says partial', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  poll({ ...named(1, 'a'), '1.2.64.1': c64(5) }, 0)
  const second = poll({ '1.3.1.1': int(1) }, 60, { partial: ['port'] })
  t.equal(second.at('port.in', 'a'), 'gap:partial')
  t.equal(second.at('port.oper', 'a'), 1)
})

t.test('metrics that the device never had are left out, later ones are gaps', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  t.same(Object.keys(poll(named(1, 'a'), 0).body('port')?.metrics ?? {}), ['oper'])
  poll({ ...named(1, 'a'), '1.2.32.1': c32(1) }, 360)
  t.equal(
    poll({ ...named(1, 'a'), '1.2.32.1': none }, 420).at('port.in', 'a'),
    'gap:no-such-object',
  )
})

const LOOKUPS = {
  title: 'L',
  tables: {
    entity: {
      title: 'E',
      every: '1h',
      index: ['e'],
      columns: { label: { oid: '1.5.1', as: 'text' }, serial: { oid: '1.5.2', as: 'text' } },
    },
    sensor: {
      title: 'S',
      index: ['n'],
      name: ['own', 'other', 'by_label'],
      labels: ['own', 'other', 'by_label'],
      where: 'status == 1',
      columns: {
        status: { oid: '1.6.1' },
        ref: { oid: '1.6.2' },
        type: { oid: '1.6.4' },
        own: { lookup: { table: 'entity', column: 'label' } },
        other: { lookup: { table: 'entity', column: 'label', key: ['ref + 1'] } },
        by_label: { lookup: { table: 'entity', column: 'serial', by: 'label', key: ["'core'"] } },
      },
      metrics: {
        hot: { title: 'Hot', unit: 'Cel', where: 'type == 8', oid: '1.6.3', scale: 0.1 },
        volt: { title: 'Volt', unit: 'V', where: 'type == 3', oid: '1.6.3', range: [0, 100] },
      },
    },
  },
}

t.test('lookups by index, by key and by column; where on rows and on metrics', async t => {
  const { poll } = polled(goodCatalogue({ p: LOOKUPS }))
  const device: Device = {
    '1.5.1.1': text('core'),
    '1.5.2.1': text('S1'),
    '1.5.1.2': text('edge'),
    '1.5.2.2': text('S2'),
    '1.6.1.1': int(1),
    '1.6.2.1': int(1),
    '1.6.3.1': int(238),
    '1.6.4.1': int(8),
    '1.6.1.2': int(1),
    '1.6.2.2': int(5),
    '1.6.3.2': int(500),
    '1.6.4.2': int(3),
    '1.6.1.3': int(2),
    '1.6.2.3': int(1),
    '1.6.3.3': int(1),
    '1.6.4.3': int(8),
    '1.6.1.4': int(1),
    '1.6.3.4': int(1),
    '1.6.4.4': int(99),
  }
  const first = poll(device, 0)
  t.same(first.body('sensor')?.rows, ['1', '2'], 'not ok, and of no known type, are left out')
  t.equal(first.at('sensor.hot', '1'), 23.8)
  t.equal(first.at('sensor.hot', '2'), 'gap:no-such-object')
  t.equal(first.at('sensor.volt', '2'), 'gap:range')
  t.same(first.rows('sensor')?.[0]?.labels, { own: 'core', other: 'edge', by_label: 'S1' })
  const twice = polled(goodCatalogue({ p: LOOKUPS })).poll(
    { ...device, '1.5.1.2': text('core') },
    0,
  )
  t.same(twice.rows('sensor')?.[0]?.labels, { own: 'core', other: 'core' }, 'two rows differ: none')
})

const REPLACED = {
  title: 'R',
  scalars: {
    better: { title: 'B', replaces: ['worse'], metrics: { x: { title: 'X', oid: '1.7.1.0' } } },
    worse: {
      title: 'W',
      metrics: { x: { title: 'X', oid: '1.7.2.0' }, y: { title: 'Y', oid: '1.7.3.0' } },
    },
    modest: { title: 'M', replacedBy: ['better'], metrics: { x: { title: 'X', oid: '1.7.4.0' } } },
    user: { title: 'U', metrics: { z: { title: 'Z', lookup: { table: 'worse', column: 'y' } } } },
  },
}

t.test('a replaced group rests while the better one has values; lookups still see it', async t => {
  const { poll } = polled(goodCatalogue({ p: REPLACED }))
  const all = { '1.7.1.0': int(1), '1.7.2.0': int(2), '1.7.3.0': int(3), '1.7.4.0': int(4) }
  const groups = (p: ReturnType<typeof poll>) => p.evaluated.collections.map(c => c.group).sort()
  t.same(groups(poll(all, 0)), ['better', 'user'])
  const second = poll(all, 60)
  t.same(second.sources(), ['1.7.1.0', '1.7.3.0'], 'what nobody needs is not read')
  t.same(groups(second), ['better', 'user'])
  t.equal(second.at('user.z'), 3)
  poll({ ...all, '1.7.1.0': none }, 120)
  t.same(groups(poll({ ...all, '1.7.1.0': none }, 180)), ['better', 'modest', 'user', 'worse'])
})

t.test('an OID that two groups name is read once', async t => {
  const catalogue = goodCatalogue({
    p: {
      title: 'P',
      tables: {
        a: {
          title: 'A',
          index: ['n'],
          columns: { v: { oid: '1.9.1' } },
          metrics: { x: { title: 'X', value: 'v' } },
        },
        b: {
          title: 'B',
          index: ['n'],
          columns: 'a',
          metrics: { y: { title: 'Y', value: 'v * 2' } },
        },
      },
    },
  })
  const { poll } = polled(catalogue)
  const first = poll({ '1.9.1.5': int(21) }, 0)
  t.same(first.sources(), ['1.9.1'])
  t.equal(first.at('b.y', '5'), 42)
})

const KINDS = {
  title: 'K',
  scalars: {
    k: {
      title: 'K',
      metrics: {
        total: { title: 'T', kind: 'total', unit: '{page}', oid: '1.1.1.0' },
        state: {
          title: 'S',
          oid: '1.1.2.0',
          states: { ok: 'ok', bad: { name: 'bad', severity: 'warning' }, '*': 'other' },
        },
        flags: {
          title: 'F',
          kind: 'flags',
          as: 'bits',
          oid: '1.1.3.0',
          states: { '0': 'a', '9': 'b' },
        },
        words: { title: 'W', kind: 'text', oid: '1.1.4.0' },
        none: { title: 'N', first: [{ oid: '1.1.5.0', invalid: [-1] }, { value: 'total / 0' }] },
        yes: { title: 'Y', value: 'total > 1' },
      },
    },
  },
}

t.test('kinds are stored as documented', async t => {
  const { poll } = polled(goodCatalogue({ p: KINDS }))
  const device: Device = {
    '1.1.1.0': c32(77),
    '1.1.2.0': text('bad'),
    '1.1.3.0': { type: 'octets', value: Uint8Array.of(0x80, 0x40) },
    '1.1.4.0': text('007'),
    '1.1.5.0': int(5),
  }
  const first = poll(device, 0)
  t.same(first.body('k')?.metrics, {
    total: 77,
    state: 1,
    flags: 513,
    words: '007',
    none: 5,
    yes: 1,
  })
  const second = poll({ ...device, '1.1.2.0': text('strange'), '1.1.5.0': int(-1) }, 60)
  t.equal(second.at('k.state'), 2)
  t.equal(second.at('k.none'), 'gap:no-such-object')
})

t.test(
  'typed indexes; rows that do not fit are skipped and counted; rows beyond maxRows are cut',
  async t => {
    const catalogue = goodCatalogue({
      p: {
        title: 'P',
        tables: {
          peer: {
            title: 'Peers',
            index: ['family', 'addr:inet', 'user:string', 'rest:oid*'],
            labels: ['family', 'addr', 'user', 'rest'],
            maxRows: 2,
            metrics: { up: { title: 'Up', oid: '1.4.1' } },
          },
        },
      },
    })
    const { poll, evaluator } = polled(catalogue)
    const first = poll(
      { '1.4.1.1.4.10.0.0.9.2.104.105.1.3': int(1), '1.4.1.7': int(1), '1.4.1.9': int(1) },
      0,
    )
    t.same(
      first.rows('peer')?.map(row => row.labels),
      [{ family: '1', addr: '10.0.0.9', user: 'hi', rest: '1.3' }],
    )
    t.same(evaluator.counters, { rowsCut: 1, rowsSkipped: 1 })
  },
)

t.test('573 values of 52 interfaces', async t => {
  const { poll } = polled(goodCatalogue({ p: IF }))
  const device: Device = {}
  for (let i = 1; i <= 52; i++)
    Object.assign(device, named(i, `ge${i}`), { [`1.2.64.${i}`]: c64(i) })
  poll(device, 0)
  t.equal(poll(device, 60).body('port')?.rows?.length, 52)
})
