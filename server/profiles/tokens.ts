// Cuts an expression into tokens, and the error that every fault of an expression is told by.

/** What is wrong with an expression; `offset` counts its characters from 0. */
export class ExpressionError extends Error {
  readonly code: 'E_EXPR' | 'E_NAME' | 'E_REGEX'
  readonly offset: number
  readonly hint: string
  constructor(code: 'E_EXPR' | 'E_NAME' | 'E_REGEX', message: string, offset: number, hint = '') {
    super(message)
    this.name = 'ExpressionError'
    this.code = code
    this.offset = offset
    this.hint = hint
  }
}

export interface Token {
  kind: 'number' | 'text' | 'regex' | 'name' | 'operator'
  text: string
  flags: string
  at: number
}

const TOKEN =
  /\s*(?:(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|'(?<text>(?:[^'\\]|\\.)*)'|(?<name>[a-z_][a-z0-9_]*)|(?<operator>\*\*|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:(),]))/iy
const REGEX = /\s*\/((?:[^/\\[]|\\.|\[(?:[^\]\\]|\\.)*\])+)\/([a-z]*)/y

/**
 * The tokens of an expression; a pattern is one only where a value may begin inside a call.
 * @throws ExpressionError for what is no token
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.trimEnd().length) {
    const last = tokens.at(-1)
    const token =
      last && (last.text === '(' || last.text === ',') && last.kind === 'operator'
        ? (regexToken(text, at) ?? plainToken(text, at))
        : plainToken(text, at)
    tokens.push(token.token)
    at = token.end
  }
  return tokens
}

function regexToken(text: string, from: number): { token: Token; end: number } | null {
  REGEX.lastIndex = from
  const match = REGEX.exec(text)
  if (!match) return null
  const at = match.index + match[0].indexOf('/')
  const [, pattern = '', flags = ''] = match
  if (flags !== '' && flags !== 'i') {
    throw new ExpressionError('E_REGEX', `unknown flags "${flags}"`, at, 'the only flag is i')
  }
  return { token: { kind: 'regex', text: pattern, flags, at }, end: REGEX.lastIndex }
}

function plainToken(text: string, from: number): { token: Token; end: number } {
  TOKEN.lastIndex = from
  const match = TOKEN.exec(text)
  const at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0)
  if (!match?.groups) {
    const message = text[at] === "'" ? 'this text has no end' : `"${text[at]}" has no meaning here`
    const hint = text[at] === '"' ? "texts stand in single quotes: 'like this'" : ''
    const assigned = text[at] === '=' ? 'equality is written ==' : hint
    throw new ExpressionError('E_EXPR', message, at, assigned)
  }
  for (const kind of ['number', 'text', 'name', 'operator'] as const) {
    const found = match.groups[kind]
    if (found === undefined) continue
    const content = kind === 'text' ? found.replace(/\\(.)/g, '$1') : found
    return { token: { kind, text: content, flags: '', at }, end: TOKEN.lastIndex }
  }
  throw new ExpressionError('E_EXPR', 'cannot be read', at)
}
