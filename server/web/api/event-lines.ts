// The export of events as JSON lines: read from the store in steps, as fast as it is taken, and bounded in
// lines and in bytes. Who needs more goes on with `to`.

import type { EventQuery, StoredEvent } from '../../store/contract.ts'

/** Lines and bytes of one export. */
export const linesMax = 100_000
export const linesBytesMax = 64 * 1024 * 1024
export const lineStep = 500

export interface LinesOptions {
  query: EventQuery
  /** The first step, which was read before the answer began. */
  first: StoredEvent[]
  list(query: EventQuery): Promise<StoredEvent[]>
  lineOf(event: StoredEvent): object
  /** For tests. */
  limits?: { lines: number; bytes: number }
}

/** Whole lines alone. */
export async function* eventLines(options: LinesOptions): AsyncGenerator<string> {
  const { query, list, lineOf, limits = { lines: linesMax, bytes: linesBytesMax } } = options
  let events = options.first
  let lines = 0
  let bytes = 0
  for (;;) {
    let text = ''
    for (const event of events) {
      const line = `${JSON.stringify(lineOf(event))}\n`
      bytes += Buffer.byteLength(line)
      lines++
      if (bytes > limits.bytes || lines > limits.lines) return yield text
      text += line
    }
    yield text
    const last = events.at(-1)
    if (!last || events.length < lineStep) return
    events = await list({ ...query, before: last.id, limit: lineStep })
  }
}
