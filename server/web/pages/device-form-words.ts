// What the dictionary says of the fields of the device form.

import type { Dictionary } from '../languages/en.ts'

/** What the dictionary says of one field. */
export interface FieldWords {
  label: string
  hint?: string
  /** Instead of `hint`, where the kind is known. */
  hints?: Record<string, string>
  choices?: Record<string, string>
  /** The choice that is none. */
  none?: string
  placeholder?: string
}

/** The dictionary's words; of a field that it does not know yet, those of its name. */
export function wordsOf(words: Dictionary, name: string): FieldWords {
  if (isWorded(words, name)) return words.deviceFields[name]
  const last = name.split('.').at(-1) ?? name
  const plain = last.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()
  return { label: plain.charAt(0).toUpperCase() + plain.slice(1) }
}

function isWorded(words: Dictionary, name: string): name is keyof Dictionary['deviceFields'] {
  return Object.hasOwn(words.deviceFields, name)
}
