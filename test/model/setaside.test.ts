// The register of what was not taken: counts, last examples, and their bounds.

import t from 'tap'
import { createSetAside, isSetAsideReason } from '../../server/model/setaside.ts'

t.test('counts by reason and keeps the last example, newest first', async t => {
  let now = 1000
  const register = createSetAside(() => now++)
  t.same(register.list(), [])
  register.note('json', { topic: 'a', sender: 'x', payload: Buffer.from('{'), detail: 'first' })
  register.note('topic', { topic: 'b', detail: 'no topic of ours' })
  register.note('json', { topic: 'c', sender: null, payload: Buffer.from('['), detail: 'second' })
  t.same(register.list(), [
    ...[
      {
        reason: 'json',
        count: 2,
        at: 1002,
        topic: 'c',
        sender: '',
        detail: 'second',
        excerpt: '[',
      },
    ],
    {
      reason: 'topic',
      count: 1,
      at: 1001,
      topic: 'b',
      sender: '',
      detail: 'no topic of ours',
      excerpt: '',
    },
  ])
})

t.test('an example is at most 300 bytes of clean text, and no view of a large packet', async t => {
  const register = createSetAside()
  const payload = Buffer.alloc(10_000_000, 'x')
  payload.write('\u001b[31mred\u202e\0\n<b>', 0)
  payload.write('\ud83d\ude00'.repeat(70), 100)
  const long = 'l'.repeat(100_000)
  register.note('too-large', { topic: `${long}\n`, sender: `\u0007${long}`, payload, detail: long })
  payload.fill('y')
  const [entry] = register.list()
  t.ok(entry)
  if (!entry) return
  t.match(entry.excerpt, /^red <b>x+/)
  t.notOk(entry.excerpt.includes('y'), 'a copy')
  t.ok(Buffer.byteLength(entry.excerpt) <= 310)
  t.ok(entry.topic.length <= 200 && entry.sender.length <= 128 && entry.detail.length <= 300)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  t.notMatch(JSON.stringify(Object.values(entry)), /[\u0000-\u001f\u202e]/)
})

t.test('bytes that are no text, and names of objects, are harmless', async t => {
  const register = createSetAside()
  register.note('json', { payload: new Uint8Array([0xff, 0xfe, 0, 1, 0xc3]), detail: '__proto__' })
  t.equal(register.list()[0]?.count, 1)
  t.ok(isSetAsideReason('json') && isSetAsideReason('sensor-topic'))
  t.notOk(isSetAsideReason('__proto__') || isSetAsideReason('toString') || isSetAsideReason(''))
})
