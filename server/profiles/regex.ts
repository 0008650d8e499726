// Regular expressions that people write in profiles. JavaScript's matcher backtracks, so a pattern
// that could take more than quadratic time is refused at load, and the input is cut.

/** Characters of a text that a pattern gets to see; sysDescr is at most 255 (RFC 3418). */
export const REGEX_INPUT_MAX = 512
/** Repetitions without an upper bound in one pattern. */
const repetitionsMax = 8
/** Of these, such as match nearly anything (`.*`, `\S+`, `[^x]*`): their cost multiplies. */
const wideRepetitionsMax = 2

/** Why a pattern is refused, at which of its characters. */
export class RegexError extends Error {
  readonly offset: number
  constructor(message: string, offset: number) {
    super(message)
    this.name = 'RegexError'
    this.offset = offset
  }
}

/**
 * A pattern compiled, with its input bounded.
 * @throws RegexError for what is no pattern, or could take too long
 */
export function compileRegex(pattern: string, flags = ''): (text: string) => RegExpExecArray | null {
  refuseSlow(pattern)
  let regex: RegExp
  try {
    regex = new RegExp(pattern, flags)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new RegexError(message.replace(/^Invalid regular expression: /, ''), 0)
  }
  return text => regex.exec(text.length > REGEX_INPUT_MAX ? text.slice(0, REGEX_INPUT_MAX) : text)
}

const QUANTIFIER = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/

interface Atom {
  wide: boolean
  group: { repeats: boolean; chooses: boolean } | null
}

/** One walk over the pattern: groups that repeat inside a repetition, and too many repetitions. */
function refuseSlow(pattern: string): void {
  const open: { repeats: boolean; chooses: boolean }[] = []
  let atom: Atom | null = null
  let repetitions = 0
  let wide = pattern.startsWith('^') ? -1 : 0
  for (let i = 0; i < pattern.length; ) {
    const c = pattern[i]
    if (c === '\\') {
      if (/[1-9k]/.test(pattern[i + 1] ?? '')) {
        throw new RegexError('back references are not allowed', i)
      }
      atom = { wide: /[SDW]/.test(pattern[i + 1] ?? ''), group: null }
      i += 2
    } else if (c === '[') {
      const end = classEnd(pattern, i)
      atom = { wide: pattern[i + 1] === '^', group: null }
      i = end
    } else if (c === '(') {
      if (/^\(\?<?[=!]/.test(pattern.slice(i))) {
        throw new RegexError('look-around is not allowed', i)
      }
      open.push({ repeats: false, chooses: false })
      atom = null
      i += /^\((\?(:|<[A-Za-z]\w*>))?/.exec(pattern.slice(i))?.[0].length ?? 1
    } else if (c === ')') {
      const group = open.pop() ?? null
      const outer = open.at(-1)
      if (outer && group) {
        outer.repeats ||= group.repeats
        outer.chooses ||= group.chooses
      }
      atom = { wide: false, group }
      i++
    } else {
      const quantifier = QUANTIFIER.exec(pattern.slice(i))
      if (quantifier && atom) {
        const inner = open.at(-1)
        if (isRepetition(quantifier)) {
          if (atom.group?.repeats || atom.group?.chooses) {
            throw new RegexError('a repeated group must not repeat or choose inside itself', i)
          }
          repetitions++
          if (atom.wide) wide++
          if (inner) inner.repeats = true
        } else if (inner) inner.chooses = true
        i += quantifier[0].length
        atom = null
      } else {
        const inner = open.at(-1)
        if (c === '|' && inner) inner.chooses = true
        atom = { wide: c === '.', group: null }
        i++
      }
    }
    if (repetitions > repetitionsMax || wide > wideRepetitionsMax) {
      throw new RegexError('too many repetitions: this could take too long', i - 1)
    }
  }
}

/** `*`, `+`, `{n,}` and wide ranges; `?` and `{2}` cost little. */
function isRepetition(quantifier: RegExpExecArray): boolean {
  const [text, least, comma, most] = quantifier
  if (text.startsWith('?')) return false
  if (least === undefined) return true
  if (comma === undefined) return Number(least) > 20
  return most === '' || Number(most) > 20
}

function classEnd(pattern: string, start: number): number {
  let i = start + 1
  if (pattern[i] === '^') i++
  for (; i < pattern.length && pattern[i] !== ']'; i++) if (pattern[i] === '\\') i++
  return i + 1
}
