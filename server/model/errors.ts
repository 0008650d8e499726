// The one error type of Pollux: what happened, a stable code, and what to do about it.
// It does not log and knows no protocol; a layer adds its own words once, by `cause`.

/** One wrong field of a document; `path` is dotted, as `credentials.community`. */
export interface FieldError {
  path: string
  message: string
}

export interface AppErrorOptions {
  /** What a person can do about it, as a sentence. */
  hint?: string
  cause?: unknown
  /** True when the same call may succeed later without anybody changing anything. */
  passing?: boolean
  /** For refused documents: every wrong field at once. */
  errors?: FieldError[]
}

/** An error that is meant to be read by a person. `code` never changes once published. */
export class AppError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly passing: boolean
  readonly errors: FieldError[]

  constructor(code: string, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.hint = options.hint
    this.passing = options.passing ?? false
    this.errors = options.errors ?? []
  }
}

/** The text of anything thrown: errors give their message, everything else its string form. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
