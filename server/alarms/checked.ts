// What a read of checks says of the state of a device of kind check: it is up where all answer as they
// should, degraded where some do not, down where none does. Pure.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { Value } from '../model/collection.ts'
import type { StatusEvent } from './machine.ts'

/** Characters of the words of a state (model/collection.ts). */
const wordsMax = 1024
/** The states of oids/check.json, in their order. */
const FAILED = 1

export function checkedEvent(
  { at, rows, metrics }: AcceptedCollection,
  now: number,
): Extract<StatusEvent, { type: 'good' | 'failed' }> {
  const states = metrics.get('state') ?? []
  const failed = [...states.keys()].filter(i => states[i] === FAILED)
  if (failed.length === 0) return { type: 'good', at, now }
  const [first = 0] = failed
  const why = `${rows?.[first] ?? ''}: ${textOf(metrics.get('error')?.[first])}`
  const words = `${counted(failed.length, states.length)}: ${why}`.slice(0, wordsMax)
  if (failed.length < states.length) return { type: 'good', at, now, partly: words }
  return { type: 'failed', at, now, reason: 'unreachable', error: words }
}

const textOf = (value: Value | undefined): string => (typeof value === 'string' ? value : '')

function counted(failed: number, all: number): string {
  if (all === 1) return 'its check fails'
  return failed === all ? `all ${all} checks fail` : `${failed} of ${all} checks fail`
}
