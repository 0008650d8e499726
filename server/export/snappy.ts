// Snappy's block format (google/snappy, format_description.txt), compression alone: Prometheus' remote
// write asks for it. Greedy, by a table of where four bytes were seen last.

const tableBits = 14
/** Of a copy element with two bytes of offset. */
const offsetMax = 65_535
const copyMax = 64
const literalMax = 65_536

/** @param input at most 2^31 bytes */
export function snappy(input: Uint8Array): Uint8Array {
  const source = Buffer.from(input.buffer, input.byteOffset, input.length)
  const output = Buffer.allocUnsafe(32 + input.length + Math.ceil(input.length / 6))
  /** Position + 1; 0: not seen. */
  const seen = new Int32Array(1 << tableBits)
  let end = writeLength(output, input.length)
  let literal = 0
  let at = 0
  while (at + 4 <= input.length) {
    const four = source.readUInt32LE(at)
    const slot = Math.imul(four, 0x1e35a7bd) >>> (32 - tableBits)
    const candidate = (seen[slot] ?? 0) - 1
    seen[slot] = at + 1
    const isMatch =
      candidate >= 0 && at - candidate <= offsetMax && source.readUInt32LE(candidate) === four
    if (!isMatch) {
      // What does not compress is looked at in wider and wider steps.
      at += 1 + ((at - literal) >> 5)
      continue
    }
    end = writeLiteral(output, end, source.subarray(literal, at))
    const length = matchLength(source, candidate, at)
    end = writeCopy(output, end, at - candidate, length)
    at += length
    literal = at
  }
  return output.subarray(0, writeLiteral(output, end, source.subarray(literal)))
}

function matchLength(source: Buffer, candidate: number, at: number): number {
  let length = 4
  while (at + length < source.length && source[candidate + length] === source[at + length]) length++
  return length
}

function writeLength(output: Buffer, length: number): number {
  let end = 0
  let rest = length
  for (; rest > 127; rest >>>= 7) output[end++] = (rest & 127) | 128
  output[end++] = rest
  return end
}

function writeLiteral(output: Buffer, from: number, bytes: Buffer): number {
  let end = from
  for (let at = 0; at < bytes.length; at += literalMax) {
    const part = bytes.subarray(at, at + literalMax)
    const last = part.length - 1
    if (last < 60) output[end++] = last << 2
    else if (last < 256) {
      output[end++] = 60 << 2
      output[end++] = last
    } else {
      output[end++] = 61 << 2
      end = output.writeUInt16LE(last, end)
    }
    end += part.copy(output, end)
  }
  return end
}

function writeCopy(output: Buffer, from: number, offset: number, length: number): number {
  let end = from
  for (let rest = length; rest > 0; rest -= copyMax) {
    output[end++] = ((Math.min(rest, copyMax) - 1) << 2) | 2
    end = output.writeUInt16LE(offset, end)
  }
  return end
}
