// Goal: the gate takes every good message, refuses each bad one for its own reason, and survives
// hostile payloads.

import t from 'tap'
import { accept, acceptRows, collectionBytesMax, futureMsMax } from '../../server/ingest/accept.ts'
import { REFUSAL_REASONS } from '../../server/model/accepted.ts'
import { context, device, good, lookup, message, NOW, topicOf } from './messages.ts'

const number = { src: 'node-1', boot: 'k3x9', seq: 101 }

t.test('a table', async t => {
  const accepted = accept(message(good()), context())
  t.same(accepted, {
    refused: null,
    device: device('sw-1', 7),
    number,
    part: null,
    error: null,
    collection: {
      ...{ deviceUid: 7, group: 'interface', at: NOW, rows: ['a', 'b'], failed: null },
      metrics: new Map([['in', [1.5, null]]]),
      gaps: new Map([['in', [null, 'reset']]]),
    },
  })
})

t.test('scalars are arrays of one; texts are values; unknown keys are ignored', async t => {
  const metrics = { uptime: 5, name: 'sw', load: [0.5] }
  const body = good({ rows: undefined, metrics, gaps: undefined, colour: { deep: [1] } })
  const accepted = accept(message(body), context())
  if (accepted.refused !== null) return t.fail(accepted.detail)
  t.same(accepted.collection.rows, null)
  t.same([...accepted.collection.metrics.values()], [[5], ['sw'], [0.5]])
  t.equal(accepted.collection.gaps.size, 0)
})

t.test('a null without a gap is partial; a gap beside a value is dropped', async t => {
  const metrics = { in: [null, null], out: [1, 2] }
  const gaps = { in: ['timeout', null], out: ['reset', null] }
  const accepted = accept(message(good({ metrics, gaps })), context())
  if (accepted.refused !== null) return t.fail(accepted.detail)
  t.same([...accepted.collection.gaps], [['in', ['timeout', 'partial']]])
})

t.test('a failed collection', async t => {
  const body = { v: 1, at: NOW, took: 4000, ok: false, reason: 'timeout', error: 'no answer' }
  const accepted = accept(message(body), context())
  if (accepted.refused !== null) return t.fail(accepted.detail)
  t.equal(accepted.number, null, 'senders without numbers are taken too')
  t.equal(accepted.collection.failed, 'timeout')
  t.equal(accepted.error, 'no answer')
})

t.test('times at the very bounds', async t => {
  for (const at of [NOW + futureMsMax, NOW - 86_400_000]) {
    t.equal(accept(message(good({ at })), context()).refused, null)
  }
})

t.test('an empty table, a part, one part of one', async t => {
  t.equal(
    accept(message(good({ rows: [], metrics: { in: [] }, gaps: {} })), context()).refused,
    null,
  )
  t.match(accept(message(good({ part: [2, 3] })), context()), { refused: null, part: [2, 3] })
  t.match(accept(message(good({ part: [1, 1] })), context()), { refused: null, part: null })
})

const many = (count: number) => Array.from({ length: count }, (_, i) => String(i))
const wide = Object.fromEntries(many(20).map(i => [`m${i}`, many(2600).map(() => 1)]))

const REFUSED: [
  reason: (typeof REFUSAL_REASONS)[number],
  what: string,
  ReturnType<typeof message>,
][] = [
  ['topic', 'another site', message(good(), 'pollux/other/devices/sw-1/samples/interface')],
  ['topic', 'another channel', message(good(), topicOf('sw-1', 'interface', 'rows'))],
  ['topic', 'no topic of ours', message(good(), 'tele/x/SENSOR')],
  ['topic', 'a group that is none', message(good(), topicOf('sw-1', 'Interface'))],
  ['unknown-device', 'a device nobody added', message(good(), topicOf('sw-2', 'interface'))],
  ['too-large', '2 MB', message(good({ blob: 'x'.repeat(2_000_000) }))],
  ['json', 'half of it', message(JSON.stringify(good()).slice(0, -10))],
  ['json', 'NaN', message('{"v":1,"src":"node-1","boot":"k3x9","seq":101,"at":NaN}')],
  ['json', 'nothing', message('')],
  ['schema', 'a number', message('5')],
  ['schema', 'null', message('null')],
  ['schema', 'another version', message(good({ v: 2 }))],
  ['schema', 'no metrics', message(good({ metrics: undefined }))],
  ['schema', 'an object as value', message(good({ metrics: { in: [{}, 1] } }))],
  [
    'schema',
    'a metric name that is none',
    message(good({ metrics: { 'In Octets': [1, 2] }, gaps: {} })),
  ],
  ['schema', 'an unknown reason', message(good({ gaps: { in: [null, 'mood'] } }))],
  ['schema', 'a fraction of a millisecond', message(good({ at: NOW + 0.5 }))],
  ['schema', 'a failed one without reason', message({ v: 1, at: NOW, ok: false })],
  ['shape', 'fewer values than rows', message(good({ metrics: { in: [1] }, gaps: {} }))],
  ['shape', 'fewer gaps than rows', message(good({ gaps: { in: ['reset'] } }))],
  ['shape', 'a scalar in a table', message(good({ metrics: { in: 1 }, gaps: {} }))],
  ['shape', 'a column without rows', message(good({ rows: undefined }))],
  ['shape', 'gaps of no metric', message(good({ gaps: { out: [null, 'reset'] } }))],
  ['number', '1e999', message(JSON.stringify(good()).replace('1.5', '1e999'))],
  ['number', '-1e999', message(JSON.stringify(good()).replace('1.5', '-1e999'))],
  ['duplicate-row', 'one key twice', message(good({ rows: ['a', 'a'] }))],
  ['too-many', '52,000 values', message(good({ rows: many(2600), metrics: wide, gaps: {} }))],
  ['part', 'the third of two', message(good({ part: [3, 2] }))],
  ['part', 'of a million', message(good({ part: [1, 1_000_000] }))],
  [
    'part',
    'scalars',
    message(good({ part: [1, 2], rows: undefined, metrics: { x: 1 }, gaps: {} })),
  ],
  ['device-clock', 'ahead', message(good({ at: NOW + futureMsMax + 1 }))],
  ['device-clock', 'for ever', message(JSON.stringify(good()).replace(String(NOW), '1e999'))],
  ['device-clock', 'a failed one ahead', message({ v: 1, at: NOW * 2, ok: false, reason: 'auth' })],
  ['too-old', 'older than retention', message(good({ at: NOW - 86_400_001 }))],
]

for (const [reason, what, refusedMessage] of REFUSED) {
  t.test(`refused ${reason}: ${what}`, async t => {
    const found = accept(refusedMessage, context())
    t.equal(found.refused, reason)
    if (found.refused !== null) t.ok(found.detail.length > 0 && found.detail.length < 400)
  })
}

t.test('the list above has every reason that accept gives', async t => {
  const given = new Set(REFUSED.map(([reason]) => reason))
  const missing = REFUSAL_REASONS.filter(reason => !given.has(reason))
  t.same(missing, ['flood', 'store-error', 'store-refused'])
})

t.test('a refusal keeps the number, so that the sender can forget the message', async t => {
  for (const payload of [
    JSON.stringify(good({ metrics: 1 })),
    JSON.stringify(good()).slice(0, -10),
    JSON.stringify(good({ blob: 'x'.repeat(collectionBytesMax) })),
  ]) {
    t.match(accept(message(payload), context()), { refused: String, number })
  }
  const unknown = message(good(), topicOf('gone', 'interface'))
  t.match(accept(unknown, context()), { refused: 'unknown-device', number, device: null })
  t.match(accept(message('{"seq":1'), context()), { refused: 'json', number: null })
  const odd = message(good({ seq: 1.5 }))
  t.match(accept(odd, context()), { refused: 'schema', number: null })
})

t.test('hostile JSON', async t => {
  const deep = (open: string, close: string) => open.repeat(60_000) + close.repeat(60_000)
  const texts: Record<string, string> = {
    'deep arrays': `{"v":1,"at":${NOW},"ok":true,"metrics":{"in":${deep('[', ']')}}}`,
    'deep unknown key': `{"v":1,"at":${NOW},"ok":true,"metrics":{"x":1},"y":${deep('[', ']')}}`,
    'a million keys': `{${many(20_000)
      .map(i => `"k${i}":1`)
      .join()}}`,
    'objects as values': JSON.stringify(good({ metrics: { in: many(80_000).map(() => ({})) } })),
    'proto as document': '{"__proto__":{"v":1,"ok":true}}',
    'proto as metric': `{"v":1,"at":${NOW},"ok":true,"metrics":{"__proto__":1}}`,
    'proto as gap': `{"v":1,"at":${NOW},"ok":true,"metrics":{"x":1},"gaps":{"__proto__":"reset"}}`,
    'not UTF-8': 'ÿþý',
  }
  for (const [name, text] of Object.entries(texts)) {
    t.doesNotThrow(() => accept(message(text), context()), name)
  }
  for (const name of ['proto as metric', 'proto as gap', 'proto as document', 'deep arrays']) {
    t.match(accept(message(texts[name] ?? ''), context()), { refused: /schema|shape/ }, name)
  }
  const inherited = `{"v":1,"at":${NOW},"ok":true,"metrics":{"constructor":1,"valueof":2}}`
  const accepted = accept(message(inherited), context())
  if (accepted.refused !== null) return t.fail(accepted.detail)
  t.same(accepted.collection.metrics.get('constructor'), [1], 'a name is only a name')
  t.equal(accepted.collection.gaps.size, 0)
  t.equal(Object.hasOwn(Object.prototype, 'v'), false)
})

t.test('rows messages', async t => {
  const topic = topicOf('sw-1', 'interface', 'rows')
  const row = { key: 'a', index: '1', name: 'A', labels: { mac: '00' } }
  const body = { v: 1, src: 'node-1', boot: 'k3x9', seq: 5, at: 5, units: {}, rows: [row] }
  t.same(
    acceptRows(message(body, topic), context()),
    {
      ...{ refused: null, device: device('sw-1', 7), group: 'interface', at: 5, rows: [row] },
      number: { ...number, seq: 5 },
    },
    'however old it is',
  )
  t.match(acceptRows(message({ ...body, rows: [row, row] }, topic), context()), {
    refused: 'duplicate-row',
  })
  t.match(acceptRows(message({ ...body, rows: [{}] }, topic), context()), { refused: 'schema' })
  t.match(acceptRows(message({ ...body, at: NOW * 2 }, topic), context()), {
    refused: 'device-clock',
  })
  t.match(acceptRows(message(body), context()), { refused: 'topic' })
  t.match(acceptRows(message(body, topic), context({ devices: lookup() })), {
    refused: 'unknown-device',
  })
})
