// The scorer of the Numenta Anomaly Benchmark v1.1 (github.com/numenta/NAB: sweeper.py, optimizer.py,
// scorer.py), for its three profiles. Reads a folder with data/ and labels/combined_windows.json.

import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface NabFile {
  name: string
  /** ms since 1970; the files say no zone, so UTC. */
  at: Float64Array
  value: Float64Array
  /** First and last row of each labelled window. */
  windows: readonly (readonly [number, number])[]
}

/** Weights of a missed window and of a false row; a window found weighs 1. */
export const PROFILES = {
  standard: { missed: 1, wrong: 0.11 },
  lowFalsePositives: { missed: 1, wrong: 0.22 },
  lowFalseNegatives: { missed: 2, wrong: 0.11 },
} as const
export type Profile = keyof typeof PROFILES
export const PROFILE_NAMES = ['standard', 'lowFalsePositives', 'lowFalseNegatives'] as const

/** What each row of a file earns when it is an alarm. */
interface Swept {
  earns: Float64Array
  /** -1 not judged (the first rows), 0 outside, else the number of its window from 1. */
  window: Int32Array
  windows: number
}

const PROBATION = 0.15
const probationMax = 750

export const probationOf = (rows: number): number =>
  Math.min(Math.floor(PROBATION * rows), probationMax)

const sigmoid = (position: number): number =>
  position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1

/** `2014-04-01 00:00:00` and `2014-04-01 00:00:00.000000` are one time. */
function millis(text: string): number {
  const at = Date.parse(`${text.trim().slice(0, 19).replace(' ', 'T')}Z`)
  if (Number.isNaN(at)) throw new Error(`not a time of NAB: ${text}`)
  return at
}

/** @throws when a file is missing, or a window's end is no row of its file. */
export function loadNab(folder: string): NabFile[] {
  const labels: unknown = JSON.parse(
    readFileSync(path.join(folder, 'labels/combined_windows.json'), 'utf8'),
  )
  if (typeof labels !== 'object' || labels === null) throw new Error('labels are no object')
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, windows]) => loadFile(folder, name, windows))
}

function loadFile(folder: string, name: string, windows: string[][]): NabFile {
  const [head = '', ...lines] = readFileSync(path.join(folder, 'data', name), 'utf8')
    .split(/\r?\n/)
    .filter(Boolean)
  const columns = head.split(',')
  const rows = lines.map(line => line.split(','))
  const cell = (row: string[], column: string) => row[columns.indexOf(column)] ?? ''
  const at = Float64Array.from(rows, row => millis(cell(row, 'timestamp')))
  const rowOf = (text = '') => {
    const row = at.indexOf(millis(text))
    if (row < 0) throw new Error(`${name}: no row at ${text}`)
    return row
  }
  return {
    name,
    at,
    value: Float64Array.from(rows, row => Number(cell(row, 'value'))),
    windows: windows.map(([first, last]) => [rowOf(first), rowOf(last)] as const),
  }
}

/** The first of two rows with one time ends a window, as in the original. */
function sweep({ at, windows }: NabFile): Swept {
  const earns = new Float64Array(at.length).fill(-1)
  const window = new Int32Array(at.length)
  for (const [k, [first, last]] of windows.entries()) {
    const width = last - first + 1
    for (let i = first; i <= last; i++) {
      earns[i] = sigmoid(-(last - i + 1) / width) / sigmoid(-1)
      window[i] = k + 1
    }
    const next = windows[k + 1]?.[0] ?? at.length
    for (let i = last + 1; i < next; i++) earns[i] = sigmoid((i - last) / (width - 1))
  }
  window.fill(-1, 0, probationOf(at.length))
  return { earns, window, windows: windows.length }
}

export interface Scored {
  file: NabFile
  swept: Swept
  scores: Float64Array
}

export const scored = (file: NabFile, scores: Float64Array): Scored => ({
  file,
  swept: sweep(file),
  scores,
})

export interface Outcome {
  points: number
  found: number
  wrong: number
}

/** What an alarm at each row of at least `threshold` earns in one file. */
export function outcomeAt({ swept, scores }: Scored, threshold: number, profile: Profile): Outcome {
  const { missed, wrong: weight } = PROFILES[profile]
  const best = new Map<number, number>()
  let wrong = 0
  let points = 0
  for (const [i, score] of scores.entries()) {
    const window = swept.window[i] ?? -1
    if (window < 0 || score < threshold) continue
    const earned = swept.earns[i] ?? -1
    if (window === 0) {
      wrong++
      points += earned * weight
    } else best.set(window, Math.max(best.get(window) ?? -missed, earned))
  }
  for (const earned of best.values()) points += earned
  const judged = judgedWindows(swept)
  return { points: points - missed * (judged - best.size), found: best.size, wrong }
}

/** A window that ends within the probation counts for nothing but the perfect score. */
const judgedWindows = ({ window }: Swept): number => new Set(window.filter(w => w > 0)).size

/** 0: no alarm at all, 100: perfect. NaN where nothing can be earned. */
export function scoreAt(
  all: readonly Scored[],
  threshold: (one: Scored) => number,
  profile: Profile,
): number {
  const { missed } = PROFILES[profile]
  let points = 0
  let silent = 0
  let perfect = 0
  for (const one of all) {
    points += outcomeAt(one, threshold(one), profile).points
    silent -= missed * judgedWindows(one.swept)
    perfect += one.swept.windows
  }
  return (100 * (points - silent)) / (perfect - silent)
}

interface Step {
  threshold: number
  points: number
  wrong: number
  found: number
}

interface Row {
  score: number
  earned: number
  /** Empty outside of windows. */
  window: string
}

function judgedRows(all: readonly Scored[]): Row[] {
  const rows: Row[] = []
  for (const [f, { swept, scores }] of all.entries())
    for (const [i, score] of scores.entries()) {
      const window = swept.window[i] ?? -1
      if (window >= 0)
        rows.push({ score, earned: swept.earns[i] ?? -1, window: window ? `${f}:${window}` : '' })
    }
  return rows.sort((a, b) => b.score - a.score)
}

/** Every threshold that makes a difference, from the highest; equal scores share one. */
function steps(all: readonly Scored[], profile: Profile): Step[] {
  const { missed, wrong: weight } = PROFILES[profile]
  const best = new Map<string, number>()
  const now: Step = { threshold: Number.POSITIVE_INFINITY, points: 0, wrong: 0, found: 0 }
  const made: Step[] = []
  for (const { score, earned, window } of judgedRows(all)) {
    if (score !== now.threshold) made.push({ ...now })
    now.threshold = score
    if (window === '') {
      now.wrong++
      now.points += earned * weight
      continue
    }
    const old = best.get(window) ?? -missed
    if (earned > old || !best.has(window)) {
      now.points += Math.max(earned, old) - old
      best.set(window, Math.max(earned, old))
    }
    now.found = best.size
  }
  made.push({ ...now })
  return made
}

/** The threshold with the highest score over these files; the higher one of two that are equal. */
export function bestThreshold(all: readonly Scored[], profile: Profile): number {
  let best: Step | undefined
  for (const step of steps(all, profile)) if (!best || step.points > best.points) best = step
  return best?.threshold ?? Number.POSITIVE_INFINITY
}

const WEEK_MS = 7 * 86_400_000

/** Windows found where rows outside of windows are alarms at most `rate` times a series and week. */
export function foundAtRate(
  all: readonly Scored[],
  rate: number,
): { found: number; wrong: number; weeks: number; threshold: number } {
  let weeks = 0
  for (const { file } of all) {
    const first = file.at[probationOf(file.at.length)] ?? 0
    weeks += ((file.at.at(-1) ?? first) - first) / WEEK_MS
  }
  let last: Step = { threshold: Number.POSITIVE_INFINITY, points: 0, wrong: 0, found: 0 }
  for (const step of steps(all, 'standard')) if (step.wrong <= rate * weeks) last = step
  return { found: last.found, wrong: last.wrong, weeks, threshold: last.threshold }
}
