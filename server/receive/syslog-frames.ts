// Lines out of a TCP stream: by counted octets or by line ends (RFC 6587, section 3.4), told for each
// frame by its first octet. A line has a bound; what is above is left out and counted. Pure.

/** RFC 5424, section 6.1 asks for 2048 octets at least. */
export const lineBytesMax = 8192
/** A count says how long its frame is; above, it is none, and the stream cannot be trusted. */
const countedBytesMax = 16 * 2 ** 20
const LF = 10
const CR = 13
const SPACE = 32

export interface Frames {
  /** False: the stream is no syslog, and is to be closed. */
  push(chunk: Uint8Array): boolean
  /** The stream ended: what was begun is a line too. */
  end(): void
}

/** @param onLine `cut`: octets that were left out at its end; `line` is valid during the call */
export function createFrames(onLine: (line: Uint8Array, cut: number) => void): Frames {
  const kept = new Uint8Array(lineBytesMax)
  let length = 0
  let cut = 0
  /** Octets that the counted frame still has; null: a line end ends it; -1: not known yet. */
  let left: number | null = -1
  let count = 0
  let digits = 0

  const take = (chunk: Uint8Array, from: number, to: number) => {
    const room = Math.min(to - from, lineBytesMax - length)
    kept.set(chunk.subarray(from, from + room), length)
    length += room
    cut += to - from - room
  }
  const flush = () => {
    if (length > 0 || cut > 0) onLine(kept.subarray(0, length), cut)
    length = 0
    cut = 0
    count = 0
    digits = 0
    left = -1
  }
  /** What looked like a count was the beginning of a line. */
  const isLineAfterAll = () => {
    const text = Buffer.from(String(count))
    left = null
    if (digits > 0) take(text, 0, text.length)
  }

  /** Each takes octets from `at` on, and gives where it stopped. */
  const begin = (octet: number, at: number): number => {
    const digit = octet - 48
    if (digit >= (digits === 0 ? 1 : 0) && digit <= 9) {
      count = count * 10 + digit
      digits++
      return at + 1
    }
    if (digits > 0 && octet === SPACE) {
      left = count
      return at + 1
    }
    if (digits === 0 && (octet === LF || octet === CR || octet === 0)) return at + 1
    isLineAfterAll()
    return at
  }
  const toLineEnd = (chunk: Uint8Array, at: number): number => {
    const found = chunk.indexOf(LF, at)
    take(chunk, at, found < 0 ? chunk.length : found)
    if (found < 0) return chunk.length
    flush()
    return found + 1
  }
  const counted = (chunk: Uint8Array, at: number, octets: number): number => {
    const end = Math.min(chunk.length, at + octets)
    take(chunk, at, end)
    left = octets - (end - at)
    if (left === 0) flush()
    return end
  }

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length && count <= countedBytesMax; ) {
        if (left === -1) at = begin(chunk[at] ?? 0, at)
        else if (left === null) at = toLineEnd(chunk, at)
        else at = counted(chunk, at, left)
      }
      return count <= countedBytesMax
    },
    end() {
      if (left === -1 && digits > 0) isLineAfterAll()
      flush()
    },
  }
}
