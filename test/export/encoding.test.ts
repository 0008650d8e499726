// Goal: Snappy's blocks read back as they were; a line holds one point whatever a device says of itself.

import t from 'tap'
import { linesOf } from '../../server/export/line-protocol.ts'
import { snappy } from '../../server/export/snappy.ts'
import { METRIC } from './receiver.ts'

/** A decoder by the format's description, for the elements that a block may have. */
function unsnappy(block: Uint8Array): Buffer {
  let at = 0
  const little = (bytes: number) => {
    let value = 0
    for (let i = 0; i < bytes; i++) value += (block[at++] ?? 0) * 256 ** i
    return value
  }
  const length = (): number => {
    const byte = block[at++] ?? 0
    return byte < 128 ? byte : (byte & 127) + 128 * length()
  }
  const wanted = length()
  const out: number[] = []
  while (at < block.length) {
    const tag = block[at++] ?? 0
    const size = tag >> 2
    if ((tag & 3) === 2) copyBack(out, little(2), size + 1)
    else if ((tag & 3) === 0) {
      const bytes = (size < 60 ? size : little(size - 59)) + 1
      for (const byte of block.subarray(at, at + bytes)) out.push(byte)
      at += bytes
    } else throw new Error(`element ${tag & 3}`)
  }
  if (out.length !== wanted) throw new Error(`${out.length} bytes, not ${wanted}`)
  return Buffer.from(out)
}

function copyBack(out: number[], offset: number, length: number): void {
  if (offset === 0 || offset > out.length) throw new Error(`offset ${offset}`)
  for (let i = 0; i < length; i++) out.push(out[out.length - offset] ?? 0)
}

/** Numbers that are the same at each run. */
function noise(bytes: number, kinds: number): Buffer {
  let state = 1
  return Buffer.from(
    Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 16) % kinds
    }),
  )
}

t.test('snappy', async t => {
  const texts = [
    ...[0, 1, 3, 4, 5, 59, 60, 61, 64, 65, 255, 256, 257].flatMap(length => [
      Buffer.alloc(length, 'a'),
      noise(length, 256),
      noise(length, 2),
    ]),
    ...[noise(70_000, 256), noise(140_000, 3), Buffer.alloc(200_000, 'abcdefgh')],
    // What was seen too far back for an element's offset.
    Buffer.concat([Buffer.from('pollux'), Buffer.alloc(66_000), Buffer.from('pollux')]),
  ]
  for (const text of texts) {
    const block = snappy(text)
    t.ok(unsnappy(block).equals(text), `${text.length} bytes in ${block.length}`)
  }
  t.ok(snappy(Buffer.alloc(200_000, 'pollux')).length < 12_000)
  // A part of a larger buffer, as Buffer.from gives it.
  t.ok(
    unsnappy(snappy(Buffer.from('xxabcabcabcabc').subarray(2))).equals(Buffer.from('abcabcabcabc')),
  )
})

t.test('lines', async t => {
  const line = (labels: [string, string][], value: number | string = 1) =>
    linesOf([{ group: 'g', at: 5, labels, values: [{ metric: METRIC, value }] }])
  t.equal(line([['device', 'a']]), 'pollux_g,device=a m=1 5\n')
  t.equal(line([['row', 'a, b=c']]), 'pollux_g,row=a\\,\\ b\\=c m=1 5\n')
  t.equal(line([['row', 'C:\\']]), 'pollux_g,row=C: m=1 5\n', 'it would escape what follows')
  t.equal(line([['row', '']]), 'pollux_g m=1 5\n')
  t.equal(line([['row', '\\']]), 'pollux_g m=1 5\n')
  t.equal(line([['row', 'a\nb,c=d e=1 2']]).split('\n').length, 2)
  t.equal(line([], 'a "b" \\\n\u0000'), 'pollux_g m="a \\"b\\" \\\\  " 5\n')
  t.equal(line([['row', `\ud800${'x'.repeat(5000)}`]]).length, 'pollux_g,row= m=1 5\n'.length + 200)
  t.equal(linesOf([{ group: 'g', at: 5, labels: [], values: [] }]), '')
})
