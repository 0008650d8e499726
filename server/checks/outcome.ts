// What one check found: a verdict, in words what is wrong, and values by the paths that profiles name.

import { AppError, messageOf } from '../model/errors.ts'
import type { RawValue } from '../model/raw.ts'

/** Characters of what a foreign server says that are kept. */
const wordsMax = 300

export interface Outcome {
  ok: boolean
  /** Why it failed; '' where it did not. */
  error: string
  values: Map<string, RawValue>
}

/** What a check measures while it runs: it stays when the check fails half-way. */
export class Found {
  readonly values = new Map<string, RawValue>()

  number(path: string, value: number): void {
    if (Number.isFinite(value)) this.values.set(path, { type: 'number', value })
  }

  text(path: string, value: string): void {
    this.values.set(path, { type: 'text', value: shown(value) })
  }
}

/** A foreign text in one line, bounded. */
export function shown(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, wordsMax)
}

/** What was expected did not come. */
export class CheckFailed extends AppError {
  constructor(message: string) {
    super('E_CHECK_FAILED', shown(message), { hint: 'look at what the check asks for' })
  }
}

/** Runs a check; its failure is its outcome. @param timeoutMs after this it has failed */
export async function outcomeOf(
  run: (found: Found, signal: AbortSignal) => Promise<void>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted()
  const found = new Found()
  const end = new AbortController()
  const stop = () => end.abort()
  const timer = setTimeout(stop, timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await untilAborted(run(found, end.signal), end.signal)
    return { ok: true, error: '', values: found.values }
  } catch (error) {
    // A read that is stopped as a whole says nothing of what was checked.
    signal.throwIfAborted()
    const words = end.signal.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error)
    return { ok: false, error: shown(words), values: found.values }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    // What is left of it, as a lookup that nobody can end, must not begin anything more.
    stop()
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}
