// Lines of a stream that may be hostile: each bounded, and so many bytes and lines a minute in all.

import { AppError } from '../model/errors.ts'

/** Bytes of one line: an event holds all labels of a container. */
export const lineBytesMax = 256 * 1024
/** Bytes of a stream within a minute: 500 containers that come and go send about 2 MB. */
export const streamBytesPerMinuteMax = 32 * 1024 * 1024
/** A hundred times as many as those 500 containers send: many short lines cost more than long ones. */
export const streamLinesPerMinuteMax = 200_000
const minuteMs = 60_000
const NEWLINE = 10

export interface LineCounters {
  /** Lines that were too long, or cut off by the end of the stream. */
  dropped: number
}

/**
 * Whole lines, without their ends and without empty ones. What follows the last newline is half a
 * line and is dropped.
 * @throws AppError E_DOCKER_TOO_BIG where the stream floods; whatever `chunks` throws
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  counters: LineCounters,
): AsyncGenerator<string> {
  let pieces: Buffer[] = []
  let length = 0
  const flood = createFloodGuard()

  const keep = (piece: Buffer) => {
    length += piece.length
    if (length <= lineBytesMax) pieces.push(piece)
    else pieces = []
  }
  const finish = (): string => {
    const isTooLong = length > lineBytesMax
    if (isTooLong) counters.dropped++
    const line = isTooLong ? '' : Buffer.concat(pieces).toString('utf8').trim()
    pieces = []
    length = 0
    return line
  }

  for await (const chunk of chunks) {
    flood(chunk.length, 0)
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      flood(0, 1)
      keep(chunk.subarray(from, end))
      from = end + 1
      const line = finish()
      if (line) yield line
    }
    if (from < chunk.length) keep(chunk.subarray(from))
  }
  if (length > 0) counters.dropped++
}

/** Throws when more came within a minute than an honest engine sends. */
function createFloodGuard(): (bytes: number, lines: number) => void {
  let since = performance.now()
  let bytes = 0
  let lines = 0
  return (moreBytes, moreLines) => {
    bytes += moreBytes
    lines += moreLines
    if (moreBytes > 0 && performance.now() - since > minuteMs) {
      since = performance.now()
      bytes = 0
      lines = 0
    }
    if (bytes <= streamBytesPerMinuteMax && lines <= streamLinesPerMinuteMax) return
    throw new AppError('E_DOCKER_TOO_BIG', 'the engine floods its stream of events', {
      hint: 'is this really a Docker engine?',
    })
  }
}
