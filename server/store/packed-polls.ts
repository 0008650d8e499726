// Polls on their way to the thread that makes blocks: a buffer for each of some hundred would cost more to
// hand over than to read.

export interface PollBytes {
  ts: number
  data: Uint8Array
}

export interface PackedPolls {
  times: Float64Array
  /** One poll after another, and where each ends. */
  bytes: Uint8Array
  ends: Uint32Array
}

export function packPolls(polls: readonly PollBytes[]): PackedPolls {
  const times = Float64Array.from(polls, ({ ts }) => ts)
  const ends = new Uint32Array(polls.length)
  let size = 0
  for (const [index, { data }] of polls.entries()) {
    size += data.length
    ends[index] = size
  }
  const bytes = new Uint8Array(size)
  for (const [index, { data }] of polls.entries()) bytes.set(data, (ends[index] ?? 0) - data.length)
  return { times, bytes, ends }
}

export function unpackPolls({ times, bytes, ends }: PackedPolls): PollBytes[] {
  return Array.from(times, (ts, index) => ({
    ts,
    data: bytes.subarray(ends[index - 1] ?? 0, ends[index]),
  }))
}
