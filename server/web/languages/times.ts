// Times and numbers as a person reads them, in the own language and time zone.

import { formatSeconds, formatValue } from '../../model/units.ts'
import type { Language } from '../../model/user.ts'
import type { Dictionary } from './en.ts'
import type { Reader } from './say.ts'

/** One for each language and zone that somebody reads in. */
const FORMATS_MAX = 500
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf({ language, zone }: Reader): Intl.DateTimeFormat {
  const key = `${language} ${zone}`
  const known = formats.get(key)
  if (known) return known
  const made = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZone: zone,
    timeZoneName: 'short',
  })
  if (formats.size >= FORMATS_MAX) formats.clear()
  formats.set(key, made)
  return made
}

/** `22 Nov 2026, 21:24:01 UTC`; Unix ms. */
export function whenText(reader: Reader, ms: number): string {
  return formatOf(reader).format(ms)
}

/** `4 s`, `12 min`, `3 h`, `5 d`: as long as a person wants to read. */
export function ageText(words: Dictionary['time'], ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} ${words.second}`
  if (seconds < 3600) return `${Math.round(seconds / 60)} ${words.minute}`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} ${words.hour}`
  return `${Math.round(seconds / 86_400)} ${words.day}`
}

/** A text of numbers and units that was written in English. */
function localNumbers(language: Language, text: string): string {
  if (language === 'en') return text
  return text.replace(/(\d)\.(\d)/g, '$1,$2').replace(/(\d) d\b/g, '$1 j')
}

/** `formatValue` and `formatSeconds` of the model, in the language of the reader. */
export function numberTexts({ language }: Reader) {
  return {
    formatValue: (...about: Parameters<typeof formatValue>) =>
      localNumbers(language, formatValue(...about)),
    formatSeconds: (seconds: number) => localNumbers(language, formatSeconds(seconds)),
  }
}
