// What the operators and functions of expressions compute. Null spreads through arithmetic and
// comparison; what is not a finite number is null.

import { ExpressionError } from './tokens.ts'

/** A value inside a profile: what decoding gives and expressions compute with. */
export type Scalar = number | string | boolean | null

export type Eval<Frame> = (frame: Frame) => Scalar

/** Null, 0, '' and false are false. */
export function truth(value: Scalar): boolean {
  return Boolean(value)
}

export function number(value: Scalar): number | null {
  if (typeof value === 'number') return value
  return typeof value === 'boolean' ? Number(value) : null
}

export function finite(value: Scalar): Scalar {
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

/** The closure of an operator between two values. */
export function binaryOperation<F>(operator: string, left: Eval<F>, right: Eval<F>): Eval<F> {
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
  return (
    (typeof a === 'boolean') !== (typeof b === 'boolean') &&
    number(a) === number(b) &&
    number(a) !== null
  )
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

export interface FunctionOfProfile {
  parameters: readonly [least: number, most: number]
  compute(values: readonly Scalar[]): Scalar
}

/** A function of numbers alone: null where one of them is none. */
function numeric(
  least: number,
  most: number,
  compute: (...n: number[]) => number,
): FunctionOfProfile {
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

/** Every function by name; `matches` is the parser's own, because it takes a pattern. */
export const FUNCTIONS: Record<string, FunctionOfProfile> = {
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
  coalesce: {
    parameters: [1, 20],
    compute: values => values.find(value => value !== null) ?? null,
  },
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
