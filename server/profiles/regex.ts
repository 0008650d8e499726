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
export function compileRegex(
  pattern: string,
  flags = '',
): (text: string) => RegExpExecArray | null {
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

interface Group {
  repeats: boolean
  chooses: boolean
}

/** What a quantifier may stand after. */
interface Atom {
  end: number
  isWide: boolean
  group: Group | null
}

/** Refuses groups that repeat inside a repetition, and too many repetitions. */
function refuseSlow(pattern: string): void {
  const open: Group[] = [{ repeats: false, chooses: false }]
  let repetitions = 0
  let wide = pattern.startsWith('^') ? -1 : 0
  for (let i = 0; i < pattern.length; ) {
    const atom = atomAt(pattern, i, open)
    const quantifier = atom && QUANTIFIER.exec(pattern.slice(atom.end))
    if (quantifier) {
      const { repeats } = quantify(atom, quantifier, open.at(-1))
      if (repeats) repetitions++
      if (repeats && atom.isWide) wide++
      if (repetitions > repetitionsMax || wide > wideRepetitionsMax) {
        throw new RegexError('too many repetitions: this could take too long', atom.end)
      }
    }
    i = atom ? atom.end + (quantifier?.[0].length ?? 0) : i + opening(pattern, i, open)
  }
}

/** The atom that begins here; null for `(`, `|` and anchors, after which nothing is repeated. */
function atomAt(pattern: string, i: number, open: Group[]): Atom | null {
  const c = pattern[i] ?? ''
  if (c === '(' || c === '|' || c === '^') return null
  if (c === '\\') {
    const escaped = pattern[i + 1] ?? ''
    if (/[1-9k]/.test(escaped)) throw new RegexError('back references are not allowed', i)
    return { end: i + 2, isWide: /[SDW]/.test(escaped), group: null }
  }
  if (c === '[') return { end: classEnd(pattern, i), isWide: pattern[i + 1] === '^', group: null }
  if (c !== ')') return { end: i + 1, isWide: c === '.', group: null }
  const group = open.length > 1 ? (open.pop() ?? null) : null
  const outer = open.at(-1)
  if (outer && group) {
    outer.repeats ||= group.repeats
    outer.chooses ||= group.chooses
  }
  return { end: i + 1, isWide: false, group }
}

/** Takes `(` and what belongs to it, or `|`, or an anchor; gives its length. */
function opening(pattern: string, i: number, open: Group[]): number {
  const rest = pattern.slice(i)
  if (rest.startsWith('(')) {
    if (/^\(\?<?[=!]/.test(rest)) throw new RegexError('look-around is not allowed', i)
    open.push({ repeats: false, chooses: false })
    return /^\((?:\?(?::|<[A-Za-z]\w*>))?/.exec(rest)?.[0].length ?? 1
  }
  const inner = open.at(-1)
  if (rest.startsWith('|') && inner) inner.chooses = true
  return 1
}

function quantify(
  atom: Atom,
  quantifier: RegExpExecArray,
  inner: Group | undefined,
): { repeats: boolean } {
  const repeats = isRepetition(quantifier)
  if (repeats && (atom.group?.repeats || atom.group?.chooses)) {
    throw new RegexError('a repeated group must not repeat or choose inside itself', atom.end)
  }
  if (inner && repeats) inner.repeats = true
  else if (inner) inner.chooses = true
  return { repeats }
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
