// Goal: a recording is read as a device would answer it, whatever is wrong with the file.
import t from 'tap'
import type { RawValue } from '../../server/model/raw.ts'
import { compareOids } from '../../server/snmp/oid.ts'
import { parseRecording } from '../../server/snmp/recording.ts'
import { recordingSession } from '../../server/snmp/recording-session.ts'
import { recordingLine } from '../../server/snmp/recording-write.ts'

const parse = (text: string) => parseRecording(Buffer.from(text, 'latin1'))
const octets = (...bytes: number[]): RawValue => ({ type: 'octets', value: Uint8Array.from(bytes) })
const text = (value: string) => octets(...Buffer.from(value, 'latin1'))

/** Tag and value → what a device would send; null: the line is no line. */
const VALUES: [string, RawValue | null][] = [
  ['2|7', { type: 'integer', value: 7 }],
  ['2|-7', { type: 'integer', value: -7 }],
  ['2|4294967295', { type: 'integer', value: -1 }],
  ['2|', null],
  ['2|up', null],
  ['2|1.5', null],
  ['2| 12 ', { type: 'integer', value: 12 }],
  ['65|4294967295', { type: 'counter32', value: 4_294_967_295 }],
  ['65|-1', { type: 'counter32', value: 4_294_967_295 }],
  ['65|4294967296', { type: 'counter32', value: 0 }],
  ['66|-5', { type: 'gauge32', value: 4_294_967_291 }],
  ['66|12 V', null],
  ['67|100', { type: 'ticks', value: 100 }],
  ['70|18446744073709551615', { type: 'counter64', value: 18_446_744_073_709_551_615n }],
  ['70|9223372036854775809', { type: 'counter64', value: 9_223_372_036_854_775_809n }],
  ['70|-1', { type: 'counter64', value: 18_446_744_073_709_551_615n }],
  ['70|99999999999999999999999', null],
  ['4|', octets()],
  ['4|Gi1/0/1', text('Gi1/0/1')],
  ['4|a|b|c', text('a|b|c')],
  ['4| two  blanks ', text(' two  blanks ')],
  ['4|Gr\xfc\xdfe', text('Gr\xfc\xdfe')],
  ['4x|', octets()],
  ['4x|476931', text('Gi1')],
  ['4x|00 1a 2B', octets(0, 0x1a, 0x2b)],
  ['4x|0', null],
  ['4x|zz', null],
  ['4e|a\\nb\\x41\\\\', text('a\nbA\\')],
  ['5|', { type: 'none' }],
  ['6|1.3.6.1', { type: 'oid', value: '1.3.6.1' }],
  ['6|.1.3.6.1', { type: 'oid', value: '1.3.6.1' }],
  ['6|', { type: 'oid', value: '0.0' }],
  ['6|iso.3', null],
  ['64|192.0.2.1', { type: 'ip', value: '192.0.2.1' }],
  ['64|<private>', null],
  ['64|192.0.2', null],
  ['64|192.0.2.300', null],
  ['64x|c0000201', { type: 'ip', value: '192.0.2.1' }],
  ['64x|c00002', null],
  ['68|Float: 0.5', { type: 'number', value: 0.5 }],
  ['68x|9f78043f000000', { type: 'number', value: 0.5 }],
  ['68x|9f79083fe0000000000000', { type: 'number', value: 0.5 }],
  ['68x|0102', { type: 'opaque', value: Uint8Array.from([1, 2]) }],
  ['65:numeric|rate=3', null],
  ['129|', null],
  ['x|1', null],
]
t.test('values by their tags', async t => {
  for (const [line, wanted] of VALUES) {
    const { values, skipped } = parse(`1.3.6.1.2.1|${line}\n`)
    t.same(values, wanted === null ? [] : [wanted], JSON.stringify(line))
    t.equal(skipped.malformed, wanted === null ? 1 : 0)
  }
})

t.test('lines that are none', async t => {
  const { oids, skipped } = parse(
    [
      '# a comment',
      '',
      '1.3.6.1.2.1.1.1.0|4|first',
      '1.3.6.1.2.1.4.20.1.1.10.xx.xx.100|64|10.1.1.1',
      'not a line',
      '1.3.6.1.2.1.1.5.0|4',
      '9.9.9|2|1',
      '1.3.6.1.4294967296|2|1',
      '|2|1',
      '.1.3.6.1.2.1.1.7.0|2|72\r',
      '1.3.6.1.2.1.1.08.0|2|1',
    ].join('\n'),
  )
  t.same(oids, ['1.3.6.1.2.1.1.1.0', '1.3.6.1.2.1.1.7.0', '1.3.6.1.2.1.1.8.0'])
  t.equal(skipped.malformed, 6)
  t.same(skipped.examples[0], { line: 4, reason: 'not an OID' })
  t.same(skipped.examples[1], { line: 5, reason: 'not three fields' })
})

t.test('out of order and twice: sorted by number, the later line counts', async t => {
  const { oids, values, skipped } = parse(
    '1.3.6.1.10|2|1\n1.3.6.1.9|2|2\n1.3.6.1.9.1|2|3\n1.3.6.1.9|2|4\n1.3.6.1.2|2|5\n',
  )
  t.same(oids, ['1.3.6.1.2', '1.3.6.1.9', '1.3.6.1.9.1', '1.3.6.1.10'])
  t.same(values[1], { type: 'integer', value: 4 })
  t.equal(skipped.repeated, 1)
})

t.test('any bytes are a recording, if an empty one', async t => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed % below
  }
  const pieces = [
    '1.3.6.1.2',
    '1.3.6.1|2|',
    '1.3|4x|',
    '|',
    '4',
    '4x',
    '65',
    '\n',
    '\\',
    '-',
    '\xff',
    '\0',
    '99',
    '.',
    ' ',
  ]
  let kept = 0
  for (let run = 0; run < 3000; run++) {
    const line = Array.from({ length: random(12) }, () => pieces[random(pieces.length)]).join('')
    const { oids, values } = parse(line)
    kept += oids.length
    if (oids.length !== values.length) t.fail(JSON.stringify(line))
  }
  t.ok(kept > 0, 'some of them were lines')
  t.same(parse('').oids, [])
})

const TABLE = parse(
  [
    '1.3.6.1.2.1.1.1.0|4|a switch',
    '1.3.6.1.2.1.2.2.1.1.1|2|1',
    '1.3.6.1.2.1.2.2.1.1.2|2|2',
    '1.3.6.1.2.1.2.2.1.1.10|2|10',
    '1.3.6.1.2.1.2.2.1.2.2|5|',
    '1.3.6.1.2.1.2.2.1.2.10|4|ten',
    '1.3.6.1.2.1.2.2.1.10.1|65|5',
  ].join('\n'),
)

t.test('a session answers as a device', async t => {
  const session = recordingSession(TABLE)
  const none: RawValue = { type: 'none' }
  t.same(await session.get(['1.3.6.1.2.1.1.1.0', '1.3.6.1.2.1.1.1', '1.3.6.1.2.1.1.2.0']), [
    { oid: '1.3.6.1.2.1.1.1.0', value: text('a switch') },
    { oid: '1.3.6.1.2.1.1.1', value: none },
    { oid: '1.3.6.1.2.1.1.2.0', value: none },
  ])
  const next = await session.getNext([
    '1.3.6.1',
    '1.3.6.1.2.1.1.1.0',
    '1.3.6.1.2.1.2.2.1.1.2',
    '1.4',
  ])
  t.same(
    next.map(({ oid }) => oid),
    ['1.3.6.1.2.1.1.1.0', '1.3.6.1.2.1.2.2.1.1.1', '1.3.6.1.2.1.2.2.1.1.10', '1.4'],
  )
  t.same(next[3]?.value, none, 'the end of the MIB')
  const walked = await session.walk(['1.3.6.1.2.1.2.2.1.1', '1.3.6.1.2.1.2.2.1.2', '1.3.6.1.9'], 9)
  t.same(
    walked.map(({ values, stopped }) => [[...values.keys()], stopped]),
    [
      [['1', '2', '10'], null],
      [['2', '10'], null],
      [[], null],
    ],
  )
  const [cut] = await session.walk(['1.3.6.1.2.1.2.2.1.1'], 2)
  t.same([...(cut?.values.keys() ?? [])], ['1', '2'])
  t.equal(cut?.stopped, 'rows-max')
  t.ok(session.counters.requests >= 4 && session.counters.varbinds > 10, 'its cost is counted')
  await t.rejects(session.get(['1.3'], AbortSignal.abort()), { code: 'E_ABORTED' })
  session.close()
  session.close()
})

t.test('a walk by GETNEXT and a walk by column say the same', async t => {
  const lines = Array.from({ length: 500 }, (_, i) => `1.3.6.1.4.1.9.${(i * 37) % 101}.${i}|2|${i}`)
  const recording = parse(lines.join('\n'))
  const session = recordingSession(recording)
  const seen: string[] = []
  let last = '1.3.6.1.4.1.9'
  for (;;) {
    const [next] = await session.getNext([last])
    if (!next || next.value.type === 'none') break
    if (compareOids(next.oid, last) <= 0) t.fail('not increasing')
    seen.push(next.oid)
    last = next.oid
  }
  const [walked] = await session.walk(['1.3.6.1.4.1.9'], 1000)
  t.equal(seen.length, 500)
  t.same(
    [...(walked?.values.keys() ?? [])].map(index => `1.3.6.1.4.1.9.${index}`),
    seen,
  )
})

t.test('a table of 100,000 rows is read and cut', async t => {
  const lines = Array.from(
    { length: 100_000 },
    (_, i) => `1.3.6.1.2.1.2.2.1.2.${100_000 - i}|4|if${i}`,
  )
  const recording = parse(lines.join('\n'))
  t.equal(recording.oids.length, 100_000)
  t.equal(recording.oids[0], '1.3.6.1.2.1.2.2.1.2.1')
  const [walked] = await recordingSession(recording).walk(['1.3.6.1.2.1.2.2.1.2'], 5000)
  t.equal(walked?.values.size, 5000)
  t.equal(walked?.stopped, 'rows-max')
})

t.test('what is written is read back as it was', async t => {
  const values: RawValue[] = VALUES.map(([, value]) => value).filter(value => value !== null)
  const written = values.map((value, i) => ({ oid: `1.3.6.1.1.${i}`, value }))
  const lines = written.map(varbind => recordingLine(varbind) ?? '')
  const { oids, values: read, skipped } = parse(lines.join(''))
  const there = written.filter(({ value }) => value.type !== 'none')
  t.same(
    oids.map((oid, i) => ({ oid, value: read[i] })),
    there,
  )
  t.equal(skipped.malformed, 0)
  t.equal(
    recordingLine({ oid: '1.3.6.1', value: { type: 'number', value: 0.1 } }),
    '1.3.6.1|68x|9f79083fb999999999999a\n',
  )
})
