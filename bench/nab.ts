// The anomaly score on files of the Numenta Anomaly Benchmark: the program's own code, sample by sample.
// Scores at the thresholds below (chosen on the tuning half, so honest for other files) and at the best
// ones for these very files; leaving each group out in turn; windows found at few false alarms; the cost.
//   node bench/nab.ts --data DIR [--json] [--files]

import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createVerdict, step } from '../server/models/anomaly/score.ts'
import { createState, encodeState, STATE_BYTES } from '../server/models/anomaly/state.ts'
import {
  bestThreshold,
  foundAtRate,
  loadNab,
  type NabFile,
  outcomeAt,
  PROFILE_NAMES,
  type Profile,
  type Scored,
  scoreAt,
  scored,
} from './nab-score.ts'

/** The best thresholds of the tuning half. */
const THRESHOLDS: Record<Profile, number> = {
  standard: 0.496,
  lowFalsePositives: 0.498,
  lowFalseNegatives: 0.496,
}
/** False alarms a series and week. */
const RATE = 0.1
/** States made at once, to see what one takes. */
const STATES = 20_000

const { values: asked } = parseArgs({
  options: {
    data: { type: 'string' },
    json: { type: 'boolean', default: false },
    files: { type: 'boolean', default: false },
  },
})
if (asked.data === undefined) {
  process.stderr.write('npm run bench -- nab --data DIR [--json] [--files]\n')
  process.exit(2)
}

/** A group without windows has no score. */
const shown = (score = Number.NaN): string => (Number.isNaN(score) ? '–' : score.toFixed(1))

const round = (value: number, digits = 2): number => Number(value.toFixed(digits))

const verdict = createVerdict()
function scoresOf({ at, value }: NabFile): Float64Array {
  const state = createState()
  return value.map((one, i) => step(state, at[i] ?? 0, one, null, verdict))
}

/** The second pass is measured: the first one is the compiler's. */
function microseconds(files: readonly NabFile[]): number {
  let rows = 0
  const before = process.cpuUsage()
  for (const file of files) rows += scoresOf(file).length
  const { user, system } = process.cpuUsage(before)
  return (user + system) / rows
}

function bytesOfOne(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  const used = () => {
    if (typeof collect === 'function') collect()
    const { heapUsed, external, arrayBuffers } = process.memoryUsage()
    return heapUsed + Math.max(external, arrayBuffers)
  }
  const before = used()
  const states = Array.from({ length: STATES }, createState)
  return (used() - before) / states.length
}

const groupOf = ({ file }: Scored): string => file.name.split('/')[0] ?? ''

/** Each group at the threshold of all the others. */
function leftOut(all: readonly Scored[], groups: readonly string[], profile: Profile) {
  const thresholds = new Map(
    groups.map(group => [
      group,
      bestThreshold(
        all.filter(one => groupOf(one) !== group),
        profile,
      ),
    ]),
  )
  return scoreAt(all, one => thresholds.get(groupOf(one)) ?? Number.POSITIVE_INFINITY, profile)
}

const files = loadNab(asked.data)
const all = files.map(file => scored(file, scoresOf(file)))
const groups = [...new Set(all.map(groupOf))]
const windows = files.reduce((sum, file) => sum + file.windows.length, 0)
const profiles = PROFILE_NAMES.map(profile => {
  const best = bestThreshold(all, profile)
  const fixed = THRESHOLDS[profile]
  return {
    profile,
    threshold: fixed,
    score: round(scoreAt(all, () => fixed, profile)),
    best: round(scoreAt(all, () => best, profile)),
    bestThreshold: best,
    leaveOneGroupOut: round(leftOut(all, groups, profile)),
    groups: Object.fromEntries(
      groups.map(group => {
        const own = all.filter(one => groupOf(one) === group)
        return [group, round(scoreAt(own, () => fixed, profile))]
      }),
    ),
  }
})
const { found, wrong, weeks } = foundAtRate(all, RATE)
const result = {
  files: files.length,
  rows: files.reduce((sum, { at }) => sum + at.length, 0),
  windows,
  profiles,
  foundAtRate: { rate: RATE, found, wrong, seriesWeeks: round(weeks, 1) },
  microsecondsPerSample: round(microseconds(files), 3),
  bytesPerSeries: {
    state: STATE_BYTES,
    saved: encodeState(createState()).length,
    inMemory: Math.round(bytesOfOne()),
  },
}

if (asked.json) process.stdout.write(`${JSON.stringify(result)}\n`)
else {
  const lines = [
    `NAB, ${result.files} files, ${result.rows} rows, ${windows} windows`,
    ...profiles.map(
      one =>
        `  ${one.profile.padEnd(18)} ${one.score.toFixed(1)} at ${one.threshold}; ` +
        `at the best for these files ${one.best.toFixed(1)} (${one.bestThreshold.toFixed(4)}); ` +
        `each group at the others' ${one.leaveOneGroupOut.toFixed(1)}`,
    ),
    ...groups.map(
      group =>
        `    ${group.padEnd(22)} ${profiles.map(one => shown(one.groups[group])).join(' / ')}`,
    ),
    `  ${found} of ${windows} windows at ${RATE} false alarms a series and week ` +
      `(${wrong} in ${result.foundAtRate.seriesWeeks} weeks)`,
    `  ${result.microsecondsPerSample} µs of CPU a sample; a series takes ${STATE_BYTES} bytes, ` +
      `saved ${result.bytesPerSeries.saved}, in memory with all around it ${result.bytesPerSeries.inMemory}`,
  ]
  if (asked.files)
    for (const one of all) {
      const { found, wrong, points } = outcomeAt(one, THRESHOLDS.standard, 'standard')
      const { name, windows } = one.file
      lines.push(
        `    ${name.padEnd(62)} ${found} of ${windows.length}, false ${wrong}, points ${points.toFixed(2)}`,
      )
    }
  process.stdout.write(`${lines.join('\n')}\n`)
}
