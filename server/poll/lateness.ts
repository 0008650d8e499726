// How late reads start: the last ones, summed up as percentiles. It judges nothing.

/** Reads that are remembered. */
const samplesMax = 2048

export interface Lateness {
  /** ms; 0 while nothing was read. */
  p50: number
  p99: number
  max: number
  samples: number
}

export function createLateness(): { add(ms: number): void; summary(): Lateness } {
  const ring = new Float64Array(samplesMax)
  let count = 0
  return {
    add(ms) {
      ring[count++ % samplesMax] = Math.max(0, ms)
    },
    summary() {
      const samples = Math.min(count, samplesMax)
      const sorted = ring.slice(0, samples).sort()
      const at = (part: number) => sorted[Math.min(samples - 1, Math.floor(part * samples))] ?? 0
      return { p50: at(0.5), p99: at(0.99), max: at(1), samples }
    },
  }
}
