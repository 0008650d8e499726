// Conditions that hold and have not held for long enough yet, as they are kept over a restart of judge:
// a rule with a time would else begin anew with every start.

import Type, { type Static } from 'typebox'
import { checker, parseJson } from '../validate.ts'

/** Characters that are kept, about 12,000 series; beyond, the rest begins anew. */
const textCharsMax = 3_000_000

const Pending = Type.Object({
  device: Type.String(),
  deviceUid: Type.Integer(),
  rule: Type.String(),
  group: Type.String(),
  metric: Type.String(),
  row: Type.Union([Type.String(), Type.Null()]),
  /** Of the samples: since when it holds, and the newest of them; Unix ms. */
  since: Type.Number(),
  at: Type.Number(),
  /** For how long each severity holds, ms; -1: it does not. */
  held: Type.Tuple([Type.Number(), Type.Number(), Type.Number()]),
})
export type Pending = Static<typeof Pending>

const checkPending = checker(Type.Array(Pending), { firstOnly: true })

export function pendingText(pending: readonly Pending[]): string {
  const parts: string[] = []
  let chars = 2
  for (const one of pending) {
    const part = JSON.stringify(one)
    chars += part.length + 1
    if (chars > textCharsMax) break
    parts.push(part)
  }
  return `[${parts.join(',')}]`
}

/** Nothing where there is none, or another version wrote it. */
export function pendingOf(text: string | null): Pending[] {
  const checked = checkPending(text === null ? [] : parseJson(text))
  return checked.ok ? checked.value : []
}
