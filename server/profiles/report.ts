// How compiling says what is wrong: a problem at a JSON pointer of the joined document. The catalogue
// turns pointers into files, lines and columns.

import type { Problem } from './catalogue.ts'
import { RegexError } from './regex.ts'
import { ExpressionError } from './tokens.ts'

export interface Finding {
  code: Problem['code']
  pointer: string
  message: string
  hint?: string
  /** Whether the property's name or its value is wrong. */
  what?: 'key' | 'value'
  /** Characters into the text at the pointer. */
  offset?: number
}

export type Report = (finding: Finding) => void

/** Runs a compiler; what it throws at the author becomes a finding, and the result null. */
export function reported<T>(
  report: Report,
  pointer: string,
  compile: () => T,
  shift = 0,
): T | null {
  try {
    return compile()
  } catch (error) {
    if (error instanceof ExpressionError) {
      const { code, message, hint } = error
      report({ code, pointer, message, hint, offset: Math.max(0, error.offset - shift) })
    } else if (error instanceof RegexError) {
      const { message, offset } = error
      report({ code: 'E_REGEX', pointer, message, offset })
    } else throw error
    return null
  }
}
