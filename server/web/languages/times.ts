// Times and numbers as a person reads them, in the own language and time zone.

import { formatSeconds, formatValue } from '../../model/units.ts'
import type { Language } from '../../model/user.ts'
import type { Dictionary } from './en.ts'
import type { Reader } from './say.ts'

/** Two for each language and zone that somebody reads in. */
const FORMATS_MAX = 500
const formats = new Map<string, Intl.DateTimeFormat>()

function whenFormat({ language, zone }: Reader): Intl.DateTimeFormat {
  return formatOf(language === 'en' ? 'en-GB' : language, zone, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  })
}

/** Making one costs more than using it a thousand times. */
function formatOf(
  locale: string,
  timeZone: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${locale} ${timeZone}`
  const known = formats.get(key)
  if (known) return known
  const made = new Intl.DateTimeFormat(locale, { ...options, timeZone })
  if (formats.size >= FORMATS_MAX) formats.clear()
  formats.set(key, made)
  return made
}

/** `2026-11-22 21:24:01` in the reader's zone, which a table's head names; Sweden writes it so. */
export function stampText({ zone }: Reader, ms: number): string {
  return formatOf('sv-SE', zone, { dateStyle: 'short', timeStyle: 'medium' }).format(ms)
}

/** `22 Nov 2026, 21:24:01 UTC`; Unix ms. */
export function whenText(reader: Reader, ms: number): string {
  return whenFormat(reader).format(ms)
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
