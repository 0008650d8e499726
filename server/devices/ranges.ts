// Ranges of addresses as a person writes them: networks (RFC 4632), single addresses, and from-to.
// Pure; how many there may be is bounded before any of them is written down.

import { isIP } from 'node:net'
import { AppError, type FieldError } from '../model/errors.ts'

/** Addresses of one scan. */
export const addressesMax = 4096
const rangesMax = 64
const charsMax = 4000

/**
 * The addresses of all ranges, each once, in the order in which they are written. The first and the
 * last address of an IPv4 network are no device's and left out.
 * @param text ranges, apart by blanks, commas or lines: 192.0.2.0/24, 192.0.2.7, 192.0.2.7-20, fd00::/120
 * @throws AppError E_RANGE with an error for each range that cannot be read
 */
export function addressesOf(text: string): string[] {
  const words = text
    .slice(0, charsMax + 1)
    .split(/[\s,;]+/)
    .filter(Boolean)
  if (words.length === 0) throw rangeError([{ path: 'ranges', message: 'are missing' }])
  if (text.length > charsMax || words.length > rangesMax)
    throw rangeError([{ path: 'ranges', message: `are more than ${rangesMax}` }])
  const errors: FieldError[] = []
  const ranges: Range[] = []
  for (const word of words) {
    const range = rangeOf(word)
    if (range) ranges.push(range)
    else errors.push({ path: 'ranges', message: `have no range in "${word.slice(0, 60)}"` })
  }
  const count = ranges.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n)
  if (errors.length === 0 && count > BigInt(addressesMax)) {
    errors.push({ path: 'ranges', message: `hold ${count} addresses: at most ${addressesMax}` })
  }
  if (errors.length > 0) throw rangeError(errors)
  return [...new Set(ranges.flatMap(listed))]
}

function rangeError(errors: FieldError[]): AppError {
  const [first] = errors
  return new AppError('E_RANGE', `${first?.path} ${first?.message}`, {
    errors,
    hint: 'write ranges as 192.0.2.0/24, 192.0.2.7-20 or fd00::/120',
  })
}

interface Range {
  family: 4 | 6
  first: bigint
  last: bigint
}

function rangeOf(word: string): Range | null {
  const network = /^([^/]+)\/(\d{1,3})$/.exec(word)
  if (network) return networkOf(network[1] ?? '', Number(network[2]))
  const [from = '', to, ...others] = word.split('-')
  if (others.length > 0) return null
  const first = numberOf(from)
  if (!first) return null
  if (to === undefined) return { family: first.family, first: first.number, last: first.number }
  // 192.0.2.7-20: the last part alone.
  const last = numberOf(first.family === 4 && /^\d{1,3}$/.test(to) ? from.replace(/\d+$/, to) : to)
  if (!last || last.family !== first.family || last.number < first.number) return null
  return { family: first.family, first: first.number, last: last.number }
}

function networkOf(address: string, prefix: number): Range | null {
  const at = numberOf(address)
  const bits = at?.family === 4 ? 32 : 128
  if (!at || prefix > bits) return null
  const size = 1n << BigInt(bits - prefix)
  const first = at.number - (at.number % size)
  const last = first + size - 1n
  const hasEnds = at.family === 4 && prefix < 31
  return {
    family: at.family,
    first: hasEnds ? first + 1n : first,
    last: hasEnds ? last - 1n : last,
  }
}

function numberOf(text: string): { family: 4 | 6; number: bigint } | null {
  const family = isIP(text)
  if (family === 4) {
    return { family, number: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) }
  }
  if (family !== 6 || text.includes('%') || text.includes('.')) return null
  const [head = '', tail] = text.split('::')
  const before = head.split(':').filter(Boolean)
  const after = (tail ?? '').split(':').filter(Boolean)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  const parts = tail === undefined ? before : [...before, ...zeros, ...after]
  return { family, number: parts.reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n) }
}

function listed({ family, first, last }: Range): string[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, i) => {
    const number = first + BigInt(i)
    return family === 4 ? dotted(number) : coloned(number)
  })
}

function dotted(number: bigint): string {
  return [24n, 16n, 8n, 0n].map(shift => (number >> shift) & 255n).join('.')
}

/** The short form (RFC 5952) is the URL parser's. */
function coloned(number: bigint): string {
  const parts = Array.from({ length: 8 }, (_, i) =>
    ((number >> BigInt(16 * (7 - i))) & 65_535n).toString(16),
  )
  return new URL(`http://[${parts.join(':')}]/`).hostname.slice(1, -1)
}
