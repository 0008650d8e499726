// What an export of another monitor says of one device, and how its words become ours. Pure.

/** A device of another monitor, as far as it can be one of ours. */
export interface Found {
  /** What it is called there; our id is made of it. */
  called: string
  document: Record<string, unknown>
  /** Why it cannot be taken over; null: it can. */
  problem: string | null
}

/** Where in an export it stands. */
export interface Placed extends Found {
  path: readonly (string | number)[]
}

export const refusedFor = (called: string, problem: string): Found => ({
  called,
  document: {},
  problem,
})

const idCharsMax = 63
const tagCharsMax = 40
const tagsMax = 50

/** An id of ours: small letters, digits and `.-_`, at most 63. */
export function idOf(called: string): string {
  const id = called
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, idCharsMax)
    .replace(/[-.]+$/, '')
  return id === '' ? 'device' : id
}

/** Words as tags: without blanks and commas, each once. */
export function tagsOf(words: readonly string[]): string[] {
  const tags = words.map(word =>
    word
      .trim()
      .replaceAll(/[\s,]+/g, '-')
      .slice(0, tagCharsMax),
  )
  return [...new Set(tags.filter(tag => tag !== ''))].slice(0, tagsMax)
}

/** `host`, `host:port`, `[v6]:port`, with or without `udp://`; null: over something that is not UDP. */
export function addressOf(target: string): { address: string; port: number | null } | null {
  const scheme = /^([a-z0-9]+):\/\//i.exec(target)
  if (scheme && !/^udp6?$/i.test(scheme[1] ?? '')) return null
  const rest = target.slice(scheme?.[0].length ?? 0)
  const found = /^\[([^\]]+)\](?::(\d+))?$/.exec(rest) ?? /^([^:]+):(\d+)$/.exec(rest)
  if (!found) return { address: rest, port: null }
  return { address: found[1] ?? '', port: found[2] ? Number(found[2]) : null }
}

/** An empty text, nothing and a number, as exports write the same things. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : ''
}

/** Without what is not said. */
export function said(document: Record<string, unknown>): Record<string, unknown> {
  const isSaid = (value: unknown) =>
    value !== undefined &&
    value !== null &&
    value !== '' &&
    !(Array.isArray(value) && !value.length)
  return Object.fromEntries(Object.entries(document).filter(([, value]) => isSaid(value)))
}
