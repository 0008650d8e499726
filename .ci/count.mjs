// Counts the leaf assertions of TAP reports: a line that closes a subtest is not one of its own.
//
//   count.mjs --failed REPORT                    prints the files that failed, a line each
//   count.mjs STATUS OTHER REPORT [SECOND]       prints the counts; STATUS is the test command's
//
// SECOND is the report of the files that failed in REPORT and were run once more: its counts take
// their place, and every such file is named, whatever became of it.
// Exits non-zero on any failure, on no test at all, or when tap, lint or types failed.

import { readFileSync } from 'node:fs'

/** Leaf lines by file: { passed, failed, skipped, ok }. */
function filesOf(report) {
  const lines = []
  let inYaml = false
  for (const line of readFileSync(report, 'utf8').split('\n')) {
    if (/^\s*---$/.test(line)) inYaml = true
    const test = inYaml ? null : /^(\s*)(not ok|ok) \d+(?: - )?(.*)$/.exec(line)
    if (test) lines.push({ indent: test[1].length, ok: test[2] === 'ok', text: test[3] })
    if (/^\s*\.\.\.$/.test(line)) inYaml = false
  }
  const files = new Map()
  let counts = { passed: 0, failed: 0, skipped: 0 }
  let before = -1
  for (const { indent, ok, text } of lines) {
    // A closing line comes right after deeper lines; files (indent 0) are never leaves unless they
    // failed without a failing leaf inside, as a crash at load does.
    const closes = before > indent
    before = indent
    if (indent === 0) {
      if (!ok && counts.failed === 0) counts.failed = 1
      files.set(text.replace(/ # .*| \{$/, ''), { ...counts, ok })
      counts = { passed: 0, failed: 0, skipped: 0 }
    } else if (!closes) {
      if (/# (SKIP|TODO)/i.test(text)) counts.skipped++
      else if (ok) counts.passed++
      else counts.failed++
    }
  }
  return files
}

/** tap says "timeout!" beside the file that it ended. */
const isFile = name => name.endsWith('.test.ts')
const failedOf = files => [...files].filter(([, { ok }]) => !ok).map(([name]) => name)
const sum = (files, key) => [...files.values()].reduce((total, counts) => total + counts[key], 0)

function count(status, otherFailed, report, second) {
  const files = filesOf(report)
  const unsteady = []
  if (second) {
    for (const name of failedOf(files)) {
      if (!isFile(name)) {
        files.delete(name)
        continue
      }
      const again = filesOf(second).get(name)
      if (!again) continue
      files.set(name, again)
      unsteady.push(`${name}: failed, then ${again.ok ? 'passed' : 'failed again'}`)
    }
  }
  const skipped = sum(files, 'skipped')
  const passed = sum(files, 'passed')
  let failed = sum(files, 'failed')
  // A second run stands for the first only if it took in all that had failed.
  const good = status === '0' || (second && failedOf(files).length === 0)
  if (!good && failed === 0) failed = 1
  for (const line of unsteady) console.log(`unsteady: ${line}`)
  if (skipped > 0) console.log(`${skipped} skipped or to do`)
  if (otherFailed !== '0') console.log('lint, types or recordings failed')
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 || passed === 0 || otherFailed !== '0' ? 1 : 0
}

const [first, ...rest] = process.argv.slice(2)
if (first === '--failed') for (const name of failedOf(filesOf(rest[0])).filter(isFile)) console.log(name)
else count(first, ...rest)
