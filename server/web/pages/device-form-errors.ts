// The errors of a device's document, as its form shows them: beside the field that each means.

import type { FieldError } from '../../model/errors.ts'
import type { Dictionary } from '../languages/en.ts'
import { DEVICE_FIELDS, type Values } from './device-fields.ts'
import { wordsOf } from './device-form-words.ts'

export interface ShownError {
  /** The field's name and id; empty: no field of the form. */
  field: string
  label: string
  message: string
}

/**
 * Errors of a document as the form shows them: one for each field, and none of the SNMP version that
 * was not chosen (a document's check names what is wrong under either).
 */
export function shownErrors(
  errors: readonly FieldError[],
  values: Values,
  words: Dictionary,
): ShownError[] {
  const version = values['credentials.version'] ?? ''
  const own = errors.filter(({ path }) => !isOtherVersion(path, version))
  const shown = new Map<string, ShownError>()
  for (const { path, message } of own.length > 0 ? own : errors) {
    const { field, label } = placeOf(path, words)
    const key = field || path
    if (!shown.has(key)) shown.set(key, { field, label, message })
  }
  return [...shown.values()]
}

/** The field that an error's path means: itself, the list or object it is in, or the first within it. */
function placeOf(path: string, words: Dictionary): { field: string; label: string } {
  for (const { name, input, fields } of DEVICE_FIELDS) {
    const [number = '', key = ''] = path.startsWith(`${name}.`)
      ? path.slice(name.length + 1).split('.', 2)
      : []
    if (input === 'rows' && fields.some(inner => inner.name === key)) {
      const { label } = wordsOf(words, `${name}.${key}`)
      const row = words.deviceForm.row(Number(number) + 1)
      return { field: `${name}.${number}.${key}`, label: `${row}: ${label}` }
    }
    if (path === name || number !== '') return { field: name, label: wordsOf(words, name).label }
  }
  const within = path && DEVICE_FIELDS.find(({ name }) => name.startsWith(`${path}.`))
  if (within) return { field: within.name, label: wordsOf(words, within.name).label }
  return { field: '', label: path }
}

function isOtherVersion(path: string, version: string): boolean {
  if (path === 'credentials') return true
  if (!path.startsWith('credentials.')) return false
  if (path === 'credentials.version') return ['1', '2c', '3'].includes(version)
  return (path === 'credentials.community') === (version === '3')
}
