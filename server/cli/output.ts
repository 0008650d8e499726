// How commands talk: answers on stdout, problems on stderr with what to do about them.

import { AppError, messageOf } from '../model/errors.ts'

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

/** Rows as aligned columns. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map(row => row[i]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  print(line(head))
  for (const row of rows) print(line(row))
}

/** Says what is wrong, where and how to mend it, and sets exit code 1. */
export function fail(error: unknown): void {
  const lines = [`pollux: ${messageOf(error)}`]
  if (error instanceof AppError) {
    for (const { path, message } of error.errors) lines.push(`  - ${path} ${message}`.trimEnd())
    if (error.cause !== undefined && error.errors.length === 0)
      lines.push(`  cause: ${messageOf(error.cause)}`)
    if (error.hint) lines.push(`  ${error.hint}`)
  } else if (error instanceof Error && error.stack) {
    lines.push(error.stack)
  }
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exitCode = 1
}
