// Random numbers that come again with the same seed; POLLUX_TEST_SEED replays a failed run.

export const SEED = Number(process.env.POLLUX_TEST_SEED ?? 20_260_101)

/** Mulberry32: small, and good enough for tests. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
