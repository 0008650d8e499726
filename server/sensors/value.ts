// What stands in a message as a raw value. Numbers may be written as texts, as many sensors do.

import type { RawValue } from '../model/raw.ts'

/** Characters of a text that are kept. */
const textMax = 1024

const NONE: RawValue = { type: 'none' }
const PLAIN_NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$/

/** True and false are 1 and 0; null, lists and objects are no values. */
export function rawOf(value: unknown): RawValue {
  switch (typeof value) {
    case 'number':
      return { type: 'number', value }
    case 'bigint':
      return { type: 'counter64', value }
    case 'boolean':
      return { type: 'number', value: value ? 1 : 0 }
    case 'string':
      return rawText(value)
    default:
      return NONE
  }
}

function rawText(text: string): RawValue {
  const trimmed = text.trim()
  if (trimmed === '') return NONE
  return trimmed.length <= 40 && PLAIN_NUMBER.test(trimmed)
    ? { type: 'number', value: Number(trimmed) }
    : { type: 'text', value: cut(trimmed) }
}

/** Never between the halves of a surrogate pair. */
function cut(text: string): string {
  if (text.length <= textMax) return text
  return text.slice(0, textMax).replace(/[\ud800-\udbff]$/, '')
}

/** A text that tells which row a value is of; '' where there is none. */
export function identityOf(value: unknown): string {
  if (typeof value === 'string') return value.trim()
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : ''
}
