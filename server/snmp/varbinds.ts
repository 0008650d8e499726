// A step through the variable bindings of an answer without an object for each: where its name and
// its value lie, and whether the name is below a column.

import { BerReader, compareEncoded, TAG } from './ber.ts'

/** `30 length 06 length` with both lengths below 128, as one word. */
const headMask = 0xff80ff80 | 0
const headWord = 0x30000600
const general = new BerReader()

export class VarBindReader {
  bytes: Uint8Array = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  at = 0
  end = 0
  /** Of the variable binding last stepped over. */
  nameAt = 0
  nameEnd = 0
  tag = 0
  valueAt = 0
  valueEnd = 0

  reset(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.end = end
  }

  /** False: malformed. */
  next(): boolean {
    const { view, at, end } = this
    if (at + 6 > end) return false
    const head = view.getInt32(at)
    if ((head & headMask) !== headWord) return this.#nextLong()
    const nameEnd = at + 4 + (head & 0x7f)
    const stop = at + 2 + ((head >>> 16) & 0x7f)
    if (stop > end || nameEnd + 2 > stop) return false
    const length = view.getUint8(nameEnd + 1)
    if (length !== stop - nameEnd - 2 || length > 0x7f) return this.#nextLong()
    this.nameAt = at + 4
    this.nameEnd = nameEnd
    this.tag = view.getUint8(nameEnd)
    this.valueAt = nameEnd + 2
    this.valueEnd = stop
    this.at = stop
    return true
  }

  /** Any definite length. */
  #nextLong(): boolean {
    general.reset(this.bytes, this.at, this.end)
    if (!general.nextIs(TAG.sequence)) return false
    const stop = general.at
    general.enter()
    if (!general.nextIs(TAG.oid)) return false
    this.nameAt = general.valueAt
    this.nameEnd = general.valueEnd
    if (!general.next() || !general.atEnd()) return false
    this.tag = general.tag
    this.valueAt = general.valueAt
    this.valueEnd = general.valueEnd
    this.at = stop
    return true
  }

  /** Whether the name comes after this one and all that is below it; it is not below it itself. */
  isAfter({ octets }: NamePrefix): boolean {
    return compareEncoded(this.bytes, this.nameAt, this.nameEnd, octets) > 0
  }

  /** Whether the name is this one with something behind it. */
  isBelow(name: NamePrefix): boolean {
    const { view, nameAt } = this
    const { length, words, mask } = name
    if (this.nameEnd - nameAt <= length) return false
    const whole = words.length - 1
    let at = nameAt
    for (let i = 0; i < whole; i++) {
      if (view.getInt32(at) !== words[i]) return false
      at += 4
    }
    // Of the last word some octets are the index and the value's head: at least three follow a name.
    return mask === 0 || (view.getInt32(at) & mask) === words[whole]
  }
}

/** The octets of a column's OID in words of 32 bits, to be compared four at a time. */
export interface NamePrefix {
  readonly length: number
  readonly octets: Uint8Array
  /** The last one holds what is left, its other octets are 0. */
  readonly words: Int32Array
  /** Which bits of the last word count. */
  readonly mask: number
}

export function namePrefix(name: Uint8Array): NamePrefix {
  const rest = name.length % 4
  const padded = new Uint8Array(name.length - rest + 4)
  padded.set(name)
  const view = new DataView(padded.buffer)
  const words = Int32Array.from({ length: padded.length / 4 }, (_, i) => view.getInt32(i * 4))
  return { length: name.length, octets: name, words, mask: rest === 0 ? 0 : -1 << (32 - rest * 8) }
}
