// Ridge regression of a series on its own past: fitted by normal equations and Cholesky, rolled forward
// hour by hour. Pure numbers, no idea of time.

/** What was learned: one weight for each lag. */
export interface Autoregression {
  readonly lags: readonly number[]
  readonly weights: Float64Array
}

/**
 * Least squares with a penalty on the weights. Rows with a gap (NaN in `targets`) teach nothing.
 * @param values centred and scaled, without gaps
 * @param isTaught by index: the value was measured, not filled in
 * @returns null: fewer rows than four for each lag
 */
export function fitRidge(
  values: Float64Array,
  isTaught: Uint8Array,
  lags: readonly number[],
  penalty: number,
): Autoregression | null {
  const size = lags.length
  const normal = new Float64Array(size * size)
  const right = new Float64Array(size)
  const past = new Float64Array(size)
  let rows = 0
  for (let i = Math.max(...lags); i < values.length; i++) {
    if (isTaught[i] !== 1) continue
    rows++
    for (let j = 0; j < size; j++) past[j] = values[i - (lags[j] ?? 0)] ?? 0
    addRow(normal, right, past, values[i] ?? 0)
  }
  if (rows < 4 * size) return null
  for (let j = 0; j < size; j++) normal[j * size + j] = (normal[j * size + j] ?? 0) + penalty
  return { lags, weights: solve(normal, right) }
}

function addRow(normal: Float64Array, right: Float64Array, past: Float64Array, target: number) {
  const size = past.length
  for (let j = 0; j < size; j++) {
    const value = past[j] ?? 0
    right[j] = (right[j] ?? 0) + value * target
    const row = j * size
    for (let k = 0; k <= j; k++) normal[row + k] = (normal[row + k] ?? 0) + value * (past[k] ?? 0)
  }
}

/** Cholesky, in place; only the lower triangle is read. */
function solve(lower: Float64Array, right: Float64Array): Float64Array {
  const size = right.length
  const cell = (j: number, k: number) => lower[j * size + k] ?? 0
  for (let j = 0; j < size; j++)
    for (let k = 0; k <= j; k++) {
      let sum = cell(j, k)
      for (let m = 0; m < k; m++) sum -= cell(j, m) * cell(k, m)
      lower[j * size + k] = j === k ? Math.sqrt(Math.max(sum, 1e-12)) : sum / cell(k, k)
    }
  const x = Float64Array.from(right)
  for (let j = 0; j < size; j++) {
    let sum = x[j] ?? 0
    for (let m = 0; m < j; m++) sum -= cell(j, m) * (x[m] ?? 0)
    x[j] = sum / cell(j, j)
  }
  for (let j = size - 1; j >= 0; j--) {
    let sum = x[j] ?? 0
    for (let m = j + 1; m < size; m++) sum -= cell(m, j) * (x[m] ?? 0)
    x[j] = sum / cell(j, j)
  }
  return x
}

/** Continues the series from index `at` into `into`, each step resting on those before. */
export function rollOn(
  { lags, weights }: Autoregression,
  values: Float64Array,
  at: number,
  into: Float64Array,
): void {
  for (let h = 0; h < into.length; h++) {
    let sum = 0
    for (let j = 0; j < weights.length; j++) {
      const back = h - (lags[j] ?? 0)
      sum += (weights[j] ?? 0) * ((back >= 0 ? into[back] : values[at + back]) ?? 0)
    }
    into[h] = sum
  }
}
