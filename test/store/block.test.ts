// The bytes of a block: what goes in comes out (numbers at five digits), it is small, garbage is refused.
import { crc32 } from 'node:zlib'
import t from 'tap'
import { decodeBlock, encodeBlock } from '../../server/store/block.ts'
import { ABSENT, GAP_LAST, NUMBER, slotsMax, TEXT } from '../../server/store/codec.ts'
import { blankColumns, type Column, type Columns } from '../../server/store/columns.ts'
import { tidy } from '../../server/store/tidy.ts'
import { randomFrom, SEED } from './random.ts'

const T0 = 1_767_225_600_000

function columnsOf(lists: readonly (readonly number[])[], every = 60_000): Columns {
  const count = lists[0]?.length ?? 0
  const times = Float64Array.from({ length: count }, (_, index) => T0 + index * every)
  const columns = blankColumns(times, lists.length)
  lists.forEach((list, slot) => {
    columns.slots[slot]?.kinds.fill(NUMBER)
    columns.slots[slot]?.values.set(list)
  })
  return columns
}

const series = (count: number, make: (index: number) => number) =>
  Array.from({ length: count }, (_, index) => make(index))

function back(list: readonly number[]): number[] {
  const columns = decodeBlock(encodeBlock(columnsOf([list]), T0), T0)
  return [...(columns.slots[0]?.values ?? [])]
}

t.test('what is kept of a number', async t => {
  for (const value of [0, 1, -1, 2 ** 53 - 1, -(2 ** 53 - 1), 123_456.789, 0.1, 1.5e-16, 1e-5]) {
    t.equal(tidy(value), value, 'kept exactly')
  }
  t.ok(Object.is(tidy(-0), 0))
  t.equal(tidy(123_456.70000000001), 123_456.7, 'what doubles left behind goes')
  t.equal(tidy(0.30000000000000004), 0.3)
  t.equal(tidy(200 / 3), 66.667)
  t.equal(tidy(-1 / 3), -0.33333)
  t.equal(tidy(Math.PI * 1e30), 3.1416e30)
  t.equal(tidy(Math.PI * 1e-30), 3.1416e-30)
  t.equal(tidy(5e-324), 5e-324)
  t.equal(tidy(Number.MAX_VALUE), Number.MAX_VALUE)
})

t.test(`rounding gives what toPrecision gives (seed ${SEED})`, async t => {
  const random = randomFrom(SEED + 7)
  const wrong = []
  for (let run = 0; run < 20_000; run++) {
    const value = (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20)
    if (Number.isSafeInteger(value)) continue
    const kept = tidy(value)
    if (Math.abs(kept - value) > Math.abs(value) * 0.50001e-4) wrong.push([value, kept])
    if (tidy(kept) !== kept) wrong.push([value, kept, 'again'])
  }
  t.same(wrong, [])
})

t.test('columns of every form come back', async t => {
  const random = randomFrom(SEED)
  const forms = {
    constant: series(240, () => 42.5),
    'mostly 0': series(240, index => (index % 97 === 0 ? 3 : 0)),
    states: series(240, index => (index > 100 && index < 130 ? 2 : 1)),
    'a counter of 64 bits': series(240, index => 2 ** 53 - 1 - 240_000 + index * 1000),
    'both ends of what is whole': series(240, index => (index % 2 ? 1 : -1) * (2 ** 53 - 1)),
    rates: series(240, () => Number((random() * 10 ** Math.floor(random() * 12)).toPrecision(5))),
    'rates that rest': series(240, index => (index % 50 < 20 ? 0 : 412_350_000 + index * 10_000)),
    temperatures: series(240, index => 21.5 + Math.round(10 * Math.sin(index)) / 10),
    negative: series(240, index => -71.25 - index / 4),
    'tiny and huge': series(240, index => Number((10 ** (index - 120)).toPrecision(5))),
    one: [7],
    two: [7, 9],
    'a line': series(240, index => 100 * index),
  }
  for (const [name, list] of Object.entries(forms)) t.same(back(list), list, name)
  const values = series(240, () => (random() - 0.5) * 1e9)
  t.same(back(values), values.map(tidy), 'quotients at five digits')
})

type Random = () => number

/** Numbers of one kind of series, one after another. */
const NUMBERS: readonly ((random: Random) => () => number)[] = [
  random => {
    const value = Math.floor(random() * 1000)
    return () => value
  },
  random => () => Math.floor((random() - 0.5) * 2 ** 53),
  random => {
    let value = 500
    return () => {
      value += Math.floor(random() * 10) - 5
      return value
    }
  },
  random => () => random() * 10 ** Math.floor(random() * 20 - 10),
  random => () => (random() < 0.05 ? random() * 1e300 : 0),
  random => () => Number((1e6 * (1 + random())).toPrecision(5)),
]

function randomColumns(random: Random, slotsUpTo = 12): Columns {
  const count = Math.floor(random() * (random() < 0.1 ? 2000 : 300))
  let at = T0
  const times = Float64Array.from({ length: count }, () => {
    at += 1 + Math.floor(random() * (random() < 0.1 ? 1e7 : 60_000))
    return at
  })
  const columns = blankColumns(times, Math.floor(random() * slotsUpTo))
  columns.texts = ['', 'a', 'tëxt', 'x'.repeat(500), '😀']
  columns.slots = columns.slots.map(column => {
    if (column && random() < 0.9) fillColumn(column, random)
    return random() < 0.1 ? undefined : column
  })
  return columns
}

function fillColumn({ kinds, values }: Column, random: Random): void {
  const next = NUMBERS[Math.floor(random() * NUMBERS.length)]?.(random) ?? (() => 0)
  let kind = NUMBER
  for (let index = 0; index < kinds.length; index++) {
    const which = random()
    if (which < 0.07) kind = NUMBER
    else if (which < 0.09) kind = Math.floor(random() * (GAP_LAST + 1))
    else if (which < 0.1) kind = TEXT
    kinds[index] = kind
    if (kind === NUMBER) values[index] = next()
    if (kind === TEXT) values[index] = Math.floor(random() * 5)
  }
}

function differs(a: Columns, b: Columns): string | null {
  if (a.times.length !== b.times.length || a.times.some((at, i) => at !== b.times[i]))
    return 'times'
  if (a.texts.some((text, index) => text !== b.texts[index])) return 'texts'
  for (const [slot, column] of a.slots.entries()) {
    const other = b.slots[slot]
    for (let i = 0; i < a.times.length; i++) {
      const kind = column?.kinds[i] ?? ABSENT
      if (kind !== (other?.kinds[i] ?? ABSENT)) return `kind ${slot} ${i}`
      const value = column?.values[i] ?? 0
      if (kind === NUMBER && tidy(value) !== other?.values[i]) return `${value} ${other?.values[i]}`
      if (kind === TEXT && value !== other?.values[i]) return `text ${slot} ${i}`
    }
  }
  return null
}

/** Whether of a column what was wanted was read. */
function isPart(
  column: Column | undefined,
  found: Column | undefined,
  what: 'values' | 'kinds' | undefined,
): boolean {
  if (what === undefined) return found === undefined
  return what === 'kinds'
    ? JSON.stringify(found?.kinds) === JSON.stringify(column?.kinds)
    : JSON.stringify(found) === JSON.stringify(column)
}

t.test(`random columns come back, all or some of them (seed ${SEED})`, async t => {
  const random = randomFrom(SEED + 1)
  const wrong: unknown[] = []
  for (let run = 0; run < 400; run++) {
    const columns = randomColumns(random, run % 50 === 0 ? slotsMax : 12)
    const bytes = encodeBlock(columns, T0)
    const whole = decodeBlock(bytes, T0)
    const difference = differs(columns, whole)
    if (difference) wrong.push([run, difference])
    const wanted = new Map<number, 'values' | 'kinds'>([
      [1, 'values'],
      [3, 'values'],
      [5, 'kinds'],
    ])
    const some = decodeBlock(bytes, T0, wanted)
    for (const [slot, column] of whole.slots.entries()) {
      const same = isPart(column, some.slots[slot], wanted.get(slot))
      if (!same) wrong.push([run, slot])
    }
    if (encodeBlock(whole, T0).length !== bytes.length) wrong.push([run, 'a second time'])
  }
  t.same(wrong, [])
})

t.test('the usual columns are small', async t => {
  const random = randomFrom(SEED + 2)
  const size = (list: readonly number[]) => {
    const one = encodeBlock(columnsOf([list]), T0).length
    const many = encodeBlock(columnsOf([list, ...series(9, () => 0).map(() => list)]), T0).length
    return (many - one) / 9 / list.length
  }
  t.ok(size(series(240, () => 0)) < 0.1, 'nothing but 0')
  t.ok(size(series(240, index => (index === 100 ? 2 : 1))) < 0.15, 'a state')
  const rates = series(240, () => Number((4e8 * (1 + random() / 10)).toPrecision(5)))
  t.ok(size(rates) < 2, 'a rate of five digits that moves by a tenth')
  t.ok(size(series(240, () => Math.round(400 + random() * 40) / 10)) < 1.1, 'a percentage')
  // Next to a power of ten five digits fit one exponent only: the number before says another.
  const edge = [99_999, 100_010, 9_999_900, 999_990, 9_999_900, 100_010, 99_998]
  const crossing = series(240, index => edge[index % edge.length] ?? 0)
  t.ok(size(crossing) < 2.5, 'a rate that crosses powers of ten')
  t.same(back(crossing), crossing)
})

t.test(`damaged bytes are refused, whatever they are (seed ${SEED})`, async t => {
  const random = randomFrom(SEED + 3)
  let accepted = 0
  let strange = 0
  const tryBytes = (bytes: Uint8Array) => {
    try {
      decodeBlock(bytes, T0)
      accepted++
    } catch (error) {
      if (!(error instanceof RangeError)) strange++
    }
  }
  for (let run = 0; run < 800; run++) {
    const bytes = encodeBlock(randomColumns(random), T0)
    const hurt = bytes.slice()
    const at = Math.floor(random() * hurt.length)
    hurt[at] = (hurt[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    tryBytes(hurt)
    tryBytes(bytes.subarray(0, Math.floor(random() * bytes.length)))
    tryBytes(Uint8Array.from({ length: Math.floor(random() * 80) }, () => random() * 256))
  }
  t.equal(accepted, 0)
  t.equal(strange, 0, 'no error of another kind')
})

t.test(`bytes with a right checksum and wrong content end too (seed ${SEED})`, async t => {
  const random = randomFrom(SEED + 4)
  let strange: unknown = null
  for (let run = 0; run < 1500; run++) {
    const bytes = encodeBlock(randomColumns(random), T0)
    for (let hurt = 0; hurt < 3; hurt++) {
      bytes[10 + Math.floor(random() * (bytes.length - 10))] =
        random() < 0.4 ? 0xff : random() * 256
    }
    if (random() < 0.3) bytes[1] = Math.floor(random() * 3)
    const view = new DataView(bytes.buffer)
    view.setUint32(6, crc32(bytes.subarray(10), crc32(bytes.subarray(0, 6))), true)
    try {
      decodeBlock(bytes, T0)
    } catch (error) {
      if (!(error instanceof RangeError)) strange = error
    }
  }
  t.equal(strange, null)
})

t.test('what is too large is refused', async t => {
  t.throws(() => encodeBlock(columnsOf([series(65_536, () => 0)], 1), T0), RangeError)
  t.throws(() => encodeBlock(columnsOf(series(1025, () => 1).map(one => [one])), T0), RangeError)
})
