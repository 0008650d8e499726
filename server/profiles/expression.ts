// The expression language of profiles: a tokenizer, a parser by precedence and closures. There are
// no loops, no assignment and no eval. Null spreads through arithmetic and comparison, and counts as
// false; what is not a finite number is null.

import { suggestion } from './nearest.ts'
import { compileRegex, RegexError } from './regex.ts'

/** A value inside a profile: what decoding gives and expressions compute with. */
export type Scalar = number | string | boolean | null

export const EXPRESSION_LENGTH_MAX = 500
/** Parentheses and operators inside each other. */
const nestingMax = 50

/** Reads one name's value for the row that an evaluation is about. */
export type Reader<Frame> = (frame: Frame) => Scalar

export interface Expression<Frame> {
  evaluate: (frame: Frame) => Scalar
  /** Every name that it reads. */
  names: ReadonlySet<string>
}

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

/** Which names an expression may use. */
export interface Names<Frame> {
  reader(name: string): Reader<Frame> | undefined
  known(): string[]
}

/**
 * Compiles an expression.
 * @throws ExpressionError with the place and a hint
 */
export function compileExpression<Frame>(text: string, names: Names<Frame>): Expression<Frame> {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    throw new ExpressionError('E_EXPR', `longer than ${EXPRESSION_LENGTH_MAX} characters`, 0)
  }
  return new Parser(tokenize(text), names, text.length).parse()
}

interface Token {
  kind: 'number' | 'text' | 'regex' | 'name' | 'operator'
  text: string
  flags: string
  at: number
}

const TOKEN =
  /\s*(?:(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|'(?<text>(?:[^'\\]|\\.)*)'|(?<name>[a-z_][a-z0-9_]*)|(?<operator>\*\*|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:(),]))/iy
const REGEX = /\s*\/((?:[^/\\[]|\\.|\[(?:[^\]\\]|\\.)*\])+)\/([a-z]*)/y

function tokenize(text: string): Token[] {
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
    const message =
      text[at] === "'" ? 'this text has no end' : `"${text[at]}" has no meaning here`
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

type Eval<Frame> = (frame: Frame) => Scalar

const BINARY: Record<string, number> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
}

class Parser<Frame> {
  private readonly tokens: readonly Token[]
  private readonly scope: Names<Frame>
  private readonly end: number
  private readonly used = new Set<string>()
  private place = 0
  private depth = 0

  constructor(tokens: readonly Token[], scope: Names<Frame>, end: number) {
    this.tokens = tokens
    this.scope = scope
    this.end = end
  }

  parse(): Expression<Frame> {
    const evaluate = this.conditional()
    const rest = this.tokens[this.place]
    if (rest) throw this.error(`"${rest.text}" is not expected here`)
    return { evaluate, names: this.used }
  }

  private error(message: string, hint = ''): ExpressionError {
    const at = this.tokens[this.place]?.at ?? this.end
    return new ExpressionError('E_EXPR', message, at, hint)
  }

  private peek(): string | null {
    const token = this.tokens[this.place]
    return token?.kind === 'operator' ? token.text : null
  }

  private take(operator: string): void {
    if (this.peek() !== operator) {
      const found = this.tokens[this.place]
      throw this.error(
        found ? `"${operator}" is expected here, not "${found.text}"` : `"${operator}" is missing`,
      )
    }
    this.place++
  }

  private nested<T>(parse: () => T): T {
    if (++this.depth > nestingMax) throw this.error(`nested deeper than ${nestingMax} levels`)
    const result = parse()
    this.depth--
    return result
  }

  private conditional(): Eval<Frame> {
    return this.nested(() => {
      const condition = this.binary(1)
      if (this.peek() !== '?') return condition
      this.place++
      const yes = this.conditional()
      this.take(':')
      const no = this.conditional()
      return frame => (truth(condition(frame)) ? yes(frame) : no(frame))
    })
  }

  private binary(least: number): Eval<Frame> {
    let left = this.unary()
    for (;;) {
      const operator = this.peek() ?? ''
      const strength = Object.hasOwn(BINARY, operator) ? (BINARY[operator] ?? 0) : 0
      if (strength < least || strength === 0) return left
      this.place++
      left = binaryOperation(operator, left, this.binary(strength + 1))
    }
  }

  private unary(): Eval<Frame> {
    const operator = this.peek()
    if (operator === '-' || operator === '!' || operator === '+') {
      this.place++
      const operand = this.nested(() => this.unary())
      if (operator === '!') return frame => !truth(operand(frame))
      const sign = operator === '-' ? -1 : 1
      return frame => {
        const value = number(operand(frame))
        return value === null ? null : sign * value
      }
    }
    const base = this.primary()
    if (this.peek() !== '**') return base
    this.place++
    const exponent = this.nested(() => this.unary())
    return binaryOperation('**', base, exponent)
  }

  private primary(): Eval<Frame> {
    const token = this.tokens[this.place]
    if (!token) throw this.error('the expression ends too early')
    if (token.kind === 'operator' && token.text === '(') {
      this.place++
      const inner = this.conditional()
      this.take(')')
      return inner
    }
    if (token.kind === 'operator') throw this.error(`a value is expected here, not "${token.text}"`)
    if (token.kind === 'regex') {
      throw this.error('a pattern may only stand in matches(text, /pattern/)')
    }
    this.place++
    if (token.kind === 'number') return constant(Number(token.text))
    if (token.kind === 'text') return constant(token.text)
    return this.peek() === '(' ? this.call(token) : this.name(token)
  }

  private name(token: Token): Eval<Frame> {
    if (token.text === 'null') return constant(null)
    if (token.text === 'true' || token.text === 'false') return constant(token.text === 'true')
    const reader = this.scope.reader(token.text)
    if (!reader) {
      const hint = suggestion(token.text, this.scope.known())
      throw new ExpressionError('E_NAME', `"${token.text}" is not known here`, token.at, hint)
    }
    this.used.add(token.text)
    return reader
  }

  private call(name: Token): Eval<Frame> {
    if (name.text === 'matches') return this.matches()
    const known = Object.hasOwn(FUNCTIONS, name.text) ? FUNCTIONS[name.text] : undefined
    if (!known) {
      const hint = suggestion(name.text, [...Object.keys(FUNCTIONS), 'matches'])
      throw new ExpressionError('E_NAME', `there is no function "${name.text}"`, name.at, hint)
    }
    this.take('(')
    const parameters: Eval<Frame>[] = []
    while (this.peek() !== ')') {
      parameters.push(this.conditional())
      if (this.peek() !== ',') break
      this.place++
    }
    this.take(')')
    const [least, most] = known.parameters
    if (parameters.length < least || parameters.length > most) {
      const count = least === most ? `${least}` : `${least} to ${most}`
      throw new ExpressionError('E_EXPR', `${name.text}() takes ${count} values`, name.at)
    }
    return frame => finite(known.compute(parameters.map(parameter => parameter(frame))))
  }

  private matches(): Eval<Frame> {
    this.take('(')
    const subject = this.conditional()
    this.take(',')
    const token = this.tokens[this.place]
    if (token?.kind !== 'regex') {
      throw this.error('matches() takes a text and a pattern', 'as matches(name, /^eth/i)')
    }
    let find: ReturnType<typeof compileRegex>
    try {
      find = compileRegex(token.text, token.flags)
    } catch (error) {
      if (!(error instanceof RegexError)) throw error
      throw new ExpressionError('E_REGEX', error.message, token.at + 1 + error.offset)
    }
    this.place++
    this.take(')')
    return frame => {
      const text = subject(frame)
      return text === null ? null : find(String(text)) !== null
    }
  }
}

function constant<Frame>(value: Scalar): Eval<Frame> {
  return () => value
}

/** Null, 0, '' and false are false. */
export function truth(value: Scalar): boolean {
  return Boolean(value)
}

function number(value: Scalar): number | null {
  if (typeof value === 'number') return value
  return typeof value === 'boolean' ? Number(value) : null
}

function finite(value: Scalar): Scalar {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

const ARITHMETIC: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '**': (a, b) => a ** b,
}

const ORDER: Record<string, (a: number | string, b: number | string) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

function binaryOperation<F>(operator: string, left: Eval<F>, right: Eval<F>): Eval<F> {
  if (operator === '&&') return frame => truth(left(frame)) && truth(right(frame))
  if (operator === '||') return frame => truth(left(frame)) || truth(right(frame))
  if (operator === '==' || operator === '!=') {
    const wanted = operator === '=='
    return frame => {
      const a = left(frame)
      const b = right(frame)
      return a === null || b === null ? null : same(a, b) === wanted
    }
  }
  const order = ORDER[operator]
  if (order) return frame => compare(order, left(frame), right(frame))
  const compute = ARITHMETIC[operator]
  if (!compute) throw new ExpressionError('E_EXPR', `unknown operator ${operator}`, 0)
  return frame => {
    const a = number(left(frame))
    const b = number(right(frame))
    return a === null || b === null ? null : finite(compute(a, b))
  }
}

function same(a: Scalar, b: Scalar): boolean {
  if (a === b) return true
  return (typeof a === 'boolean') !== (typeof b === 'boolean') && number(a) === number(b) && number(a) !== null
}

function compare(
  order: (a: number | string, b: number | string) => boolean,
  a: Scalar,
  b: Scalar,
): Scalar {
  if (typeof a === 'string' && typeof b === 'string') return order(a, b)
  const left = number(a)
  const right = number(b)
  return left === null || right === null ? null : order(left, right)
}

interface FunctionOfProfile {
  parameters: readonly [least: number, most: number]
  compute(values: readonly Scalar[]): Scalar
}

/** A function of numbers alone: null where one of them is none. */
function numeric(least: number, most: number, compute: (...n: number[]) => number): FunctionOfProfile {
  return {
    parameters: [least, most],
    compute(values) {
      const numbers: number[] = []
      for (const value of values) {
        const n = number(value)
        if (n === null) return null
        numbers.push(n)
      }
      return compute(...numbers)
    },
  }
}

const FUNCTIONS: Record<string, FunctionOfProfile> = {
  min: numeric(1, 20, Math.min),
  max: numeric(1, 20, Math.max),
  abs: numeric(1, 1, Math.abs),
  round: numeric(1, 2, (value, places = 0) => {
    const factor = 10 ** Math.min(15, Math.max(-15, Math.trunc(places)))
    return Math.round(value * factor) / factor
  }),
  floor: numeric(1, 1, Math.floor),
  log10: numeric(1, 1, Math.log10),
  // Bit 0 is the lowest; beyond 32 bits JavaScript's own operators would cut.
  bit: numeric(2, 2, (value, place) => Math.floor(Math.abs(value) / 2 ** place) % 2),
  coalesce: { parameters: [1, 20], compute: values => values.find(value => value !== null) ?? null },
  num: { parameters: [1, 1], compute: ([value = null]) => firstNumber(value) },
  contains: {
    parameters: [2, 2],
    compute: ([text = null, part = null]) =>
      text === null || part === null ? null : String(text).includes(String(part)),
  },
}

// A sign after a letter or a digit is a hyphen: the number of "fan-2" is 2.
const NUMBER = /(?:(?<!\w)[-+])?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/

/** The first number in a text: 23.8 of "23.8 °C". */
export function firstNumber(value: Scalar): number | null {
  if (typeof value !== 'string') return number(value)
  const found = NUMBER.exec(value.slice(0, 512))
  return found ? Number(found[0]) : null
}
