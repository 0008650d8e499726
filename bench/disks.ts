// Time to full of made-up disks, seven days of history each: how many of those that fill within a week
// are missed, how many others are called full within a week, how far off the time is. What is made up
// goes on after the history in the same way, so the truth is known. Prints, judges nothing.
//   node bench/disks.ts [--json] [--seed N] [--each N] [--data FILE] [--kinds]
// FILE holds one JSON object a line: {"values": [percent …], "stepSeconds": 300, "fillsAfterHours": 30.5}
// (null: never), for disks of another generator.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { forecastLimit } from '../server/models/forecast/limit.ts'

const WEEK = 168
const STEPS_AN_HOUR = 12
const HISTORY = WEEK * STEPS_AN_HOUR
/** The truth is followed so far. */
const FUTURE = 3 * HISTORY
/** What fills a little after a week is neither a hit nor a false alarm. */
const NOT_BEFORE_HOURS = 1.5 * WEEK

const { values: asked } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    kinds: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    each: { type: 'string', default: '150' },
    data: { type: 'string' },
  },
})

interface Disk {
  kind: string
  /** Percent, one every `stepHours`. */
  values: number[]
  stepHours: number
  /** Null: not as far as it was followed. */
  fillsAfter: number | null
}

/** Mulberry32: the same disks for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number
const between = (random: Random, low: number, high: number) => low + (high - low) * random()
const normal = (random: Random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** What is added to a level and its growth, by the step; steps from HISTORY on are the future. */
type Shape = (step: number) => number

const SHAPES: Record<string, (random: Random) => Shape> = {
  plain: () => () => 0,
  flat: () => () => 0,
  shrinking: () => () => 0,
  wave(random) {
    const height = between(random, 1, 8)
    const phase = between(random, 0, 24)
    return step => height * Math.sin((2 * Math.PI * (step / STEPS_AN_HOUR + phase)) / 24)
  },
  rotation(random) {
    const height = between(random, 2, 10)
    const phase = between(random, 0, 24)
    return step => height * (((step / STEPS_AN_HOUR + phase) % 24) / 24)
  },
  step(random) {
    const at = Math.floor(between(random, 0, HISTORY))
    const height = between(random, 5, 25)
    return step => (step >= at ? height : 0)
  },
  cleanup(random) {
    const times = Array.from({ length: random() < 0.5 ? 1 : 2 }, () => random() * HISTORY)
    const height = between(random, 5, 20)
    return step => -height * times.filter(at => step >= at).length
  },
  onset(random) {
    const at = HISTORY - STEPS_AN_HOUR * between(random, 6, 36)
    const fills = STEPS_AN_HOUR * between(random, 12, 300)
    const height = between(random, 20, 60)
    return step => (height * Math.max(0, step - at)) / fills
  },
  ended(random) {
    const at = HISTORY - STEPS_AN_HOUR * between(random, 36, 96)
    const height = between(random, 10, 30)
    return step => (height * Math.min(step, at)) / at
  },
}
const GROWS = new Set(['plain', 'wave', 'rotation', 'cleanup'])

function makeDisk(kind: string, random: Random): Disk {
  const shape = (SHAPES[kind] ?? (() => () => 0))(random)
  const noise = between(random, 0.02, 0.3)
  const now = between(random, 30, 90)
  // A third fills within a week, a third later, a third does not grow.
  const weeks = 2 ** between(random, -3, 3)
  const isGrowing = GROWS.has(kind) && random() < 0.75
  const growth = isGrowing
    ? (100 - now) / (weeks * HISTORY)
    : kind === 'shrinking'
      ? -between(random, 1, 20) / HISTORY
      : 0
  const offset = now - shape(HISTORY - 1)
  const values: number[] = []
  let fillsAfter: number | null = null
  for (let step = 0; step < HISTORY + FUTURE; step++) {
    const level = offset + growth * (step - HISTORY) + shape(step) + noise * normal(random)
    if (step >= HISTORY && level >= 100) {
      fillsAfter = (step - HISTORY) / STEPS_AN_HOUR
      break
    }
    if (step < HISTORY) values.push(Math.min(99.9, Math.max(0, level)))
  }
  return { kind, values, stepHours: 1 / STEPS_AN_HOUR, fillsAfter }
}

function readDisks(file: string): Disk[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map(line => {
      const { values, stepSeconds, fillsAfterHours } = JSON.parse(line) as Record<string, unknown>
      if (!Array.isArray(values) || typeof stepSeconds !== 'number')
        throw new Error(`${file}: a line has "values", "stepSeconds" and "fillsAfterHours"`)
      const fillsAfter = typeof fillsAfterHours === 'number' ? fillsAfterHours : null
      return {
        kind: 'given',
        values: values.map(Number),
        stepHours: stepSeconds / 3_600,
        fillsAfter,
      }
    })
}

/** The greatest of each whole hour, counted back from the newest value, as the roll-ups have them. */
function hourly({ values, stepHours }: Disk): Float64Array {
  const size = Math.max(1, Math.round(1 / stepHours))
  const hours = new Float64Array(Math.floor(values.length / size))
  const skipped = values.length - hours.length * size
  for (let i = 0; i < hours.length * size; i++) {
    const hour = Math.floor(i / size)
    hours[hour] = Math.max(hours[hour] ?? 0, values[skipped + i] ?? 0)
  }
  return hours
}

const random = randomOf(Number(asked.seed))
const disks =
  asked.data === undefined
    ? Object.keys(SHAPES).flatMap(kind =>
        Array.from({ length: Number(asked.each) }, () => makeDisk(kind, random)),
      )
    : readDisks(asked.data)

interface Count {
  fill: number
  missed: number
  others: number
  false: number
}
const empty = (): Count => ({ fill: 0, missed: 0, others: 0, false: 0 })
const byKind = new Map<string, Count>()
const errors: number[] = []
let held = 0
let ranges = 0
let ms = 0
for (const disk of disks) {
  const history = hourly(disk)
  const before = process.cpuUsage()
  const said = forecastLimit(history, 100)
  const { user, system } = process.cpuUsage(before)
  ms += (user + system) / 1_000
  const saysWeek = said.is === 'reached' || (said.is === 'reaches' && said.middle <= WEEK)
  const count = byKind.get(disk.kind) ?? empty()
  byKind.set(disk.kind, count)
  const truth = disk.fillsAfter
  if (truth !== null && truth <= WEEK) {
    count.fill++
    if (!saysWeek) count.missed++
  } else if (truth === null || truth > NOT_BEFORE_HOURS) {
    count.others++
    if (saysWeek) count.false++
  }
  if (truth !== null && truth > 0 && said.is === 'reaches') {
    errors.push(Math.abs(said.middle - truth) / truth)
    ranges++
    if (truth >= said.low && truth <= said.high) held++
  }
}

const share = (part: number, of: number) => (of === 0 ? 0 : Number(((100 * part) / of).toFixed(1)))
const all = [...byKind.values()].reduce(
  (sum, one) => ({
    fill: sum.fill + one.fill,
    missed: sum.missed + one.missed,
    others: sum.others + one.others,
    false: sum.false + one.false,
  }),
  empty(),
)
errors.sort((a, b) => a - b)
const result = {
  disks: disks.length,
  ...all,
  missedPercent: share(all.missed, all.fill),
  falsePercent: share(all.false, all.others),
  medianErrorPercent: share(errors[Math.floor(errors.length / 2)] ?? 0, 1),
  rangeHeldPercent: share(held, ranges),
  msPerDisk: Number((ms / disks.length).toFixed(2)),
  ...(asked.kinds && { kinds: Object.fromEntries(byKind) }),
}
if (asked.json) process.stdout.write(`${JSON.stringify(result)}\n`)
else {
  process.stdout.write(
    `${result.disks} disks: of ${all.fill} that fill within a week ${result.missedPercent} % missed, ` +
      `of ${all.others} others ${result.falsePercent} % false; median error of the time ` +
      `${result.medianErrorPercent} %, the range held ${result.rangeHeldPercent} %; ` +
      `${result.msPerDisk} ms of CPU a disk\n`,
  )
  for (const [kind, { fill, missed, others, false: wrong }] of byKind)
    process.stdout.write(
      `  ${kind.padEnd(10)} ${missed} of ${fill} missed, ${wrong} of ${others} false\n`,
    )
}
