// In which language and time zone a request is answered: what the person chose, else what the browser
// asks for (RFC 9110, 12.5.4), else English and UTC. The zone is the browser's own, told by a cookie.

import type { FastifyRequest } from 'fastify'
import { LANGUAGES, type Language } from '../../model/user.ts'
import { type Dictionary, en } from './en.ts'
import { fr } from './fr.ts'

export const DICTIONARIES: Record<Language, Dictionary> = { en, fr }

/** How a person wants to be spoken to. */
export interface Reader {
  language: Language
  /** An IANA name that this Node knows. */
  zone: string
}

const ACCEPT_LENGTH_MAX = 500
const ZONE_LENGTH_MAX = 64
/** Zones that were asked for and exist; there are some 600. */
const ZONES_MAX = 1000
const zones = new Set(['UTC'])

/** The words for whoever sent this request. */
export function say(request: FastifyRequest): Dictionary {
  return DICTIONARIES[readerOf(request).language]
}

export function wordsOf({ language }: Reader): Dictionary {
  return DICTIONARIES[language]
}

/** `chosen`: the language of the person's account, where it is known already. */
export function readerOf(
  request: FastifyRequest,
  chosen: Language | null = request.viewer?.user?.language ?? null,
): Reader {
  return {
    language:
      chosen ??
      languageNamed(request.cookies.language) ??
      accepted(request.headers['accept-language'] ?? ''),
    zone: zoneNamed(request.cookies.zone),
  }
}

export function languageNamed(name: string | undefined): Language | null {
  return LANGUAGES.find(language => language === name) ?? null
}

/** The first of the browser's languages by weight that there is a dictionary for. */
function accepted(header: string): Language {
  const wanted = header
    .slice(0, ACCEPT_LENGTH_MAX)
    .split(',')
    .map(part => {
      const [tag = '', ...parameters] = part.trim().toLowerCase().split(';')
      const weight = parameters.map(one => /^\s*q=([\d.]+)$/.exec(one)?.[1]).find(Boolean)
      return { language: languageNamed(tag.split('-')[0]), weight: Number(weight ?? 1) }
    })
    .filter(({ language, weight }) => language !== null && weight > 0)
    .sort((a, b) => b.weight - a.weight)
  return wanted[0]?.language ?? 'en'
}

function zoneNamed(name: string | undefined): string {
  if (name === undefined || name.length > ZONE_LENGTH_MAX) return 'UTC'
  if (zones.has(name)) return name
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
  } catch {
    return 'UTC'
  }
  if (zones.size < ZONES_MAX) zones.add(name)
  return name
}
