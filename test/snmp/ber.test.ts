// Goal: what we write is what others read, what others write is what we read, and no octets whatever
// can make reading throw, loop or step out of its bounds.
import { createRequire } from 'node:module'
import t from 'tap'
import {
  BerReader,
  compareEncoded,
  encodeIndex,
  encodeOid,
  integerTlv,
  readInteger,
  readOid,
  readSubIds,
  TAG,
  tlv,
} from '../../server/snmp/ber.ts'
import {
  encodePdu,
  messageId,
  type PduHead,
  readPduHead,
  readVarBinds,
  setRequestId,
  wrapPdu,
} from '../../server/snmp/message.ts'
import { compareOids } from '../../server/snmp/oid.ts'
import { decodeValue } from '../../server/snmp/value.ts'
import { counter64, integer, octets, oidValue, tlv as testTlv } from '../parts/hostile-agent.ts'

/** Debian's and npm's clients are other tests' oracles; this is the BER library under net-snmp. */
const { Ber, BerReader: Oracle } = createRequire(import.meta.resolve('net-snmp'))('asn1-ber')

const OIDS = [
  '0.0',
  '1.3.6.1.2.1.1.3.0',
  '1.39.127.128.16383.16384.2097151.2097152.268435455.268435456.4294967295',
  '2.39.1',
]

t.test('object identifiers', async t => {
  for (const oid of OIDS) {
    const value = encodeOid(oid)
    t.equal(readOid(value, 0, value.length), oid)
    t.equal(new Oracle(Buffer.from(tlv(TAG.oid, value))).readOID(), oid, 'as others read it')
  }
  for (const oid of ['2.40', '2.100.3', '2.4294967000']) {
    const value = encodeOid(oid)
    t.equal(readOid(value, 0, value.length), oid, 'under 2 the second is not bounded by 39')
  }
  t.same([...encodeOid('2.100.3')], [0x81, 0x34, 3], 'the example of X.690, 8.19.5')
  const index = encodeIndex('4.192.0.2.1')
  t.equal(readSubIds(index, 0, index.length), '4.192.0.2.1')
  const broken: Record<string, number[]> = {
    empty: [],
    unfinished: [0x2b, 0x86],
    'beyond 32 bits': [0x2b, 0x90, 0x80, 0x80, 0x80, 0],
    'six octets': [0x2b, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    'too many': Array(200).fill(1),
  }
  for (const [what, value] of Object.entries(broken)) {
    t.equal(readOid(Uint8Array.from(value), 0, value.length), null, what)
  }
})

t.test('encoded object identifiers have the order of their texts', async t => {
  const parts = [0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 4294967295]
  const texts = parts.flatMap(a => [`1.3.${a}`, ...parts.map(b => `1.3.${a}.${b}`)])
  const encoded = texts.map(encodeOid)
  const wrong = texts.flatMap((text, i) =>
    texts.filter((other, j) => {
      const one = encoded[i] ?? Buffer.alloc(0)
      const found = compareEncoded(one, 0, one.length, encoded[j] ?? Buffer.alloc(0))
      return Math.sign(found) !== Math.sign(compareOids(text, other))
    }),
  )
  t.same(wrong, [])
})

t.test('integers', async t => {
  for (const power of [0, 7, 8, 15, 16, 23, 24, 31]) {
    for (const near of [-1, 0, 1]) {
      for (const sign of [-1, 1]) {
        const value = sign * (2 ** power + near)
        if (value > 2 ** 31 - 1 || value < -(2 ** 31)) continue
        const bytes = integerTlv(value)
        t.equal(readInteger(bytes, 2, bytes.length), value)
        t.equal(new Oracle(Buffer.from(bytes)).readInt(Ber.Integer), value)
      }
    }
  }
  t.ok(Number.isNaN(readInteger(Uint8Array.of(1), 0, 0)), 'none')
  t.ok(Number.isNaN(readInteger(new Uint8Array(6), 0, 6)), 'too long')
})

t.test('values that agents send in their own way', async t => {
  const cases: [string, Buffer, unknown][] = [
    ['no leading zero', testTlv(0x41, [0xff, 0xff, 0xff, 0xfe]), 4_294_967_294],
    ['with its leading zero', testTlv(0x41, [0, 0xff, 0xff, 0xff, 0xfe]), 4_294_967_294],
    ['a sign and 32 bits', testTlv(0x42, [0xff, 0x80, 0, 0, 0]), 2_147_483_648],
    ['minus one', testTlv(0x42, [0xff]), 4_294_967_295],
    ['more zeros than needed', testTlv(0x43, [0, 0, 0, 0, 5]), 5],
    ['33 bits', testTlv(0x41, [1, 0, 0, 0, 0]), null],
    ['six octets', testTlv(0x41, [0, 0, 0, 0, 0, 1]), null],
    ['INTEGER with more zeros', testTlv(0x02, [0, 0, 0, 0, 5]), 5],
    ['INTEGER of unsigned 32 bits', testTlv(0x02, [0, 0xff, 0xff, 0xff, 0xff]), null],
    [
      'Counter64 with its highest bit',
      counter64(255, 0, 0, 0, 0, 0, 0, 1),
      2n ** 64n - 2n ** 56n + 1n,
    ],
    ['Counter64 of nine, signed', counter64(255, 0, 0, 0, 0, 0, 0, 0, 1), null],
    ['endOfMibView with a value', testTlv(0x82, [1]), null],
    ['a float that is none', testTlv(0x44, [0x9f, 0x78, 4, 0x7f, 0xc0, 0, 0]), undefined],
  ]
  for (const [what, bytes, expected] of cases) {
    const decoded = decodeValue(bytes, bytes[0] ?? 0, 2, bytes.length)
    const value =
      decoded && 'value' in decoded ? decoded.value : decoded === null ? null : undefined
    t.equal(value, expected, what)
  }
})

t.test('requests', async t => {
  for (const count of [1, 10, 60]) {
    const oids = Array.from({ length: count }, (_, i) => `1.3.6.1.2.1.2.2.1.${i + 1}`)
    const pdu = encodePdu('bulk', oids.map(encodeOid), { nonRepeaters: 0, repetitions: 300 })
    for (const id of [0x4000_0000, 0x7fff_ffff]) {
      setRequestId(pdu, id)
      const message = wrapPdu(1, Buffer.from('c'.repeat(count * 3)), pdu)
      t.equal(messageId(message), id)
      const oracle = new Oracle(Buffer.from(pdu))
      t.equal(oracle.readSequence(0xa5), 0xa5)
      t.same([oracle.readInt(), oracle.readInt(), oracle.readInt()], [id, 0, 300])
      oracle.readSequence()
      const read: string[] = []
      while (oracle.remain > 0) {
        oracle.readSequence()
        read.push(oracle.readOID())
        oracle.readByte()
        oracle.readByte()
      }
      t.same(read, oids)
    }
  }
})

t.test('whatever the octets are, reading ends', async t => {
  const head: PduHead = { type: 0, id: 0, status: 0, index: 0, listAt: 0, listEnd: 0 }
  const varbind = testTlv(0x30, Buffer.concat([oidValue('1.3.6.1.2.1.1.5.0'), octets('sw1')]))
  const list = testTlv(0x30, Buffer.concat([varbind, varbind]))
  const sound = testTlv(0xa2, Buffer.concat([integer(7), integer(0), integer(0), list]))
  t.ok(readPduHead(sound, 0, sound.length, head))
  t.equal(readVarBinds(sound, head.listAt, head.listEnd)?.varbinds.length, 2)
  let seed = 1
  const random = (max: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 2 ** 32) * max)
  }
  let refused = 0
  for (let round = 0; round < 100_000; round++) {
    const bent = Buffer.from(sound)
    for (let n = random(4); n >= 0; n--) bent[random(bent.length)] = random(256)
    const end = random(8) === 0 ? random(bent.length) : bent.length
    messageId(bent)
    const read = readPduHead(bent, 0, end, head) && readVarBinds(bent, head.listAt, head.listEnd)
    if (!read) refused++
  }
  t.ok(refused > 10_000 && refused < 100_000, `${refused} refused`)
  const reader = new BerReader().reset(Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0), 0, 7)
  t.notOk(reader.next(), 'a length beyond the end')
  t.notOk(reader.reset(Uint8Array.of(0x30, 0x80, 0, 0), 0, 4).next(), 'an indefinite length')
  t.notOk(
    reader.reset(Uint8Array.of(0x30, 0x85, 0, 0, 0, 0, 0), 0, 7).next(),
    'a length of lengths',
  )
})
