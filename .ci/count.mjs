// Counts the leaf assertions of a TAP report: a line that closes a subtest is not one of its own.
// Exits non-zero on any failure, on no test at all, or when tap, lint or types failed.

import { readFileSync } from 'node:fs'

const [file, tapStatus, otherFailed] = process.argv.slice(2)
const lines = readFileSync(file, 'utf8').split('\n')
let passed = 0
let failed = 0
let skipped = 0
let inYaml = false
const seen = []
for (const line of lines) {
  if (/^\s*---$/.test(line)) inYaml = true
  if (!inYaml) {
    const test = /^(\s*)(not ok|ok) \d+(.*)$/.exec(line)
    if (test) seen.push({ indent: test[1].length, ok: test[2] === 'ok', text: test[3] })
  }
  if (/^\s*\.\.\.$/.test(line)) inYaml = false
}
// A closing line comes right after deeper lines; files (indent 0) are never leaves unless they
// failed without a failing leaf inside, as a crash at load does.
let before = -1
let failedInFile = 0
for (const { indent, ok, text } of seen) {
  const closes = before > indent
  before = indent
  if (indent === 0) {
    if (!ok && failedInFile === 0) failed++
    failedInFile = 0
    continue
  }
  if (closes) continue
  if (/# (SKIP|TODO)/i.test(text)) skipped++
  else if (ok) passed++
  else {
    failed++
    failedInFile++
  }
}
if (skipped > 0) console.log(`${skipped} skipped or to do`)
if (otherFailed !== '0') console.log('lint or types failed')
if (tapStatus !== '0' && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 || tapStatus !== '0' || otherFailed !== '0' ? 1 : 0
