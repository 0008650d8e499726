// The seasonal forecast on M4 Hourly (414 series, 48 hours ahead): sMAPE, MASE and OWA as in the
// competition's own evaluation, how many true values the 80 % range held, and the time a series takes.
// Prints, judges nothing.
//   node bench/m4.ts --data DIR [--json] [--split]
// DIR holds Hourly-train.csv and Hourly-test.csv; --split hides the last 48 hours of the training part
// and is asked for them instead, so that settings can be chosen without the test part.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { forecastSeasonal } from '../server/models/forecast/seasonal.ts'

const HORIZON = 48
const DAY = 24
/** Published for Naive 2 over Hourly; OWA is relative to it. */
const NAIVE2 = { smape: 18.383, mase: 2.395 }

const { values: asked } = parseArgs({
  options: {
    data: { type: 'string' },
    json: { type: 'boolean', default: false },
    split: { type: 'boolean', default: false },
  },
})
if (asked.data === undefined) {
  process.stderr.write('npm run bench -- m4 --data DIR [--json] [--split]\n')
  process.exit(2)
}

function load(file: string): number[][] {
  const lines = readFileSync(path.join(asked.data ?? '', file), 'utf8')
    .trim()
    .split(/\r?\n/)
  return lines.slice(1).map(line =>
    line
      .split(',')
      .slice(1)
      .map(cell => cell.replaceAll('"', ''))
      .filter(cell => cell !== '' && cell !== 'NA')
      .map(Number),
  )
}

const whole = load('Hourly-train.csv')
const train = asked.split ? whole.map(series => series.slice(0, -HORIZON)) : whole
const truth = asked.split ? whole.map(series => series.slice(-HORIZON)) : load('Hourly-test.csv')

/** Mean absolute difference between one day and the next: what MASE is measured in. */
function dailyDifference(series: readonly number[]): number {
  let sum = 0
  for (let i = DAY; i < series.length; i++)
    sum += Math.abs((series[i] ?? 0) - (series[i - DAY] ?? 0))
  return sum / (series.length - DAY)
}

const sums = { smape: 0, mase: 0, held: 0, declined: 0, ms: 0 }
for (const [i, series] of train.entries()) {
  const history = Float64Array.from(series)
  const before = process.cpuUsage()
  const forecast = forecastSeasonal(history, HORIZON)
  const { user, system } = process.cpuUsage(before)
  sums.ms += (user + system) / 1_000
  if (!forecast) sums.declined++
  const scale = dailyDifference(series)
  for (const [h, real] of (truth[i] ?? []).entries()) {
    const said = forecast?.middle[h] ?? series.at(h - DAY * 2) ?? 0
    sums.smape += (200 * Math.abs(real - said)) / (Math.abs(real) + Math.abs(said) || 1)
    sums.mase += Math.abs(real - said) / scale
    if (real >= (forecast?.low[h] ?? said) && real <= (forecast?.high[h] ?? said)) sums.held++
  }
}
const points = train.length * HORIZON
const smape = sums.smape / points
const mase = sums.mase / points
const result = {
  series: train.length,
  horizon: HORIZON,
  smape: Number(smape.toFixed(3)),
  mase: Number(mase.toFixed(3)),
  owa: Number(((smape / NAIVE2.smape + mase / NAIVE2.mase) / 2).toFixed(4)),
  coverage: Number(((100 * sums.held) / points).toFixed(1)),
  declined: sums.declined,
  msPerSeries: Number((sums.ms / train.length).toFixed(2)),
}
if (asked.json) process.stdout.write(`${JSON.stringify(result)}\n`)
else
  process.stdout.write(
    `M4 Hourly, ${result.series} series, ${HORIZON} hours ahead: sMAPE ${result.smape}, ` +
      `MASE ${result.mase}, OWA ${result.owa}; the 80 % range held ${result.coverage} %; ` +
      `${result.msPerSeries} ms of CPU a series; no forecast for ${result.declined}\n`,
  )
