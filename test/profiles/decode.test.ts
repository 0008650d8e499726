// Goal: every `as`, `match`, `invalid` and `map` turns raw values into the documented ones.

import t from 'tap'
import type { FieldDoc } from '../../server/model/profile.ts'
import type { RawValue } from '../../server/model/raw.ts'
import { compileDecoder } from '../../server/profiles/decode.ts'
import { bytes, c32, c64, int, none, num, text } from './kit.ts'

const latin1: RawValue = { type: 'octets', value: Buffer.from('Zürich', 'latin1') }
const opaqueFloat: RawValue = {
  type: 'opaque',
  value: Uint8Array.of(0x9f, 0x78, 4, 0x41, 0xbe, 0x66, 0x66),
}
const plainText = (value: string): RawValue => ({ type: 'text', value })

const TABLE: [FieldDoc, RawValue, unknown][] = [
  [{}, int(-5), -5],
  [{}, c64(2n ** 63n + 1n), 2n ** 63n + 1n],
  [{}, text('42'), 42],
  [{}, text(' 42.50 '), 42.5],
  [{}, text('18446744073709551615'), 18446744073709551615n],
  [{}, text('42 V'), '42 V'],
  [{}, text('eth0\0\0'), 'eth0'],
  [{}, text(''), ''],
  [{}, latin1, 'Zürich'],
  [{}, opaqueFloat, 23.8],
  [{}, plainText('42'), '42'],
  [{}, num(Number.NaN), undefined],
  [{}, none, null],
  [{ as: 'number' }, text('temp 23.8 °C'), 23.8],
  [{ as: 'number' }, text('none'), undefined],
  [{ as: 'number' }, text('-12dBm'), -12],
  [{ as: 'uint32' }, int(-1), 4294967295],
  [{ as: 'uint32' }, int(-2147483648), 2147483648],
  [{ as: 'int32' }, c32(4294967295), -1],
  [{ as: 'int32' }, text('x'), undefined],
  [{ as: 'text' }, text('0012345'), '0012345'],
  [{ as: 'text' }, int(5), '5'],
  [{ as: 'text' }, text('a \n\0'), 'a'],
  [{ as: 'hex' }, bytes(0, 255, 16), '00ff10'],
  [{ as: 'mac' }, bytes(0, 27, 33, 3, 4, 255), '00:1b:21:03:04:ff'],
  [{ as: 'mac' }, text('0:1b:21:3:4:ff'), '00:1b:21:03:04:ff'],
  [{ as: 'mac' }, text('00-1B-21-03-04-FF'), '00:1b:21:03:04:ff'],
  [{ as: 'mac' }, text('001b.2103.04ff'), '00:1b:21:03:04:ff'],
  [{ as: 'mac' }, text('001B210304FF'), '00:1b:21:03:04:ff'],
  [{ as: 'mac' }, text(''), undefined],
  [{ as: 'mac' }, bytes(1, 2, 3), undefined],
  [{ as: 'ip' }, bytes(192, 0, 2, 1), '192.0.2.1'],
  [{ as: 'ip' }, bytes(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), '2001:db8::1'],
  [{ as: 'ip' }, { type: 'ip', value: '10.0.0.1' }, '10.0.0.1'],
  [{ as: 'ip' }, text('<private>'), undefined],
  [{ as: 'oid' }, { type: 'oid', value: '1.3.6' }, '1.3.6'],
  [{ as: 'oid' }, text('.1.3.6.1'), '1.3.6.1'],
  [{ as: 'oid' }, text('x'), undefined],
  [{ as: 'ticks' }, { type: 'ticks', value: 12345 }, 123.45],
  [{ as: 'datetime' }, bytes(7, 234, 11, 22, 10, 30, 0, 0), Date.UTC(2026, 10, 22, 10, 30) / 1000],
  [
    { as: 'datetime' },
    bytes(7, 234, 11, 22, 10, 30, 0, 0, 43, 1, 0),
    Date.UTC(2026, 10, 22, 9, 30) / 1000,
  ],
  [
    { as: 'datetime' },
    bytes(7, 234, 11, 22, 10, 30, 0, 0, 45, 5, 30),
    Date.UTC(2026, 10, 22, 16, 0) / 1000,
  ],
  [{ as: 'datetime' }, bytes(0, 0, 0, 0, 0, 0, 0, 0), undefined],
  [{ as: 'bits' }, bytes(0x80), 1],
  [{ as: 'bits' }, bytes(0x01, 0x40), 2 ** 7 + 2 ** 9],
  [{ as: 'bits' }, int(6), 6],
  [{ as: 'float' }, bytes(0x41, 0xbe, 0x66, 0x66), 23.8],
  [{ as: 'float' }, bytes(0x40, 0x37, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcd), 23.8],
  [{ as: 'float' }, bytes(1, 2), undefined],
  [{ as: 'intBE' }, bytes(1, 0), 256],
  [{ as: 'intLE' }, bytes(1, 0), 1],
  [{ as: 'intBE' }, bytes(255, 255, 255, 255, 255, 255, 255, 255), 2n ** 64n - 1n],
  [{ as: 'intBE' }, bytes(), undefined],
  [{ match: 'Version ([^, ]+)' }, text('IOS, Version 15.2(7)E, x'), '15.2(7)E'],
  [{ match: '\\d+' }, text('load 17%'), 17],
  [{ as: 'text', match: '\\d+' }, text('load 17%'), '17'],
  [{ as: 'number', match: 'b=(.*)' }, text('a=1 b=2.5 V'), 2.5],
  [{ match: 'x' }, text('abc'), null],
  [{ invalid: [-1, 'N/A'] }, int(-1), null],
  [{ invalid: [-1, 'N/A'] }, text('N/A'), null],
  [{ invalid: [-1] }, int(1), 1],
  [{ map: { '1': 'up', '*': 'other' } }, int(1), 'up'],
  [{ map: { '1': 'up', '*': 'other' } }, int(9), 'other'],
  [{ map: { '1': 10 } }, int(2), 2],
  [{ map: { on: 1 } }, text('on'), 1],
  [{ map: { '1': 'x' } }, text('__proto__'), '__proto__'],
  [{ map: { '1': 'x' } }, text('constructor'), 'constructor'],
]

t.test('decodings', async t => {
  for (const [steps, raw, expected] of TABLE) {
    const shown = raw.type === 'octets' ? Buffer.from(raw.value).toString('latin1') : raw.type
    t.same(compileDecoder(steps)(raw), expected, `${JSON.stringify(steps)} of ${shown}`)
  }
})

t.test('nothing that a device sends throws', async t => {
  const raws: RawValue[] = [
    none,
    int(0),
    c64(0),
    num(Number.POSITIVE_INFINITY),
    plainText(''),
    bytes(),
    bytes(0x9f),
    bytes(0x9f, 0x78, 4),
    opaqueFloat,
    { type: 'opaque', value: Uint8Array.of() },
    { type: 'oid', value: '' },
    { type: 'ip', value: 'x' },
  ]
  const ways = [
    'auto',
    'number',
    'int32',
    'uint32',
    'text',
    'hex',
    'mac',
    'ip',
    'oid',
    'ticks',
    'datetime',
    'bits',
    'float',
    'intBE',
    'intLE',
  ] as const
  for (const as of ways)
    for (const raw of raws) t.doesNotThrow(() => compileDecoder({ as })(raw), as)
})
