// JSON at a border: a TypeBox schema becomes a function that either gives the typed value or says
// every wrong field at once. It does not coerce: forms turn texts into numbers before they come here.

import { Ajv, type ErrorObject } from 'ajv'
import type { Static, TSchema } from 'typebox'
import { AppError, type FieldError } from './model/errors.ts'

/** Errors reported for one document; beyond, the document is not worth listing. */
const fieldErrorsMax = 20

const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true })
const firstErrorAjv = new Ajv({ allErrors: false, strict: false, allowUnionTypes: true })

export type Checked<T> = { ok: true; value: T } | { ok: false; errors: FieldError[] }

/**
 * Compiles once; call the result for every document. The document is not changed.
 * @param options.firstOnly stop at the first error: for messages that come in numbers or from
 * strangers, where listing the faults of a hostile one costs hundreds of milliseconds
 */
export function checker<T extends TSchema>(
  schema: T,
  options: { firstOnly?: boolean } = {},
): (document: unknown) => Checked<Static<T>> {
  const validate = (options.firstOnly ? firstErrorAjv : ajv).compile<Static<T>>(schema)
  return document =>
    validate(document)
      ? { ok: true, value: document }
      : { ok: false, errors: fieldErrors(validate.errors ?? []) }
}

/** As `checker`, but throws an AppError of this code that lists the wrong fields. */
export function parser<T extends TSchema>(
  schema: T,
  code: string,
  what: string,
): (document: unknown) => Static<T> {
  const check = checker(schema)
  return document => {
    const checked = check(document)
    if (checked.ok) return checked.value
    const first = checked.errors[0]
    throw new AppError(code, `${what} is not valid: ${first?.path || '(top)'} ${first?.message}`, {
      errors: checked.errors,
    })
  }
}

/** What is used of Ajv's errors; Fastify's are of the same shape. */
type SchemaError = Pick<ErrorObject, 'keyword' | 'instancePath' | 'params' | 'message'>

/** Ajv's errors as dotted paths; the summary lines of unions are dropped where a branch says more. */
export function fieldErrors(errors: readonly SchemaError[]): FieldError[] {
  const seen = new Map<string, FieldError>()
  for (const error of errors) {
    if (error.keyword === 'anyOf' && errors.length > 1) continue
    const path = error.instancePath
      .slice(1)
      .replaceAll('/', '.')
      .replaceAll('~1', '/')
      .replaceAll('~0', '~')
    const at =
      error.keyword === 'required'
        ? [path, String(error.params.missingProperty)].filter(Boolean).join('.')
        : path
    const message =
      error.keyword === 'required'
        ? 'is missing'
        : error.keyword === 'additionalProperties'
          ? `has an unknown key "${error.params.additionalProperty}"`
          : error.keyword === 'enum'
            ? `must be one of ${(error.params.allowedValues as unknown[]).join(', ')}`
            : (error.message ?? 'is not valid')
    if (!seen.has(at)) seen.set(at, { path: at, message })
    if (seen.size >= fieldErrorsMax) break
  }
  return [...seen.values()]
}

/** The value of a JSON text or its bytes; undefined for what is not JSON, which no schema accepts. */
export function parseJson(payload: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof payload === 'string' ? payload : textOf(payload))
  } catch {
    return undefined
  }
}

/** The same bytes, not a copy: messages are parsed on the hot path. */
function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8')
}
