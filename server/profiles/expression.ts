// The expression language of profiles: a parser by precedence that gives closures. There are no
// loops, no assignment and no eval.

import { suggestion } from './nearest.ts'
import {
  binaryOperation,
  type Eval,
  FUNCTIONS,
  finite,
  number,
  type Scalar,
  truth,
} from './operators.ts'
import { compileRegex, RegexError } from './regex.ts'
import { ExpressionError, type Token, tokenize } from './tokens.ts'

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
