// The bytes of a poll: whatever goes in comes out, they are small, and garbage is refused.
import t from 'tap'
import {
  ABSENT,
  decodePoll,
  emptyPoll,
  encodePoll,
  GAP_LAST,
  mergePoll,
  NUMBER,
  type Poll,
  setCell,
  slotsMax,
  TEXT,
} from '../../server/store/codec.ts'
import { randomFrom, SEED } from './random.ts'

const cells = (poll: Poll) =>
  Array.from({ length: poll.size }, (_, slot) => [poll.kinds[slot], poll.values[slot]])

function roundTrip(poll: Poll): Poll {
  const back = emptyPoll()
  decodePoll(encodePoll(poll), back)
  return back
}

const HARD_NUMBERS = [
  0,
  -0,
  1,
  -1,
  63,
  64,
  -63,
  0.1,
  1 / 3,
  1e-5,
  1.5e-16,
  1e-300,
  5e-324,
  1.7976931348623157e308,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53 - 1),
  412_000_000.5,
  123_450_000_000,
  1e22,
  1e15,
  9.007199254740991e30,
  0.30000000000000004,
]

function randomNumber(random: () => number): number {
  const form = Math.floor(random() * 7)
  const sign = random() < 0.2 ? -1 : 1
  if (form === 0) return HARD_NUMBERS[Math.floor(random() * HARD_NUMBERS.length)] ?? 0
  if (form === 1) return sign * Math.floor(random() * 100)
  if (form === 2) return sign * Number((random() * 10 ** (random() * 15)).toPrecision(5))
  if (form === 3) return sign * Number((random() * 100).toFixed(Math.floor(random() * 4)))
  if (form === 4) return sign * random() * 10 ** (random() * 40 - 20)
  if (form === 5) return sign * Math.floor(random() * 2 ** 53)
  return 0
}

function randomPoll(random: () => number): Poll {
  const poll = emptyPoll()
  const size = Math.floor(random() * (random() < 0.1 ? slotsMax : 110))
  let kind = NUMBER
  let value = 0
  for (let slot = 0; slot < size; slot++) {
    if (random() < 0.7) {
      const form = random()
      kind = form < 0.6 ? NUMBER : form < 0.8 ? Math.floor(random() * (GAP_LAST + 1)) : TEXT
      if (kind === NUMBER) value = randomNumber(random)
      else value = kind === TEXT ? Math.floor((random() - 0.3) * 2e12) : 0
    }
    if (kind !== ABSENT) setCell(poll, slot, kind, value)
  }
  return poll
}

t.test('every number comes back as the same double', async t => {
  const poll = emptyPoll()
  HARD_NUMBERS.forEach((value, slot) => {
    setCell(poll, slot, NUMBER, value)
  })
  const back = roundTrip(poll)
  HARD_NUMBERS.forEach((value, slot) => {
    t.ok(Object.is(back.values[slot], value), `${value}`)
  })
})

t.test(`random polls come back as they were (seed ${SEED})`, async t => {
  const random = randomFrom(SEED)
  let wrong = 0
  for (let run = 0; run < 3000; run++) {
    const poll = randomPoll(random)
    const back = roundTrip(poll)
    const same = cells(poll).every(
      ([kind, value], slot) =>
        kind === (back.kinds[slot] ?? ABSENT) &&
        ((kind ?? ABSENT) < NUMBER || Object.is(value, back.values[slot])),
    )
    if (!same || back.size !== poll.size) wrong++
  }
  t.equal(wrong, 0)
})

t.test('the usual values are small, and a failed poll is tiny', async t => {
  const bytesOf = (value: number) => {
    const one = emptyPoll()
    setCell(one, 0, NUMBER, value)
    const two = emptyPoll()
    setCell(two, 0, NUMBER, value)
    setCell(two, 1, GAP_LAST)
    return encodePoll(two).length - 1 - 6
  }
  t.equal(bytesOf(0), 1)
  t.equal(bytesOf(7), 1)
  t.equal(bytesOf(-7), 2)
  t.equal(bytesOf(98.6), 3)
  t.equal(bytesOf(412_350_000), 4, 'a rate of five digits')
  t.equal(bytesOf(Math.PI), 9, 'a number without a short form')
  const failed = emptyPoll()
  for (let slot = 0; slot < 100; slot++) setCell(failed, slot, 1)
  t.equal(encodePoll(failed).length, 9)
})

t.test('decoding stops at the slots that are wanted, and reuses its target', async t => {
  const poll = emptyPoll(100)
  for (let slot = 0; slot < 100; slot++) setCell(poll, slot, NUMBER, slot * 1.5)
  const into = emptyPoll(100)
  decodePoll(encodePoll(poll), into)
  t.equal(into.size, 100)
  decodePoll(encodePoll(poll), into, 10)
  t.equal(into.size, 10)
  t.equal(into.values[9], 13.5)
  t.equal(into.kinds[10], ABSENT, 'what the poll before left is gone')
  t.throws(() => decodePoll(encodePoll(poll), emptyPoll(50)), RangeError, 'no room')
})

t.test('what cannot be stored is refused', async t => {
  const poll = emptyPoll(10)
  for (const [slot, kind, value] of [
    [10, NUMBER, 1],
    [-1, NUMBER, 1],
    [0, NUMBER, Number.NaN],
    [0, NUMBER, Number.POSITIVE_INFINITY],
    [0, TEXT, 1.5],
    [0, 34, 0],
  ] as const) {
    t.throws(() => setCell(poll, slot, kind, value), RangeError, `${slot} ${kind} ${value}`)
  }
})

t.test(`damaged bytes are refused, whatever they are (seed ${SEED})`, async t => {
  const random = randomFrom(SEED + 1)
  const into = emptyPoll()
  let accepted = 0
  let strange = 0
  const tryBytes = (bytes: Uint8Array) => {
    try {
      decodePoll(bytes, into)
      accepted++
    } catch (error) {
      if (!(error instanceof RangeError)) strange++
    }
  }
  for (let run = 0; run < 4000; run++) {
    const bytes = encodePoll(randomPoll(random))
    const hurt = bytes.slice()
    const at = Math.floor(random() * hurt.length)
    hurt[at] = (hurt[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    tryBytes(hurt)
    tryBytes(bytes.subarray(0, Math.floor(random() * bytes.length)))
    tryBytes(Uint8Array.from({ length: Math.floor(random() * 60) }, () => random() * 256))
  }
  t.equal(accepted, 0, 'the checksum finds every single flip, cut and random text')
  t.equal(strange, 0, 'no error of another kind')
})

t.test(`bytes with a right checksum and wrong content end too (seed ${SEED})`, async t => {
  const random = randomFrom(SEED + 2)
  const { crc32 } = await import('node:zlib')
  const into = emptyPoll()
  let strange = 0
  let tooLarge = 0
  for (let run = 0; run < 20_000; run++) {
    const bytes = new Uint8Array(6 + Math.floor(random() * 40))
    for (let i = 1; i < bytes.length - 4; i++) {
      bytes[i] = random() < 0.3 ? 0x22 : random() < 0.3 ? 0xff : random() * 256
    }
    bytes[0] = 1
    new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true)
    try {
      decodePoll(bytes, into)
    } catch (error) {
      if (!(error instanceof RangeError)) strange++
    }
    if (into.size > slotsMax) tooLarge++
  }
  t.equal(strange, 0)
  t.equal(tooLarge, 0)
})

t.test('merging does not depend on the order, but for two values of one slot', async t => {
  const a = emptyPoll(4)
  setCell(a, 0, NUMBER, 1)
  setCell(a, 1, 4)
  const b = emptyPoll(4)
  setCell(b, 0, NUMBER, 2)
  setCell(b, 1, NUMBER, 5)
  setCell(b, 3, 6)
  const ab = roundTrip(a)
  t.equal(mergePoll(ab, b), true)
  t.same(cells(ab), [
    [NUMBER, 1],
    [NUMBER, 5],
    [ABSENT, 0],
    [6, 0],
  ])
  t.equal(mergePoll(ab, b), false, 'a second time changes nothing')
  const ba = roundTrip(b)
  t.equal(mergePoll(ba, a), false, 'a gap does not replace a value')
  t.equal(ba.values[0], 2, 'the first value stays')
})
