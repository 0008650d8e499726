// The scorer of NAB: what an alarm earns by its place, the optimiser, and a folder as NAB lays it out.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import {
  bestThreshold,
  foundAtRate,
  loadNab,
  outcomeAt,
  probationOf,
  scoreAt,
  scored,
} from '../../bench/nab-score.ts'

const ROWS = 1_000
const timeOf = (row: number) =>
  new Date(Date.UTC(2014, 3, 1) + row * 300_000).toISOString().slice(0, 19).replace('T', ' ')

function folder(dir: string, windows: (readonly [number, number])[]): string {
  mkdirSync(path.join(dir, 'data/group'), { recursive: true })
  mkdirSync(path.join(dir, 'labels'))
  const rows = Array.from({ length: ROWS }, (_, row) => `${timeOf(row)},${row}`)
  writeFileSync(path.join(dir, 'data/group/one.csv'), `timestamp,value\n${rows.join('\r\n')}\n`)
  const labels = {
    'group/one.csv': windows.map(([a, b]) => [`${timeOf(a)}.000000`, `${timeOf(b)}.000000`]),
  }
  writeFileSync(path.join(dir, 'labels/combined_windows.json'), JSON.stringify(labels))
  return dir
}

t.test('earnings of rows, as in the original', async t => {
  const [file] = loadNab(folder(t.testdir(), [[400, 499]]))
  if (!file) throw new Error('no file')
  t.same(file.windows, [[400, 499]])
  const alarms = (...rows: number[]) => {
    const scores = new Float64Array(ROWS)
    for (const row of rows) scores[row] = 1
    return scored(file, scores)
  }
  const score = (...rows: number[]) => scoreAt([alarms(...rows)], () => 1, 'standard')
  t.equal(score(), 0, 'silence')
  t.equal(score(400), 100, 'the first row of the window')
  t.equal(score(400, 450, 499), 100, 'the best row counts')
  // 2 / (1 + exp(-5 * 0.5)) - 1 = 0.848284, divided by that of -1, 0.986614; missed would be -1.
  t.ok(Math.abs(score(450) - (100 * (1 + 0.848284 / 0.986614)) / 2) < 1e-3, String(score(450)))
  t.equal(score(400, 149), 100, 'the first 15 % are not judged')
  t.equal(score(400, 150), 100 - (100 * 0.11) / 2, 'a false row before any window costs all')
  t.ok(score(400, 500) > 99 && score(400, 500) < 100, 'soon after a window it costs little')
  t.same(outcomeAt(alarms(400, 150, 900), 1, 'standard').wrong, 2)
  t.equal(probationOf(22_695), 750)
})

t.test(
  'the optimiser: equal scores share a threshold, the higher of two equal ones is taken',
  async t => {
    const [file] = loadNab(folder(t.testdir(), [[400, 499]]))
    if (!file) throw new Error('no file')
    const scores = new Float64Array(ROWS)
    scores[400] = 0.9
    scores[450] = 0.8
    scores.fill(0.7, 600, 700)
    const all = [scored(file, scores)]
    t.equal(bestThreshold(all, 'standard'), 0.9)
    t.match(foundAtRate(all, 0.1), { found: 1, wrong: 0, threshold: 0.8 })
    scores[200] = 0.9
    t.match(foundAtRate([scored(file, scores)], 0.1), { found: 0, wrong: 0 })
    const storm = scored(file, new Float64Array(ROWS).fill(0.5))
    t.equal(bestThreshold([storm], 'standard'), Number.POSITIVE_INFINITY, 'better silent')
  },
)

t.test('a window that is no row is said', async t => {
  const dir = folder(t.testdir(), [[400, ROWS + 5]])
  t.throws(() => loadNab(dir), /no row at/)
})
