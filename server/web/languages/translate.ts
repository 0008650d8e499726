// A text that another layer made (an error and its hint, a check, a setting's meaning) in the reader's
// language. Such texts are English, as the log and the API have them; messages.ts lists them, with
// `{name}` where a value stands, and each language says them by that list. What is on no list, as a
// device's own words, stays as it is.

import { MESSAGES, type Message, type Messages } from './messages.ts'

/** A longer text is no message of ours. */
const CHARS_MAX = 2000
/** Places at which a text is taken apart, and how often its rest is again; beyond, it stays as it is. */
const PARTS_MAX = 6

interface Template {
  message: Message
  /** The fixed texts around the values: one more than there are values. */
  fixed: string[]
  /** `=why`: the value is a message too. */
  names: string[]
}

const exact = new Set<string>(MESSAGES.filter(message => !message.includes('{')))
/** The most fixed text first: what fits `must be >= {n}` fits `must be {type}` too. */
const templates: Template[] = MESSAGES.filter(message => !exact.has(message))
  .map(message => ({
    message,
    fixed: message.split(/\{=?\w+\}/),
    names: [...message.matchAll(/\{(=?\w+)\}/g)].map(([, name = '']) => name),
  }))
  .sort((a, b) => b.fixed.join('').length - a.fixed.join('').length)

/** By their first letter; under `{` those that begin with a value. */
const byStart = Map.groupBy(templates, ({ message }) => message.charAt(0))

/** What was told before: in an outage each page tells the same of hundreds of devices. */
const TOLD_MAX = 5000
const told = new WeakMap<Messages, Map<string, string>>()

/** The same text where no message fits it, or a part of it. */
export function translate(messages: Messages, text: string): string {
  // English says its messages by themselves.
  if (messages['is missing'] === 'is missing' || text === '' || text.length > CHARS_MAX) return text
  const known = told.get(messages) ?? new Map<string, string>()
  told.set(messages, known)
  const found = known.get(text)
  if (found !== undefined) return found
  const said = say(messages, text, PARTS_MAX)
  if (known.size >= TOLD_MAX) known.clear()
  known.set(text, said)
  return said
}

/** @param deep so often a part of it may be looked at on its own */
function say(messages: Messages, text: string, deep: number): string {
  if (text === '' || deep === 0) return text
  return wholly(messages, text, deep) ?? inParts(messages, text, deep)
}

function wholly(messages: Messages, text: string, deep: number): string | null {
  if (isExact(text)) return messages[text]
  const fitting = [...(byStart.get(text.charAt(0)) ?? []), ...(byStart.get('{') ?? [])]
  for (const { message, fixed, names } of fitting) {
    const values = valuesOf(text, fixed)
    if (!values) continue
    const said = new Map(
      names.map((name, i) => {
        const value = values[i] ?? ''
        return [name, name.startsWith('=') ? say(messages, value, deep - 1) : value]
      }),
    )
    return messages[message].replace(/\{(=?\w+)\}/g, (whole, name) => said.get(name) ?? whole)
  }
  return null
}

const isExact = (text: string): text is Message => exact.has(text)

/** What stands between the fixed texts; null: the text is another. Linear in its length. */
function valuesOf(text: string, fixed: readonly string[]): string[] | null {
  const [first = '', ...rest] = fixed
  if (!text.startsWith(first)) return null
  const values: string[] = []
  let at = first.length
  for (const [i, part] of rest.entries()) {
    const isLast = i === rest.length - 1
    const end = isLast
      ? text.endsWith(part)
        ? text.length - part.length
        : -1
      : text.indexOf(part, at + 1)
    if (end <= at) return null
    values.push(text.slice(at, end))
    at = end + part.length
  }
  return values
}

const joint = (messages: Messages, text: string): string => (isExact(text) ? messages[text] : text)

/** Messages that were put together: `what: how to mend it`, `what; why`, `field is missing`. */
function inParts(messages: Messages, text: string, deep: number): string {
  const [, field = '', about = ''] = /^([\w.*-]+) (.+)$/s.exec(text) ?? []
  const said = about === '' ? null : wholly(messages, about, deep)
  if (said !== null) return `${field} ${said}`
  const cuts = [...text.matchAll(/: |; |\. |\.$/g)].slice(0, PARTS_MAX)
  for (const cut of cuts.toReversed()) {
    const first = wholly(messages, text.slice(0, cut.index), deep)
    const rest = text.slice(cut.index + cut[0].length)
    if (first !== null) return first + joint(messages, cut[0]) + say(messages, rest, deep - 1)
  }
  const [cut] = cuts
  if (!cut) return text
  const start = cut.index + cut[0].length
  return text.slice(0, start) + say(messages, text.slice(start), deep - 1)
}
