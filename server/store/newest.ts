// The newest poll of each stream that this process has stored: what is newer cannot be in the database
// already, unless another process put it there, so the writer need not look for it.

/** Streams remembered; beyond, the one written longest ago goes. */
const streamsMax = 200_000

export class NewestCache {
  readonly #newest = new Map<number, number>()

  /** False where nothing is known of the stream. */
  isNewer(streamId: number, ts: number): boolean {
    const newest = this.#newest.get(streamId)
    return newest !== undefined && ts > newest
  }

  /** A poll of this time was committed. */
  note(streamId: number, ts: number): void {
    const newest = this.#newest.get(streamId) ?? ts
    this.#newest.delete(streamId)
    this.#newest.set(streamId, Math.max(newest, ts))
    const [oldest] = this.#newest.keys()
    if (this.#newest.size > streamsMax && oldest !== undefined) this.#newest.delete(oldest)
  }

  clear(): void {
    this.#newest.clear()
  }
}
